"""Images of products: set, shown, removed and served, and the files that are left."""

import base64
import os
import re
import threading
import time
from datetime import timedelta

import pytest
from django.contrib.auth.models import AnonymousUser
from django.core.files.storage import default_storage
from django.core.management import call_command
from django.db import connection, transaction
from django.test import Client

from catalog.actions import delete_product, remove_product_image, revert_product, set_product_image
from catalog.errors import ProductChanged, ProductNotFound, StaleProduct
from catalog.images import files
from catalog.models import Product, ProductHistory
from core.errors import Forbidden, InvalidInput, Unauthenticated, Unavailable
from core.models import ChangeEvent
from tests.support.api import Api, errors_of
from tests.support.factories import make_product, make_staff, make_user
from tests.support.graph import Graph
from tests.support.images import files_in, image_file, opened

PNG = image_file("PNG", (640, 480))


@pytest.fixture
def media(settings, tmp_path):
    settings.MEDIA_ROOT = str(tmp_path / "media")
    return tmp_path / "media"


@pytest.fixture
def staff(db):
    return make_staff()


# -- The action -------------------------------------------------------------------------------------------------
@pytest.mark.django_db(transaction=True)
def test_image_is_stored_under_a_name_that_no_client_chooses(media):
    product = set_product_image(actor=make_staff(), product_id=make_product().pk, content=PNG)

    assert re.fullmatch(r"[0-9a-f]{32}\.png", product.image)
    assert files_in(media) == [f"images/{product.image}", f"thumbnails/{product.image}"]
    assert opened((media / "images" / product.image).read_bytes()).size == (640, 480)
    assert opened((media / "thumbnails" / product.image).read_bytes()).size == (320, 240)


@pytest.mark.django_db(transaction=True)
def test_image_is_a_change_like_any_other(media):
    staff, product = make_staff(), make_product()

    changed = set_product_image(actor=staff, product_id=product.pk, content=PNG)

    assert changed.version == 2
    assert changed.updated_at > product.updated_at
    entry = ProductHistory.objects.filter(product_id=product.pk).latest("id")
    assert (entry.kind, entry.actor_id) == ("changed", staff.pk)
    assert entry.fields == [{"field": "image", "old": None, "new": changed.image}]
    events = ChangeEvent.objects.filter(topic="product", object_id=product.pk).order_by("id")
    assert [event.kind for event in events] == ["created", "updated"]


@pytest.mark.django_db(transaction=True)
def test_files_of_a_replaced_image_are_deleted(media):
    staff, product = make_staff(), make_product()
    first = set_product_image(actor=staff, product_id=product.pk, content=PNG).image

    second = set_product_image(actor=staff, product_id=product.pk, content=image_file("JPEG")).image

    assert first != second
    assert files_in(media) == [f"images/{second}", f"thumbnails/{second}"]


@pytest.mark.django_db(transaction=True)
def test_files_of_a_removed_image_are_deleted_and_a_second_removal_changes_nothing(media):
    staff, product = make_staff(), make_product()
    set_product_image(actor=staff, product_id=product.pk, content=PNG)

    once = remove_product_image(actor=staff, product_id=product.pk)
    twice = remove_product_image(actor=staff, product_id=product.pk)

    assert (once.image, once.version) == (twice.image, twice.version) == (None, 3)
    assert files_in(media) == []


@pytest.mark.django_db(transaction=True)
def test_files_of_a_deleted_product_are_deleted(media):
    staff, product = make_staff(), make_product()
    set_product_image(actor=staff, product_id=product.pk, content=PNG)

    delete_product(actor=staff, product_id=product.pk)

    assert files_in(media) == []


@pytest.mark.django_db(transaction=True)
def test_rolled_back_removal_keeps_the_files(media):
    staff, product = make_staff(), make_product()
    name = set_product_image(actor=staff, product_id=product.pk, content=PNG).image

    with transaction.atomic():
        remove_product_image(actor=staff, product_id=product.pk)
        transaction.set_rollback(True)

    assert Product.objects.get(pk=product.pk).image == name
    assert len(files_in(media)) == 2


@pytest.mark.parametrize(
    ("target", "error"),
    [
        ({"expected_version": 7}, StaleProduct),
        ({"condition": lambda product: "If-Match"}, ProductChanged),
        ({"product_id": 999_999}, ProductNotFound),
        ({"content": b"GIF89a"}, InvalidInput),
        ({"content": b""}, InvalidInput),
    ],
    ids=["version", "condition", "product", "format", "empty"],
)
def test_refused_image_leaves_no_file_and_changes_nothing(target, error, media, staff):
    product = make_product()

    with pytest.raises(error):
        set_product_image(**{"actor": staff, "product_id": product.pk, "content": PNG} | target)

    assert files_in(media) == []
    product.refresh_from_db()
    assert (product.version, product.image) == (1, None)


