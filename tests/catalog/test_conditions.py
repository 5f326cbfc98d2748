"""Conditional requests for products over REST (RFC 9110, section 13)."""

import pytest

from catalog.models import Product
from tests.api import Api
from tests.factories import make_product, make_staff

pytestmark = pytest.mark.django_db


@pytest.fixture
def staff() -> Api:
    return Api(make_staff())


# -- Reads ------------------------------------------------------------------------------------------------------
def test_unchanged_product_is_not_sent_again():
    product = make_product()
    path = f"/products/{product.pk}"
    first = Api().get(path)

    for header in ({"If_None_Match": first["ETag"]}, {"If_Modified_Since": first["Last-Modified"]}):
        again = Api().get(path, **header)
        assert (again.status_code, again.content, again["ETag"]) == (304, b"", first["ETag"])


def test_changed_product_is_sent_again():
    product = make_product()
    path = f"/products/{product.pk}"
    tag = Api().get(path)["ETag"]
    Product.objects.filter(pk=product.pk).update(stock=1)

    response = Api().get(path, If_None_Match=tag)

    assert (response.status_code, response.json()["stock"]) == (200, 1)
    assert response["ETag"] != tag


def test_etag_decides_alone_when_both_conditions_are_sent():
    path = f"/products/{make_product().pk}"
    modified = Api().get(path)["Last-Modified"]

    response = Api().get(path, If_None_Match='"other"', If_Modified_Since=modified)

    assert response.status_code == 200


def test_read_of_what_has_changed_since_is_refused_where_that_is_asked():
    path = f"/products/{make_product().pk}"

    refused = Api().get(path, If_Unmodified_Since="Mon, 01 Jan 2024 00:00:00 GMT")
    answered = Api().get(path, If_Unmodified_Since=Api().get(path)["Last-Modified"])

    assert (refused.status_code, refused.json()["error"]) == (412, "If-Unmodified-Since does not match")
    assert (answered.status_code, answered["ETag"]) == (200, Api().get(path)["ETag"])


# -- Writes -----------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("method", ["put", "patch", "delete"])
@pytest.mark.parametrize("tag", ['"{pk}-9"', 'W/"{pk}-1"', '"other"', "garbage"])
def test_if_match_that_does_not_match_changes_nothing(staff, method, tag):
    product = make_product()
    body = None if method == "delete" else {"name": "x", "price": 1}

    response = staff.send(method, f"/products/{product.pk}", body, If_Match=tag.format(pk=product.pk))

    assert (response.status_code, response.json()["code"]) == (412, "version_mismatch")
    product.refresh_from_db()
    assert product.version == 1


@pytest.mark.parametrize("tag", ['"{pk}-1"', '"{pk}-7", "{pk}-1"', "*"])
def test_if_match_that_matches_lets_the_change_through(staff, tag):
    product = make_product()

    response = staff.patch(f"/products/{product.pk}", {"stock": 1}, If_Match=tag.format(pk=product.pk))

    assert (response.status_code, response.json()["version"]) == (200, 2)


@pytest.mark.parametrize("method", ["put", "patch", "delete"])
@pytest.mark.parametrize(
    ("headers", "unmet"),
    [
        ({"If_Unmodified_Since": "Mon, 01 Jan 2024 00:00:00 GMT"}, "If-Unmodified-Since"),
        ({"If_None_Match": "*"}, "If-None-Match"),
        ({"If_None_Match": '"x", W/"{pk}-1"'}, "If-None-Match"),
        ({"If_Match": "*", "If_None_Match": '"{pk}-1-v2-xml-USD"'}, "If-None-Match"),
        ({"If_Match": '"{pk}-1-v3-json"'}, "If-Match"),
    ],
)
def test_write_whose_condition_does_not_hold_changes_nothing(staff, method, headers, unmet):
    product = make_product()
    body = None if method == "delete" else {"name": "x", "price": 1}
    given = {name: text.format(pk=product.pk) for name, text in headers.items()}

    response = staff.send(method, f"/products/{product.pk}", body, **given)

    assert (response.status_code, response.json()["error"]) == (412, f"{unmet} does not match the product as it is")
    product.refresh_from_db()
    assert product.version == 1


@pytest.mark.parametrize(
    "headers",
    [
        {"If_Unmodified_Since": "Fri, 01 Jan 2100 00:00:00 GMT"},
        {"If_Unmodified_Since": "no date"},
        {"If_Match": '"{pk}-1"', "If_Unmodified_Since": "Mon, 01 Jan 2024 00:00:00 GMT"},
        {"If_None_Match": '"{pk}-2"'},
    ],
)
def test_write_whose_conditions_hold_is_done(staff, headers):
    product = make_product()
    given = {name: text.format(pk=product.pk) for name, text in headers.items()}

    assert staff.patch(f"/products/{product.pk}", {"stock": 1}, **given).json()["version"] == 2
