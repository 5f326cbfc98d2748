"""REST in XML: every resource goes out and comes back in, and what can't be read is refused in XML."""

from decimal import Decimal
from xml.etree import ElementTree

import pytest
from django.test import override_settings

from accounts.models import User
from catalog.models import Product
from orders.models import Order
from tests.support.api import Api
from tests.support.factories import make_order, make_product, make_staff, make_user

pytestmark = pytest.mark.django_db
VERSIONS = pytest.mark.parametrize("version", ["v1", "v2"])


class XmlApi(Api):
    def __init__(self, user: User | None = None, version: str = "v1") -> None:
        super().__init__(user, base=f"/api/{version}")

    def send(self, method, path, body=None, content_type="application/xml", **headers):
        return super().send(method, path, body, content_type, **{"Accept": "application/xml"} | headers)


def text(response, path: str) -> str | None:
    return ElementTree.fromstring(response.content).findtext(path)


def test_product_is_an_element_for_each_field():
    product = make_product(name="Tea & cake", price=Decimal("2.50"), stock=3)
    url = f"http://testserver/api/v1/products/{product.pk}"

    response = XmlApi().get(f"/products/{product.pk}")

    moments = [text(response, name) for name in ("created_at", "updated_at")]
    assert response["Content-Type"] == "application/xml"
    assert response.content.decode() == (
        '<?xml version="1.0" encoding="utf-8"?>\n'
        '<product xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance">'
        f"<id>{product.pk}</id><name>Tea &amp; cake</name><description/><price>2.5</price><stock>3</stock>"
        "<reorder_level>5</reorder_level>"
        '<sku xsi:nil="true"/><category_id xsi:nil="true"/>'
        '<image xsi:nil="true"/><thumbnail xsi:nil="true"/><version>1</version>'
        f"<created_at>{moments[0]}</created_at><updated_at>{moments[1]}</updated_at>"
        f"<_links><self>{url}</self><update>{url}</update><delete>{url}</delete></_links></product>"
    )


def test_list_of_v2_is_a_list_of_named_elements():
    product = make_product(name="Tea", price=Decimal("2.50"))

    response = XmlApi(version="v2").get("/products?limit=1")

    assert response.content.decode() == (
        '<?xml version="1.0" encoding="utf-8"?>\n'
        '<response xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"><products><product>'
        f"<id>{product.pk}</id><name>Tea</name><price><amount>2.50</amount><currency>USD</currency></price>"
        f"<stock>{product.stock}</stock><version>1</version>"
        f"<url>http://testserver/api/v2/products/{product.pk}</url></product></products>"
        '<next_cursor xsi:nil="true"/></response>'
    )


@VERSIONS
def test_product_that_was_got_can_be_posted_and_put(version):
    staff = XmlApi(make_staff(), version)
    product = make_product(name=" Tea\r\n<&> ", description="Line\r\nline\t", price=Decimal("2.50"), stock=3)
    document = staff.get(f"/products/{product.pk}").content

    created = staff.post("/products", document)
    put = staff.put(f"/products/{product.pk}", document)

    assert (created.status_code, put.status_code) == (201, 200)
    columns = ("name", "description", "price", "stock", "sku")
    first, second = Product.objects.order_by("pk").values_list(*columns)
    assert first == second == ("Tea\r\n<&>", "Line\r\nline", Decimal("2.50"), 3, None)


@VERSIONS
def test_order_that_was_got_can_be_placed_again(version):
    user, product = make_user(), make_product(stock=10)
    api = XmlApi(user, version)
    document = api.get(f"/orders/{make_order(user, {product: 2}).pk}").content

    response = api.post("/orders", document)

    assert (response.status_code, text(response, "items/item/quantity")) == (201, "2")
    first, second = Order.objects.order_by("pk")
    assert first.total == second.total
    product.refresh_from_db()
    assert product.stock == 6