def test_failed_statement_leaves_no_file(media, staff, monkeypatch):
    product = make_product()
    monkeypatch.setattr("catalog.actions._save", lambda *_, **__: 1 / 0)

    with pytest.raises(ZeroDivisionError):
        set_product_image(actor=staff, product_id=product.pk, content=PNG)

    assert files_in(media) == []


def test_thumbnail_that_can_not_be_stored_leaves_no_image(media, staff, monkeypatch):
    product, save = make_product(), default_storage.save

    def fail_at_thumbnails(name, content):
        if name.startswith("thumbnails"):
            raise OSError("No space left on device")
        return save(name, content)

    monkeypatch.setattr(default_storage, "save", fail_at_thumbnails)

    with pytest.raises(Unavailable, match="The storage of images is not available"):
        set_product_image(actor=staff, product_id=product.pk, content=PNG)

    assert files_in(media) == []
    product.refresh_from_db()
    assert product.version == 1


@pytest.mark.parametrize(("caller", "error"), [(None, Unauthenticated), (make_user, Forbidden)])
def test_image_is_for_staff(caller, error, media, db):
    actor, product = caller() if caller else AnonymousUser(), make_product()

    for act in (lambda **target: set_product_image(content=PNG, **target), remove_product_image):
        with pytest.raises(error):
            act(actor=actor, product_id=product.pk)

    assert files_in(media) == []


def test_change_of_an_image_is_not_reverted(media, staff):
    product = make_product()
    set_product_image(actor=staff, product_id=product.pk, content=PNG)
    change = ProductHistory.objects.filter(product_id=product.pk).latest("id")

    with pytest.raises(InvalidInput):
        revert_product(actor=staff, product_id=product.pk, change_id=change.pk)


def test_replaced_product_keeps_its_image(media, staff):
    product = make_product()
    name = set_product_image(actor=staff, product_id=product.pk, content=PNG).image

    response = Api(staff).put(f"/products/{product.pk}", {"name": "New", "price": 1, "image": "x.png"})

    assert response.status_code == 200
    assert Product.objects.get(pk=product.pk).image == name


@pytest.mark.django_db(transaction=True)
def test_text_of_manual_sql_is_shown_and_deletes_no_other_file(media):
    staff, product = make_staff(), make_product()
    (media / "images").mkdir(parents=True)
    (media / "kept.png").write_bytes(PNG)
    with connection.cursor() as cursor:
        cursor.execute("UPDATE catalog_product SET image = '../kept.png' WHERE id = %s", [product.pk])

    shown = Api().get(f"/products/{product.pk}").json()
    remove_product_image(actor=staff, product_id=product.pk)

    assert shown["image"] == "/media/images/../kept.png"
    assert files_in(media) == ["kept.png"]


