"""The secret key that is generated if the operator sets none."""

import logging
import os
import tempfile
from pathlib import Path
from typing import Any

from django.core.management.utils import get_random_secret_key

FILE_NAME = "secret_key"


def folder(database: dict[str, Any], base: Path) -> Path:
    """Return the folder of the SQLite file, or `base` if the database is not a file."""
    is_file = database["ENGINE"] == "core.sqlite" and database["NAME"] != ":memory:"
    return Path(database["NAME"]).resolve().parent if is_file else base


def kept_key(where: Path) -> str:
    """Return the key stored in folder `where`; if there is none, generate it and store it, readable by its owner alone.

    If the folder can't be used, the key is valid only as long as this process; `warn_if_unkept` logs that.
    """
    path = where / FILE_NAME
    try:
        if not path.exists():
            _keep(path, get_random_secret_key())
        return path.read_text().strip()
    except OSError as error:
        _failures.append(f"{path}: {error.strerror}")
        return get_random_secret_key()


_failures: list[str] = []  # the settings are read before logging is configured


def warn_if_unkept() -> None:
    """Log a warning if the tokens of this process become invalid at its exit."""
    for failure in _failures:
        logging.getLogger(__name__).warning(
            "SECRET_KEY is not set and can't be stored (%s): tokens are invalid after a restart.", failure
        )


def _keep(path: Path, key: str) -> None:
    # Written to a draft and then linked: two processes that start at once read the same complete key.
    descriptor, draft = tempfile.mkstemp(prefix=f"{path.name}.", dir=path.parent)  # readable by its owner alone
    with os.fdopen(descriptor, "w") as file:
        file.write(key + "\n")
    try:
        os.link(draft, path)
    except FileExistsError:
        logging.getLogger(__name__).debug("Another process stored its key first.")
    finally:
        os.unlink(draft)