@VERSIONS
def test_user_that_was_got_can_be_registered_with_a_password(version):
    user = make_user(username="ada", email="ada@example.com")
    document = XmlApi(user, version).get("/users/me").content.decode()
    user.delete()

    response = XmlApi(version=version).post(
        "/users", document.replace("<_links>", "<password>correct horse battery</password><_links>")
    )

    assert (response.status_code, text(response, "username")) == (201, "ada")
    assert User.objects.get().email == "ada@example.com"


@VERSIONS
def test_list_that_was_got_is_a_batch(version):
    for n in range(3):
        make_product(name=f"Tea {n}", price=n + 1)
    staff = XmlApi(make_staff(), version)
    rows = ElementTree.fromstring(staff.get("/products?sort=id&order=asc").content).find("products")

    response = staff.post("/products/batch", ElementTree.tostring(rows))

    assert (response.status_code, text(response, "created")) == (200, "3")
    assert list(Product.objects.order_by("pk").values_list("name", flat=True)) == ["Tea 0", "Tea 1", "Tea 2"] * 2


@VERSIONS
def test_sign_in_and_out(version):
    make_user(username="ada", password="correct horse battery")
    api = XmlApi(version=version)

    pair = api.post("/auth/token", "<a><username>ada</username><password>correct horse battery</password></a>")
    refresh = f"<a><refresh>{text(pair, 'refresh')}</refresh></a>"

    assert (pair.status_code, pair["Cache-Control"]) == (200, "no-store")
    assert api.post("/auth/token/revoke", refresh).status_code == 204
    assert api.post("/auth/token/refresh", refresh).status_code == 401


def test_field_failures_name_their_fields():
    document = "<product><name/><price>free</price><stock>many</stock></product>"

    response = XmlApi(make_staff(), "v2").post("/products", document)

    assert (response.status_code, response["Content-Type"]) == (400, "application/problem+xml")
    space = "{urn:ietf:rfc:7807}"
    errors = ElementTree.fromstring(response.content).findall(f"{space}errors/{space}error")
    assert {error.get("field"): error.text for error in errors} == {
        "name": "Name is required",
        "price": "Valid price is required: an object of amount and currency",
        "stock": "Valid stock is required",
    }


@pytest.mark.parametrize(
    ("document", "message"),
    [
        ("", "Name is required; Valid price is required"),
        ("<product/>", "Name is required; Valid price is required"),
        ("<product>", "Invalid XML: no element found at line 1 column 10"),
        ("<!DOCTYPE a [<!ENTITY x 'y'>]><a>&x;</a>", "Invalid XML: document types are not allowed"),
        ("<products><product/></products>", "An object is expected"),
        ("<product>text</product>", "An object is expected"),
    ],
)
def test_document_that_is_no_product_is_400_in_xml(document, message):
    response = XmlApi(make_staff()).post("/products", document)

    assert (response.status_code, response["Content-Type"]) == (400, "application/xml")
    assert text(response, "error") == message
    assert not Product.objects.exists()


@override_settings(MAX_BODY_BYTES=1000)
def test_oversized_document_is_413():
    response = XmlApi(make_staff()).post("/products", f"<product><name>{'x' * 1000}</name></product>")

    assert (response.status_code, text(response, "code")) == (413, "too_large")


def test_characters_that_xml_has_not_are_replaced_on_the_way_out():
    product = make_product(name="a\x01b", description="\x0b")

    response = XmlApi().get(f"/products/{product.pk}")

    assert (text(response, "name"), text(response, "description")) == ("a\ufffdb", "\ufffd")
    assert Api().get(f"/products/{product.pk}").json()["name"] == "a\x01b"


def test_json_can_be_answered_in_xml_and_the_other_way_round():
    staff = make_staff()

    in_xml = Api(staff).post("/products", {"name": "A", "price": 1}, Accept="application/xml")
    in_json = XmlApi(staff).post("/products", "<p><name>B</name><price>2.5</price></p>", Accept="application/json")

    assert (text(in_xml, "price"), in_json.json()["price"]) == ("1.0", 2.5)