@pytest.mark.django_db(transaction=True)
def test_one_of_two_uploads_from_the_same_version_wins(media):
    staff, product, outcomes = make_staff(), make_product(), []
    start = threading.Barrier(2)

    def upload(kind):
        start.wait()
        try:
            set_product_image(actor=staff, product_id=product.pk, content=image_file(kind), expected_version=1)
            outcomes.append("set")
        except StaleProduct:
            outcomes.append("stale")
        finally:
            connection.close()

    threads = [threading.Thread(target=upload, args=(kind,)) for kind in ("PNG", "JPEG")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(outcomes) == ["set", "stale"]
    product.refresh_from_db()
    assert files_in(media) == [f"images/{product.image}", f"thumbnails/{product.image}"]


# -- Pruning ----------------------------------------------------------------------------------------------------
@pytest.mark.django_db(transaction=True)
def test_prune_deletes_old_files_that_no_product_names(media, capsys):
    product = set_product_image(actor=make_staff(), product_id=make_product().pk, content=PNG)
    old, young = "0" * 32 + ".png", "1" * 32 + ".png"
    for path in (f"images/{old}", f"thumbnails/{old}", f"images/{young}", "images/notes.txt"):
        (media / path).write_bytes(PNG)
    long_ago = time.time() - (files.KEPT + timedelta(minutes=1)).total_seconds()
    for path in media.rglob("*.*"):
        if young not in path.name:
            os.utime(path, (long_ago, long_ago))

    call_command("prune")

    assert "Deleted 2 files of images." in capsys.readouterr().out
    assert files_in(media) == sorted(
        [f"images/{product.image}", f"thumbnails/{product.image}", f"images/{young}", "images/notes.txt"]
    )


def test_prune_without_a_folder_deletes_nothing(media, db):
    assert files.prune_images() == 0


# -- REST -------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("kind", ["image/png", "image/jpeg", "application/octet-stream"])
def test_rest_takes_the_bytes_and_shows_the_urls(kind, media, staff):
    product = make_product()

    response = Api(staff).put(f"/products/{product.pk}/image", PNG, content_type=kind)

    product.refresh_from_db()
    assert response.status_code == 200
    assert response.json()["image"] == f"/media/images/{product.image}"
    assert response.json()["thumbnail"] == f"/media/thumbnails/{product.image}"
    assert response["ETag"] == f'"{product.pk}-2"'
    assert Api().get(f"/products/{product.pk}").json() == response.json()


def test_rest_shows_null_without_an_image(db):
    product = make_product()

    for base in ("/api/v1", "/api/v2"):
        body = Api(base=base).get(f"/products/{product.pk}").json()
        assert (body["image"], body["thumbnail"]) == (None, None)


@pytest.mark.parametrize(
    ("content", "kind", "status", "errors"),
    [
        (b"GIF89a", "image/gif", 400, {"image": "Image must be a JPEG, PNG or WebP file"}),
        (b"<svg/>", "image/svg+xml", 400, {"image": "Image must be a JPEG, PNG or WebP file"}),
        (PNG[:70], "image/png", 400, {"image": "Image can't be read: the file is damaged or incomplete"}),
        (b"", "image/png", 400, {"image": "Image is required"}),
        (b"{}", "application/json", 415, None),
        (PNG, "multipart/form-data; boundary=x", 415, None),
    ],
    ids=["gif", "svg", "damaged", "empty", "json", "form"],
)
def test_rest_refuses_other_bodies(content, kind, status, errors, media, staff):
    product = make_product()

    response = Api(staff).put(f"/products/{product.pk}/image", content, content_type=kind)

    assert response.status_code == status
    assert errors_of(response).get("errors") == errors
    assert files_in(media) == []
    product.refresh_from_db()
    assert product.version == 1


def test_rest_refuses_a_body_that_is_too_large(media, staff, settings):
    settings.MAX_BODY_BYTES = len(PNG) - 1

    response = Api(staff).put(f"/products/{make_product().pk}/image", PNG, content_type="image/png")

    assert (response.status_code, response.json()["code"]) == (413, "too_large")
    assert files_in(media) == []


def test_rest_honours_if_match(media, staff):
    product, api = make_product(), Api(staff)
    path, current, former = f"/products/{product.pk}/image", f'"{product.pk}-1"', f'"{product.pk}-7"'

    assert api.put(path, PNG, content_type="image/png", If_Match=former).status_code == 412
    assert files_in(media) == []
    assert api.put(path, PNG, content_type="image/png", If_Match=current).status_code == 200
    assert api.delete(path, If_Match=current).status_code == 412
    assert api.delete(path, If_Match=f'"{product.pk}-2"').status_code == 204
    product.refresh_from_db()
    assert (product.image, product.version) == (None, 3)


@pytest.mark.parametrize(("caller", "status"), [(None, 401), (make_user, 403)])
def test_rest_refuses_others_before_it_reads_the_body(caller, status, media, db):
    product, api = make_product(), Api(caller() if caller else None)

    put = api.put(f"/products/{product.pk}/image", b"no image", content_type="image/png")
    delete = api.delete(f"/products/{product.pk}/image")

    assert put.status_code == delete.status_code == status


def test_list_of_rest_keeps_its_shape(db):
    make_product()

    assert list(Api().get("/products").json()["products"][0]) == ["id", "name", "price", "stock", "url"]


# -- Serving ----------------------------------------------------------------------------------------------------
def test_file_is_served_for_a_year_and_by_its_tag(media, staff):
    product = set_product_image(actor=staff, product_id=make_product().pk, content=PNG)
    client, url = Client(), f"/media/thumbnails/{product.image}"

    response = client.get(url)
    content = b"".join(response.streaming_content)
    known = client.get(url, headers={"If-None-Match": response["ETag"]})

    assert opened(content).size == (320, 240)
    assert response["Content-Type"] == "image/png"
    assert response["Content-Length"] == str(len(content))
    assert response["X-Content-Type-Options"] == "nosniff"
    assert response["Content-Security-Policy"].startswith("default-src 'none'")
    for each in (response, known):
        assert each["Cache-Control"] == "public, max-age=31536000, immutable"
        assert each["Cross-Origin-Resource-Policy"] == "cross-origin"
    assert (known.status_code, known.content) == (304, b"")


@pytest.mark.parametrize(
    "path", ["images/none.png", "images/", "images", "../manage.py", "../x.png", "%2e%2e/x.png", "notes.txt", "x.svg"]
)
def test_other_files_are_not_found(path, media):
    media.mkdir()
    (media / "notes.txt").write_text("secret")
    (media.parent / "x.png").write_bytes(PNG)

    assert Client().get(f"/media/{path}").status_code in (400, 404)


@pytest.mark.parametrize(
    "path", ["%00.png", "images/a%00.png", f"{'a' * 300}.png", "images/kept.png/x.png", "a%0A.png"]
)
def test_names_that_no_file_system_takes_are_not_found(path, media):
    (media / "images").mkdir(parents=True)
    (media / "images" / "kept.png").write_bytes(PNG)

    assert Client(raise_request_exception=False).get(f"/media/{path}").status_code == 404
    assert Client().get("/media/images/kept.png").status_code == 200


def test_storage_of_the_settings_is_used(settings, staff):
    settings.STORAGES = settings.STORAGES | {"default": {"BACKEND": "django.core.files.storage.InMemoryStorage"}}

    product = set_product_image(actor=staff, product_id=make_product().pk, content=PNG)

    assert default_storage.exists(f"images/{product.image}")
    response = Client().get(f"/media/images/{product.image}")
    assert opened(b"".join(response.streaming_content)).size == (640, 480)


# -- GraphQL ----------------------------------------------------------------------------------------------------
def test_plan_and_graphql_core_show_the_same_urls(media, staff):
    product = set_product_image(actor=staff, product_id=make_product().pk, content=PNG)
    make_product()
    query = '{ allProducts(first: 2, orderBy: "id") { edges { node { pk image thumbnail } } } }'

    answers = [Graph().data(query) for _ in range(3)]

    rows = [edge["node"] for edge in answers[0]["allProducts"]["edges"]]
    assert answers[1:] == answers[:1] * 2
    assert rows[0] == {
        "pk": product.pk,
        "image": f"/media/images/{product.image}",
        "thumbnail": f"/media/thumbnails/{product.image}",
    }
    assert (rows[1]["image"], rows[1]["thumbnail"]) == (None, None)


SET = """mutation($id: Int!, $image: String!, $version: Int) {
  setProductImage(id: $id, image: $image, expectedVersion: $version) { ok product { image version } } }"""


@pytest.mark.parametrize(
    ("image", "version", "code"),
    [
        ("no Base64!", None, "INVALID_INPUT"),
        ("", None, "INVALID_INPUT"),
        ("R0lGODlh", None, "INVALID_INPUT"),
        (base64.b64encode(PNG).decode(), 0, "INVALID_INPUT"),
        (base64.b64encode(PNG).decode(), 7, "VERSION_MISMATCH"),
    ],
    ids=["text", "empty", "gif", "no version", "stale"],
)
def test_graphql_refuses_other_images_and_versions(image, version, code, media, staff):
    product = make_product()

    refusal = Graph(staff).error(SET, id=product.pk, image=image, version=version)

    assert refusal["code"] == code
    assert list(refusal.get("fields", {})) in (["image"], ["expectedVersion"], [])
    assert files_in(media) == []


def test_graphql_refuses_a_body_that_is_too_large(media, staff):
    refusal = Graph(staff).error(SET, id=make_product().pk, image="A" * 1_000_000)

    assert refusal["code"] == "TOO_LARGE"


# -- gRPC -------------------------------------------------------------------------------------------------------
def test_grpc_leaves_the_urls_unset_without_an_image(rpc, media, staff):
    product = make_product()

    plain = rpc().call("GetProduct", id=product.pk).product
    changed = rpc(staff).call("SetProductImage", id=product.pk, image=PNG, expected_version=1).product

    assert not plain.HasField("image")
    assert not plain.HasField("thumbnail")
    product.refresh_from_db()
    assert changed.image == f"/media/images/{product.image}"
    assert changed.thumbnail == f"/media/thumbnails/{product.image}"
