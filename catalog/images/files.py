"""The files of images in the storage of the settings (Django's STORAGES): an image and a thumbnail for each name.

The name is random, so no client chooses it, it is never used twice, and caches may keep the file.
"""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from uuid import uuid4

from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.db import transaction
from django.utils import timezone

from catalog.images.reading import Renditions
from catalog.models import IMAGES, STORED_NAME, THUMBNAILS, Product
from core.server.media_files import refusing_outages

log = logging.getLogger(__name__)
FOLDERS = (IMAGES, THUMBNAILS)
KEPT = timedelta(days=1)  # longer than any upload: until its transaction commits, no product names its files


class StoredImage:
    """The files of one upload. Set `is_used` when a product names them."""

    def __init__(self, name: str) -> None:
        self.name, self.is_used = name, False


@contextmanager
def stored(renditions: Renditions) -> Iterator[StoredImage]:
    """Store the files for the block, and delete them after it unless they are used."""
    image = StoredImage(store(renditions))
    try:
        yield image
    finally:
        if not image.is_used:
            _delete(image.name)


def store(renditions: Renditions) -> str:
    """Store the files, or neither of them; return their name. Prefer `stored`, which deletes unused files.

    Raises Unavailable if the storage fails.
    """
    name = f"{uuid4().hex}.{renditions.extension}"
    try:
        with refusing_outages():
            for folder, content in zip(FOLDERS, (renditions.image, renditions.thumbnail), strict=True):
                default_storage.save(folder + name, ContentFile(content))
    except BaseException:
        _delete(name)
        raise
    return name


def discard_on_commit(name: str | None) -> None:
    """Delete the files of a former image when the transaction commits."""
    if name and STORED_NAME.fullmatch(name):  # manual SQL may have written any text
        transaction.on_commit(lambda: _delete(name))


def prune_images() -> int:
    """Delete the files that no product names and that are older than KEPT. Returns their number."""
    return sum(_prune(folder) for folder in FOLDERS)


def _prune(folder: str) -> int:
    try:
        _, names = default_storage.listdir(folder)
    except FileNotFoundError:  # only of back ends with folders
        return 0
    used = set(Product.objects.exclude(image=None).values_list("image", flat=True))
    orphans = [name for name in names if name not in used and STORED_NAME.fullmatch(name)]
    old = [name for name in orphans if _is_old(folder + name)]
    for name in old:
        default_storage.delete(folder + name)
    return len(old)


def _is_old(path: str) -> bool:
    try:
        return default_storage.get_modified_time(path) < timezone.now() - KEPT
    except FileNotFoundError:  # deleted since the folder was listed
        return False


def _delete(name: str) -> None:
    """Delete the files. If the storage fails, they stay until `prune_images`."""
    for folder in FOLDERS:
        try:
            default_storage.delete(folder + name)
        except Exception as error:  # each back end has exceptions of its own
            log.warning("Image file %s was not deleted; prune will delete it", folder + name, exc_info=error)
