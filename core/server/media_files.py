"""Serves uploaded images from the storage, at /media/. A proxy or a CDN may serve the same files in its place."""

import logging
import re
from collections.abc import Iterator
from contextlib import contextmanager

from django.core.exceptions import SuspiciousFileOperation
from django.core.files.storage import default_storage
from django.http import FileResponse, Http404, HttpRequest
from django.http.response import HttpResponseBase
from django.utils.cache import get_conditional_response
from django.views.decorators.http import require_safe

from core.errors import Unavailable

log = logging.getLogger(__name__)
RETRY_S = 5
TYPES = {"jpg": "image/jpeg", "png": "image/png", "webp": "image/webp"}
NAME = re.compile(r"(?:[\w-]{1,100}/)*[\w-]{1,100}\.\w{1,5}", re.ASCII)  # of an image; a storage may fail on others
HEADERS = {
    "Cache-Control": "public, max-age=31536000, immutable",  # a name is never used for another content
    "Cross-Origin-Resource-Policy": "cross-origin",  # pages of other origins show the images
}


NO_FILES = (FileNotFoundError, IsADirectoryError, SuspiciousFileOperation)


@contextmanager
def refusing_outages() -> Iterator[None]:
    """Raise Unavailable, and log the error, if the storage fails. A missing file is no failure."""
    try:
        yield
    except NO_FILES:
        raise
    except Exception as error:  # each back end has exceptions of its own
        log.warning("The storage of images failed", exc_info=error)
        raise Unavailable("The storage of images is not available", retry_after_s=RETRY_S) from error


@require_safe
def image_file(request: HttpRequest, name: str) -> HttpResponseBase:
    """Respond with an image, or 304 if the client has it already. Raises Http404, Unavailable."""
    kind, tag = TYPES.get(name.rpartition(".")[2]), f'"{name}"'
    if kind is None or not NAME.fullmatch(name):
        raise Http404
    try:
        with refusing_outages():
            file = default_storage.open(name)
    except NO_FILES as error:
        raise Http404 from error
    response: HttpResponseBase | None = get_conditional_response(request, etag=tag)
    if response is None:
        response = FileResponse(file, content_type=kind)
    else:
        file.close()
    for header, value in {**HEADERS, "ETag": tag}.items():
        response[header] = value
    return response
