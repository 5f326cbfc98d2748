"""The documentation at /docs/: the Markdown pages of docs/, built to HTML when one of them has changed."""

import fcntl
import hashlib
import logging
import tempfile
from functools import cache
from pathlib import Path

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponsePermanentRedirect
from django.http.response import HttpResponseBase
from django.views.decorators.http import require_safe
from django.views.static import serve

CONFIG = "properdocs.yml"
FINGERPRINT, LOCK = "fingerprint", ".lock"
MAX_PATH_BYTES = 250  # no file system takes a longer name, and the site has none

log = logging.getLogger(__name__)


@require_safe
def documentation(request: HttpRequest, path: str) -> HttpResponseBase:
    """Respond with a page or a file of the site; a folder without its slash is redirected."""
    if len(path.encode()) > MAX_PATH_BYTES:
        raise Http404
    site = built()
    if path and not path.endswith("/") and (site / path / "index.html").is_file():
        return HttpResponsePermanentRedirect(f"{request.path}/")
    return serve(request, f"{path}index.html" if not path or path[-1] == "/" else path, str(site))


@cache
def built() -> Path:
    """Return the folder of the site, DOCS_ROOT. Builds it first if its sources have changed since."""
    site, wanted = Path(settings.DOCS_ROOT), _fingerprint()
    if _built_from(site) == wanted:
        return site
    site = _writable(site)
    with (site / LOCK).open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # several processes may serve
        if _built_from(site) != wanted:
            _build(site, wanted)
    return site


def _writable(site: Path) -> Path:
    """Make the folder and return it, or a temporary one for this process if it can't be written."""
    try:
        site.mkdir(parents=True, exist_ok=True)
        (site / LOCK).touch()
    except OSError as error:
        log.warning("The documentation is built in a temporary folder, as DOCS_ROOT can't be written: %s", error)
        return Path(tempfile.mkdtemp(prefix="docs-"))
    return site


def _build(site: Path, fingerprint: str) -> None:
    # Imported late: most processes find the site built, and the generator takes a tenth of a server's start.
    from properdocs.commands.build import build as write_pages
    from properdocs.config import load_config

    logging.getLogger("properdocs").setLevel(logging.WARNING)
    write_pages(load_config(str(settings.BASE_DIR / CONFIG), site_dir=str(site)))
    (site / FINGERPRINT).write_text(fingerprint)


def _built_from(site: Path) -> str:
    path = site / FINGERPRINT
    return path.read_text() if path.is_file() else ""


def _fingerprint() -> str:
    """Return a hash of the sources of the site."""
    found = hashlib.blake2b((settings.BASE_DIR / CONFIG).read_bytes(), digest_size=16)
    paths = (settings.BASE_DIR / "docs").rglob("*.*")
    for path in sorted(path for path in paths if path.suffix != ".pyc"):
        found.update(f"{path.name}\0".encode() + path.read_bytes())
    return found.hexdigest()
