"""Static files with a hash in their names, compressed, which a browser keeps for a year.

`manage.py serve` and `quickstart` collect them at their start. Until they are collected, pages name the files of the
packages, which are served uncompressed and kept for a minute.
"""

import fcntl
import hashlib
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

from django.conf import settings
from django.contrib.staticfiles.finders import get_finders
from django.contrib.staticfiles.storage import HashedFilesMixin
from django.core.management import call_command
from whitenoise.middleware import WhiteNoiseMiddleware
from whitenoise.storage import CompressedManifestStaticFilesStorage

FINGERPRINT = "fingerprint"
LOCK = "lock"
IGNORED = ("CVS", ".*", "*~")  # as collectstatic does
log = logging.getLogger(__name__)


class StaticFiles(CompressedManifestStaticFilesStorage):
    """Adds hashes to names and compresses, when files are collected."""

    support_js_module_import_aggregation = True  # imports between modules name the hashed files too
    # Source maps are left alone: some packages name maps that they do not contain.
    patterns = tuple(
        (extension, tuple(each for each in patterns if "sourceMappingURL" not in str(each)))
        for extension, patterns in HashedFilesMixin.patterns
    )

    def stored_name(self, name: str) -> str:
        # STATIC_ROOT may be empty, or hold the files of an older version without this one.
        stored: str = super().stored_name(name) if self.hash_key(name) in self.hashed_files else name
        return stored

    def post_process(self, *args: Any, **options: Any) -> Iterator[tuple[str, str, bool]]:
        yield from super().post_process(*args, **options)
        Path(self.path(FINGERPRINT)).write_text(fingerprint())


class Responses(dict[str, Any]):
    """The response of each file by its path, made at its first request: making all takes a tenth of the start."""

    def get(self, path: str, default: Any = None) -> Any:
        response = super().get(path, default)
        if isinstance(response, partial):
            response = self[path] = response()
        return response


class StaticFilesMiddleware(WhiteNoiseMiddleware):
    """WhiteNoise, with a lifetime of one year for names with a hash."""

    FOREVER = 365 * 24 * 60 * 60
    files: dict[str, Any]

    def add_files(self, root: str, prefix: str | None = None) -> None:
        self.files = Responses(self.files)
        if Path(root).is_dir():  # else nothing was collected, and WhiteNoise would warn
            super().add_files(root, prefix)

    def get_static_file(self, path: str, url: str, stat_cache: dict[str, Any] | None = None) -> Any:
        if stat_cache is None:  # called for a request, not at the start
            return super().get_static_file(path, url)
        return partial(super().get_static_file, path, url, stat_cache)


def fingerprint() -> str:
    """Return a hash of the name and content of every static file of the installed apps."""
    found = hashlib.blake2b(digest_size=16)
    for finder in get_finders():
        for name, storage in finder.list(IGNORED):
            content = Path(storage.path(name)).read_bytes()
            found.update(f"{name}\0{len(content)}\0".encode() + content)
    return found.hexdigest()


def is_collected() -> bool:
    """Whether STATIC_ROOT holds the files of this version."""
    return _collected(Path(settings.STATIC_ROOT)) == fingerprint()


def collect() -> None:
    """Collect the static files into STATIC_ROOT if they have changed. If that is impossible, log the reason."""
    root = Path(settings.STATIC_ROOT)
    try:
        if _collected(root) != (wanted := fingerprint()):
            with _locked(root):
                if _collected(root) != wanted:
                    call_command("collectstatic", interactive=False, verbosity=0)
    except OSError as error:
        log.warning("Static files can't be collected in %s (%s): they are served uncompressed.", root, error.strerror)


def _collected(root: Path) -> str:
    path = root / FINGERPRINT
    return path.read_text() if path.exists() else ""


@contextmanager
def _locked(root: Path) -> Iterator[None]:
    """Wait until no other process collects files in the folder."""
    root.mkdir(parents=True, exist_ok=True)
    with (root / LOCK).open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
