"""Images in the admin: the product page and the list."""

import pytest
from django.contrib.auth.models import Group
from django.core.files.uploadedfile import SimpleUploadedFile

from catalog.actions import change_product, set_product_image
from catalog.models import Product
from core.permissions import StaffRole
from tests.support.factories import make_product, make_staff
from tests.support.images import files_in, image_file
from tests.support.pages import fields_of

LIST = "/admin/catalog/product/"
PNG = image_file("PNG", (400, 300))


@pytest.fixture
def media(settings, tmp_path):
    settings.MEDIA_ROOT = str(tmp_path / "media")
    return tmp_path / "media"


@pytest.fixture
def staff(client, db):
    user = make_staff()
    client.force_login(user)
    return user


def page_of(product):
    return f"{LIST}{product.pk}/change/"


def save(client, product, **changes):
    fields = fields_of(client.get(page_of(product)), "product_form")
    return client.post(page_of(product), fields | changes)


def upload(content=PNG):
    return SimpleUploadedFile("../../photo.png", content, content_type="image/png")


def test_page_stores_an_uploaded_image_and_shows_it(client, staff, media):
    product = make_product()

    response = save(client, product, image_file=upload(), stock="7")

    assert response.status_code == 302
    product.refresh_from_db()
    assert (product.stock, product.version) == (7, 3)
    assert files_in(media) == [f"images/{product.image}", f"thumbnails/{product.image}"]
    assert f'src="/media/thumbnails/{product.image}"' in client.get(page_of(product)).content.decode()
    assert f'src="/media/thumbnails/{product.image}"' in client.get(LIST).content.decode()


def test_new_product_has_the_uploaded_image(client, staff, media):
    fields = fields_of(client.get(f"{LIST}add/"), "product_form")

    response = client.post(f"{LIST}add/", fields | {"name": "Tea", "price": "2.50", "image_file": upload()})

    assert response.status_code == 302
    product = Product.objects.get(name="Tea")
    assert files_in(media) == [f"images/{product.image}", f"thumbnails/{product.image}"]


def test_page_saved_without_a_file_keeps_the_image(client, staff, media):
    product = set_product_image(actor=staff, product_id=make_product().pk, content=PNG)

    save(client, product, stock="7")

    assert Product.objects.get(pk=product.pk).image == product.image


def test_page_removes_the_image(client, staff, media):
    product = set_product_image(actor=staff, product_id=make_product().pk, content=PNG)

    save(client, product, **{"image_file-clear": "on"})

    product.refresh_from_db()
    assert (product.image, product.version) == (None, 3)


def test_bad_image_is_named_and_nothing_is_saved(client, staff, media):
    product = make_product(stock=10)

    response = save(client, product, image_file=upload(b"GIF89a"), stock="7")

    assert response.status_code == 200
    assert response.context["errors"].data[0] == ["Image must be a JPEG, PNG or WebP file"]
    product.refresh_from_db()
    assert (product.stock, product.version, product.image) == (10, 1, None)
    assert files_in(media) == []


def test_image_on_a_page_that_is_too_old_is_refused(client, staff, media):
    product = make_product()
    fields = fields_of(client.get(page_of(product)), "product_form")
    change_product(actor=staff, product_id=product.pk, changes={"price": 3})

    response = client.post(page_of(product), fields | {"image_file": upload()})

    assert response.status_code == 200
    assert "the product changed after you opened it" in response.content.decode()
    assert files_in(media) == []


def test_staff_without_the_role_see_the_image_and_no_input(client, staff, media):
    product = set_product_image(actor=staff, product_id=make_product().pk, content=PNG)
    reader = make_staff()
    reader.groups.add(Group.objects.get_or_create(name=StaffRole.READ_ONLY)[0])
    client.force_login(reader)

    page = client.get(page_of(product)).content.decode()

    assert f'src="/media/thumbnails/{product.image}"' in page
    assert 'type="file"' not in page
