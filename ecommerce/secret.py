"""The secret key of an installation that sets none."""

import logging
import os
import tempfile
from pathlib import Path
from typing import Any

from django.core.management.utils import get_random_secret_key

FILE_NAME = "secret_key"


def folder(database: dict[str, Any], base: Path) -> Path:
    """The folder of the SQLite file, or `base` when the database is a server."""
    is_file = database["ENGINE"] == "ecommerce.sqlite" and database["NAME"] != ":memory:"
    return Path(database["NAME"]).resolve().parent if is_file else base


def kept_key(where: Path) -> str:
    """Read the key kept in folder `where`; make one up and keep it, readable by its owner alone, when there is none.

    A folder that can't be used gives a key that lives as long as this process; `warn_if_unkept` says so.
    """
    path = where / FILE_NAME
    try:
        if not path.exists():
            _keep(path, get_random_secret_key())
        return path.read_text().strip()
    except OSError as error:
        _failures.append(f"{path}: {error.strerror}")
        return get_random_secret_key()


_failures: list[str] = []  # the settings are read before there is a log


def warn_if_unkept() -> None:
    """Log that the tokens of this process end with it, where that is so."""
    for failure in _failures:
        logging.getLogger(__name__).warning("SECRET_KEY is unset and can't be kept (%s): tokens end here.", failure)


def _keep(path: Path, key: str) -> None:
    # Written beside and linked: of two processes that start at once, both read the same whole key.
    descriptor, draft = tempfile.mkstemp(prefix=f"{path.name}.", dir=path.parent)  # readable by its owner alone
    with os.fdopen(descriptor, "w") as file:
        file.write(key + "\n")
    try:
        os.link(draft, path)
    except FileExistsError:
        logging.getLogger(__name__).debug("Another process kept its key first.")
    finally:
        os.unlink(draft)
