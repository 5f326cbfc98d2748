"""The secret key of an installation that sets none."""

import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from core.server.start import secret


def test_key_is_made_once_and_kept(tmp_path: Path) -> None:
    first = secret.kept_key(tmp_path)

    again = secret.kept_key(tmp_path)

    assert len(first) == 50
    assert again == first
    assert [path.name for path in tmp_path.iterdir()] == ["secret_key"]


def test_two_installations_have_different_keys(tmp_path: Path) -> None:
    (tmp_path / "one").mkdir()
    (tmp_path / "two").mkdir()

    assert secret.kept_key(tmp_path / "one") != secret.kept_key(tmp_path / "two")


def test_key_is_readable_by_its_owner_alone(tmp_path: Path) -> None:
    secret.kept_key(tmp_path)

    assert stat.S_IMODE((tmp_path / "secret_key").stat().st_mode) == 0o600


@pytest.mark.live
def test_processes_that_start_at_once_keep_the_same_key(tmp_path: Path) -> None:
    program = (
        "import sys; from pathlib import Path; from core.server.start import secret; "
        "print(secret.kept_key(Path(sys.argv[1])))"
    )
    command = [sys.executable, "-c", program, str(tmp_path)]

    processes = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(4)]
    keys = {process.communicate(timeout=30)[0].strip() for process in processes}

    assert keys == {(tmp_path / "secret_key").read_text().strip()}
    assert [path.name for path in tmp_path.iterdir()] == ["secret_key"]


def test_loser_of_the_race_reads_the_winners_key(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def link_too_late(draft: str, path: Path) -> None:
        path.write_text("the winner's key\n")
        raise FileExistsError

    monkeypatch.setattr(os, "link", link_too_late)

    assert secret.kept_key(tmp_path) == "the winner's key"
    assert [path.name for path in tmp_path.iterdir()] == ["secret_key"]


def test_folder_that_cannot_be_written_gives_a_key_and_a_warning(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(secret, "_failures", [])
    nowhere = tmp_path / "missing"

    key = secret.kept_key(nowhere)
    secret.warn_if_unkept()

    assert len(key) == 50
    assert f"can't be stored ({nowhere}/secret_key: No such file or directory)" in caplog.text
    assert list(tmp_path.iterdir()) == []


def test_kept_key_needs_no_warning(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(secret, "_failures", [])

    secret.kept_key(tmp_path)
    secret.warn_if_unkept()

    assert caplog.text == ""


@pytest.mark.long
@pytest.mark.parametrize("key", ["$646vwfl=#&rg!g22^2towy", "$HOME", "\\$a", "a b'c"])
def test_key_of_the_environment_is_taken_to_the_letter(key: str) -> None:
    program = "from django.conf import settings; print(settings.SECRET_KEY, settings.SIMPLE_JWT['SIGNING_KEY'])"
    env = {**os.environ, "SECRET_KEY": key, "DJANGO_SETTINGS_MODULE": "ecommerce.settings"}

    run = subprocess.run([sys.executable, "-c", program], env=env, capture_output=True, text=True, check=True)

    assert run.stdout == f"{key} {key}\n"


@pytest.mark.parametrize(
    ("engine", "name", "expected"),
    [
        ("core.sqlite", "/data/shop/db.sqlite3", Path("/data/shop")),
        ("core.sqlite", ":memory:", Path("/base")),
        ("django.db.backends.postgresql", "shop", Path("/base")),
    ],
)
def test_key_lies_beside_the_database_file(engine: str, name: str, expected: Path) -> None:
    assert secret.folder({"ENGINE": engine, "NAME": name}, Path("/base")) == expected
