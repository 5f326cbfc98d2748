"""Conditional requests for products over REST (RFC 9110, section 13)."""

from datetime import UTC, datetime
from types import SimpleNamespace

import pytest
from django.utils.http import http_date

from catalog.models import Product
from core.protocols.rest import conditional
from tests.support.api import Api
from tests.support.factories import make_product, make_staff

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

    assert (response.status_code, response.json()["error"]) == (412, f"{unmet} does not match the current product")
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


# -- Two changes in one second ----------------------------------------------------------------------------------
SECOND = 1_795_000_000
FIRST_STATE, SECOND_STATE = SECOND + 0.2, SECOND + 0.7


def changed_at(product: Product, moment: float, **values: object) -> None:
    """Change a product as if the moment were this one."""
    at = datetime.fromtimestamp(moment, UTC)
    Product.objects.filter(pk=product.pk).update(updated_at=at, **values)


def read_at(product: Product, moment: float, monkeypatch: pytest.MonkeyPatch) -> str:
    """Return the Last-Modified that a client is given at a moment."""
    monkeypatch.setattr(conditional, "time", SimpleNamespace(time=lambda: moment))
    return Api().get(f"/products/{product.pk}")["Last-Modified"]


@pytest.mark.parametrize("is_new", [True, False])
def test_change_in_the_second_of_the_last_read_is_sent(is_new, monkeypatch):
    product = make_product(stock=1, updated_at=datetime.fromtimestamp(FIRST_STATE, UTC))
    if not is_new:
        changed_at(product, FIRST_STATE, stock=2)
    known = read_at(product, SECOND + 0.4, monkeypatch)

    changed_at(product, SECOND_STATE, stock=3)
    response = Api().get(f"/products/{product.pk}", If_Modified_Since=known)

    assert known == http_date(SECOND)
    assert (response.status_code, response.json()["stock"]) == (200, 3)


@pytest.mark.parametrize("method", ["put", "patch", "delete"])
@pytest.mark.parametrize("is_new", [True, False])
def test_change_in_the_second_of_the_last_read_is_not_lost_to_a_write(is_new, method, staff, monkeypatch):
    product = make_product(stock=1, updated_at=datetime.fromtimestamp(FIRST_STATE, UTC))
    if not is_new:
        changed_at(product, FIRST_STATE, stock=2)
    known = read_at(product, SECOND + 0.4, monkeypatch)
    body = None if method == "delete" else {"name": "x", "price": 1}

    changed_at(product, SECOND_STATE, stock=3)
    response = staff.send(method, f"/products/{product.pk}", body, If_Unmodified_Since=known)

    assert (response.status_code, response.json()["code"]) == (412, "version_mismatch")
    assert Product.objects.get().stock == 3


def test_date_counts_once_its_second_is_over(staff, monkeypatch):
    product = make_product(updated_at=datetime.fromtimestamp(FIRST_STATE, UTC))
    changed_at(product, SECOND_STATE, stock=3)

    known = read_at(product, SECOND + 1, monkeypatch)

    assert known == http_date(SECOND + 1)
    assert Api().get(f"/products/{product.pk}", If_Modified_Since=known).status_code == 304
    assert staff.patch(f"/products/{product.pk}", {"stock": 4}, If_Unmodified_Since=known).status_code == 200


def test_change_after_the_date_counts_is_seen(staff, monkeypatch):
    product = make_product(updated_at=datetime.fromtimestamp(FIRST_STATE, UTC))
    changed_at(product, SECOND_STATE, stock=3)
    known = read_at(product, SECOND + 1, monkeypatch)

    changed_at(product, SECOND + 1, stock=5)  # in the first moment after the read

    assert Api().get(f"/products/{product.pk}", If_Modified_Since=known).json()["stock"] == 5
    assert staff.patch(f"/products/{product.pk}", {"stock": 4}, If_Unmodified_Since=known).status_code == 412


def test_last_modified_is_never_ahead_of_the_clock(monkeypatch):
    product = make_product(updated_at=datetime.fromtimestamp(FIRST_STATE, UTC))
    changed_at(product, SECOND_STATE, stock=3)

    given = [read_at(product, moment, monkeypatch) for moment in (SECOND_STATE, SECOND + 0.99, SECOND + 1, SECOND + 9)]

    assert given == [http_date(SECOND + second) for second in (0, 0, 1, 1)]


@pytest.mark.parametrize("version", ["/api/v1", "/api/v2"])
@pytest.mark.parametrize("format", ["json", "xml"])
def test_two_changes_made_at_once_are_told_apart_by_their_dates(version, format, staff):
    """The clock of the database, and no help: at once means within a second, most of the time."""
    product = make_product(stock=0)
    api = Api(base=version)
    path, accept = f"/products/{product.pk}", f"application/{format}"

    for stock in range(1, 6):
        known = api.get(path, Accept=accept)["Last-Modified"]
        staff.patch(path, {"stock": stock})

        assert api.get(path, Accept=accept, If_Modified_Since=known).status_code == 200
        assert staff.patch(path, {"stock": 99}, If_Unmodified_Since=known).status_code == 412
    assert Product.objects.get().stock == 5


@pytest.mark.parametrize("path", ["/products", "/products?sort=id"])
def test_list_has_no_date_and_heeds_none(path):
    make_product()
    response = Api().get(path, If_Modified_Since=http_date(), If_Unmodified_Since=http_date(0))

    assert (response.status_code, "Last-Modified" in response) == (200, False)
