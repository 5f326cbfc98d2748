"""Images in a storage that has no folders and no local paths, as a bucket has none, and that can be unreachable."""

from datetime import timedelta

import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import InMemoryStorage, storages

from catalog.actions import set_product_image
from catalog.images import files
from catalog.images.reading import read_image
from tests.support.api import Api
from tests.support.factories import make_product, make_staff
from tests.support.images import image_file

PNG = image_file()


class Bucket(InMemoryStorage):
    """A storage without folders and local paths, which can be unreachable."""

    is_down = False

    def exists(self, name):
        return not name.endswith("/") and super().exists(name)  # a prefix is no object

    def _open(self, name, mode="rb"):
        self._reach()
        return super()._open(name, mode)

    def _save(self, name, content):
        self._reach()
        return super()._save(name, content)

    def delete(self, name):
        self._reach()
        super().delete(name)

    def _reach(self):
        if self.is_down:
            raise ConnectionRefusedError("Could not connect to the endpoint URL")


@pytest.fixture
def bucket(settings):
    settings.STORAGES = settings.STORAGES | {"default": {"BACKEND": f"{__name__}.Bucket"}}
    return storages["default"]


def names_in(bucket):
    return [folder + name for folder in files.FOLDERS for name in bucket.listdir(folder)[1]]


@pytest.mark.django_db(transaction=True)
def test_prune_deletes_files_of_a_storage_without_folders(bucket, monkeypatch):
    product = set_product_image(actor=make_staff(), product_id=make_product().pk, content=PNG)
    bucket.save("images/" + "0" * 32 + ".png", ContentFile(PNG))
    monkeypatch.setattr(files, "KEPT", timedelta(0))

    assert files.prune_images() == 1
    assert names_in(bucket) == [f"images/{product.image}", f"thumbnails/{product.image}"]


@pytest.mark.django_db(transaction=True)
def test_product_is_deleted_while_the_storage_is_unreachable_and_prune_deletes_its_files(bucket, monkeypatch):
    product = set_product_image(actor=make_staff(), product_id=make_product().pk, content=PNG)
    bucket.is_down = True

    response = Api(make_staff()).delete(f"/products/{product.pk}")

    assert response.status_code == 204
    assert len(names_in(bucket)) == 2
    bucket.is_down = False
    monkeypatch.setattr(files, "KEPT", timedelta(0))
    assert files.prune_images() == 2
    assert names_in(bucket) == []


class BucketInUse(Bucket):
    """A storage whose files are deleted as soon as they are listed."""

    def listdir(self, path):
        listed = super().listdir(path)
        for name in listed[1]:
            self.delete(path + name)
        return listed


def test_prune_passes_over_a_file_that_is_deleted_meanwhile(settings, db):
    settings.STORAGES = settings.STORAGES | {"default": {"BACKEND": f"{__name__}.BucketInUse"}}
    files.store(read_image(PNG))

    assert files.prune_images() == 0


def test_unreachable_storage_is_an_outage_for_every_client(bucket, client, db):
    product, name = make_product(), files.store(read_image(PNG))
    bucket.is_down = True

    sent = Api(make_staff()).put(f"/products/{product.pk}/image", PNG, content_type="image/png")
    client.raise_request_exception = False
    file = client.get(f"/media/images/{name}")

    assert (sent.status_code, sent.json()["code"], sent["Retry-After"]) == (503, "unavailable", "5")
    assert (file.status_code, file["Retry-After"]) == (503, "5")
    product.refresh_from_db()
    assert (product.version, product.image) == (1, None)
