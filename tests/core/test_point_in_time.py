"""A restore to a moment between two backups, by the commands and settings of docs/operation.md."""

import os
import re
import shlex
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.live import ROOT
from tests.support.processes import readable_by_all
from tests.support.replication import Instance, requires_postgresql_programs  # noqa: F401  # a fixture
from tests.support.waiting import wait_until

pytestmark = pytest.mark.live

PAGE = (ROOT / "docs/operation.md").read_text()


def documented(kind: str, first_words: str) -> str:
    """Return the block of code of the documentation that begins with these words."""
    (block,) = (
        block for block in re.findall(rf"```{kind}\n(.*?)```", PAGE, re.DOTALL) if block.startswith(first_words)
    )
    return block


def add_settings(server: Instance, text: str) -> None:
    with (server.folder / "data/postgresql.conf").open("a") as file:
        file.write(text)


@pytest.fixture
def servers(requires_postgresql_programs, tmp_path_factory) -> Iterator[tuple[Instance, Instance]]:  # noqa: F811  # the fixture
    """A server, and one that is to be restored from its backup; neither runs yet."""
    folder = tmp_path_factory.mktemp("moment")
    for name in ("wal", "served", "restored"):
        (folder / name).mkdir()
        if os.geteuid() == 0:
            shutil.chown(folder / name, "postgres", "postgres")
    readable_by_all(folder)
    pair = Instance(folder / "served"), Instance(folder / "restored")
    yield pair
    for each in pair:
        if hasattr(each, "process"):
            each.stop()


def wal_of(server: Instance) -> Path:
    return server.folder.parent / "wal"


def test_database_is_restored_to_a_moment(servers):
    served, restored = servers
    served.initialise()
    add_settings(served, documented("ini", "archive_mode").replace("/var/backups/wal", str(wal_of(served))))
    served.start()
    served.execute("CREATE TABLE product AS SELECT 5 AS stock")
    command = documented("sh", "pg_basebackup").replace('"$DATABASE_URL"', served.url)
    served.run(*shlex.split(command.replace('"$BASE_BACKUP"', str(restored.folder / "data"))))
    served.execute("UPDATE product SET stock = 4")
    ((moment,),) = served.execute("SELECT clock_timestamp()::text")
    served.execute("UPDATE product SET stock = 0")
    ((last,),) = served.execute("SELECT pg_walfile_name(pg_switch_wal())")
    wait_until(lambda: (wal_of(served) / last).exists())

    recovery = documented("ini", "restore_command").replace("/var/backups/wal", str(wal_of(served)))
    add_settings(restored, re.sub(r"(recovery_target_time = )'.*'", rf"\1'{moment}'", recovery))
    (restored.folder / "data/recovery.signal").touch()
    restored.start()
    wait_until(lambda: restored.execute("SELECT pg_is_in_recovery()") == [(False,)])

    assert restored.execute("SELECT stock FROM product") == [(4,)]
