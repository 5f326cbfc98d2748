"""Changes of the prices of all products of a filter: preview, change, retry and undo."""

from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.contrib.auth.models import Group
from django.db import OperationalError
from django.utils import timezone

from accounts.models import User
from catalog.actions import change_product, correct_stock, delete_product
from catalog.bulk import repricing
from catalog.bulk.repricing import ProductSelection, change_prices, preview_prices, undo_price_change
from catalog.errors import PriceChangeNotFound, PriceChangeUndone
from catalog.filters import selection_of
from catalog.models import Category, PriceChange, Product, ProductHistory
from core.errors import DomainError, Forbidden, IdempotencyMismatch, InProgress, InvalidInput, TooLarge
from core.models import ChangeEvent
from core.permissions import StaffRole
from tests.parity.doors import Doors, doors
from tests.support.api import Api
from tests.support.factories import make_order, make_product, make_staff, make_user

__all__ = ["doors"]
pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("unlimited")]
TEN = Decimal(10)
OLD = {"Tea 1": "1.00", "Tea 2": "2.00", "Tea 3": "3.00", "Tea 4": "4.00", "Tea 5": "5.00", "Pot": "20.00"}
NEW = {"Tea 1": "1.10", "Tea 2": "2.20", "Tea 3": "3.30", "Tea 4": "4.40", "Tea 5": "5.50", "Pot": "20.00"}


@pytest.fixture(autouse=True)
def shop(monkeypatch: pytest.MonkeyPatch) -> None:
    """Five teas below Drinks, and a pot; three products are locked at once, so that there are two transactions."""
    monkeypatch.setattr(repricing, "ROWS_LOCKED", 3)
    drinks = Category.objects.create(name="Drinks", slug="drinks")
    teas = Category.objects.create(name="Teas", slug="teas", parent=drinks)
    for name, price in OLD.items():
        make_product(name=name, price=price, category=None if name == "Pot" else teas, stock=9)


@pytest.fixture
def staff() -> User:
    return make_staff()


def drinks(staff: User) -> ProductSelection:
    return selection_of(staff, {"category": "drinks"})


def raised(staff: User, **asked: Any) -> PriceChange:
    return change_prices(actor=staff, selection=drinks(staff), percent=TEN, **asked)


def tea(number: int) -> Product:
    return Product.objects.get(name=f"Tea {number}")


def prices() -> dict[str, str]:
    return {name: f"{price:.2f}" for name, price in Product.objects.order_by("pk").values_list("name", "price")}


def counts(change: PriceChange) -> tuple[int, int, int, int, int]:
    return change.matched, change.changed, change.unchanged, change.refused, change.stale


# -- Changing ---------------------------------------------------------------------------------------------------


def test_prices_of_a_category_change_with_history_and_events(staff: User) -> None:
    change = raised(staff)

    assert prices() == NEW
    assert counts(change) == (5, 5, 0, 0, 0)
    rows = ProductHistory.objects.filter(reason=f"Prices +10 % [{change.pk}]")
    assert {(row.actor_id, row.kind) for row in rows} == {(staff.pk, "changed")}
    assert rows.count() == ChangeEvent.objects.filter(kind="updated").count() == 5
    change.refresh_from_db()
    assert (change.applied_at is not None, change.busy_until) == (True, None)


def test_unchanged_and_refused_prices_are_counted_and_kept(staff: User) -> None:
    Product.objects.filter(name="Tea 1").update(price="0.01")
    Product.objects.filter(name="Tea 2").update(price="9999999999.99")

    shown = preview_prices(actor=staff, selection=drinks(staff), percent=TEN)
    change = raised(staff)

    assert counts(change) == (5, 3, 1, 1, 0)
    assert (shown.matched, shown.changed, shown.unchanged, shown.refused) == (5, 3, 1, 1)
    assert [row.product.name for row in shown.examples] == [f"Tea {number}" for number in range(1, 6)]
    assert [(row.product.name, bool(row.problem)) for row in shown.refusals] == [("Tea 2", True)]
    assert prices() == NEW | {"Tea 1": "0.01", "Tea 2": "9999999999.99"}


def test_preview_changes_nothing(staff: User) -> None:
    shown = preview_prices(actor=staff, selection=drinks(staff), percent=TEN)

    assert [row.price for row in shown.examples] == [Decimal(price) for price in list(NEW.values())[:5]]
    assert prices() == OLD
    assert not PriceChange.objects.exists()


def test_product_that_changes_after_the_preview_keeps_its_price_but_a_change_of_stock_does_not_matter(
    staff: User,
) -> None:
    as_of = preview_prices(actor=staff, selection=drinks(staff), percent=TEN).as_of
    change_product(actor=staff, product_id=tea(1).pk, changes={"price": "7.00"})
    change_product(actor=staff, product_id=tea(2).pk, changes={"name": "Tea 2", "stock": 3, "reorder_level": 1})
    make_order(lines={tea(3): 1})
    correct_stock(actor=staff, product_id=tea(4).pk, units=2, reason="Found")
    Product.objects.filter(name="Tea 5").update(stock=1)  # as by SQL

    change = raised(staff, as_of=as_of)

    assert counts(change) == (5, 3, 0, 0, 2)
    assert prices() == NEW | {"Tea 1": "7.00", "Tea 2": "2.00"}


def test_price_that_others_change_in_between_is_kept(staff: User, monkeypatch: pytest.MonkeyPatch) -> None:
    planned = repricing._planned

    def late(*args: Any) -> Any:
        plan = planned(*args)
        Product.objects.filter(name="Tea 4").update(price="8.00")
        return plan

    monkeypatch.setattr(repricing, "_planned", late)

    assert counts(raised(staff)) == (5, 4, 0, 0, 1)
    assert prices() == NEW | {"Tea 4": "8.00"}


def test_products_that_others_keep_locked_are_refused_and_changed_by_the_same_preview_later(
    staff: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    as_of = preview_prices(actor=staff, selection=drinks(staff), percent=TEN).as_of
    change_products, failures = repricing.change_products, iter([OperationalError("locked")])

    def locked_once(**asked: Any) -> Any:
        for failure in failures:
            raise failure
        return change_products(**asked)

    with monkeypatch.context() as patch:
        patch.setattr(repricing, "change_products", locked_once)
        patch.setattr(repricing, "is_lock_timeout", lambda error: str(error) == "locked")
        first = raised(staff, as_of=as_of)
    assert (counts(first), prices()) == ((5, 2, 0, 3, 0), NEW | {f"Tea {n}": f"{n}.00" for n in (1, 2, 3)})

    rest = raised(staff, as_of=as_of)

    assert (counts(rest), prices()) == ((5, 3, 0, 0, 2), NEW)


@pytest.mark.parametrize("percent", [Decimal(0), Decimal("-100.01"), Decimal(10_001)])
def test_percentage_out_of_range_changes_nothing(percent: Decimal, staff: User) -> None:
    for action in (preview_prices, change_prices):
        with pytest.raises(InvalidInput, match="Percent"):
            action(actor=staff, selection=drinks(staff), percent=percent)

    assert prices() == OLD
    assert not PriceChange.objects.exists()


def test_none_and_too_many_products_are_refused(staff: User, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(repricing, "MOST", 4)

    for params, error in (({"category": "drinks"}, TooLarge), ({"q": "nothing"}, InvalidInput)):
        for action in (preview_prices, change_prices):
            with pytest.raises(error):
                action(actor=staff, selection=selection_of(staff, params), percent=TEN)

    assert prices() == OLD
    assert not PriceChange.objects.exists()


@pytest.mark.parametrize(
    ("role", "allowed"), [(StaffRole.CATALOGUE, True), (StaffRole.ORDERS, False), (StaffRole.READ_ONLY, False)]
)
def test_only_staff_of_the_catalogue_change_prices_in_every_protocol(
    role: StaffRole, allowed: bool, doors: Doors
) -> None:
    member = make_staff()
    member.groups.set([Group.objects.get_or_create(name=role)[0]])
    code = None if allowed else "forbidden"

    for name, door in doors.items():
        made = door(member).change_prices(percent=10, filters={"q": "tea 1"})
        shown = door(member).preview_prices(percent=10, q="tea 1")
        pk = made.value["id"] if allowed else 1
        assert (name, made.code, shown.code) == (name, code, code)
        assert door(member).undo_price_change(pk).code == code
        assert allowed is False or door(member).price_change(pk).value["restored"] == 1
    assert prices() == OLD


# -- Retrying ---------------------------------------------------------------------------------------------------


def test_retry_with_the_key_returns_the_first_change_in_every_protocol(doors: Doors, staff: User) -> None:
    begun = doors["REST"](staff).change_prices(percent=10, filters={"category": "drinks", "min_price": 1}, key="k")

    for name, door in doors.items():
        again = door(staff).change_prices(percent=10, filters={"min_price": 1.0, "category": "drinks"}, key=" k")
        other = door(staff).change_prices(percent=10, filters={"category": "teas"}, key="k")

        assert (name, again.value, other.code) == (name, begun.value, "idempotency_mismatch")
    assert prices() == NEW


def test_key_is_refused_for_another_percentage_or_preview(staff: User) -> None:
    raised(staff, key="k")

    with pytest.raises(IdempotencyMismatch):
        change_prices(actor=staff, selection=drinks(staff), percent=Decimal(11), key="k")
    with pytest.raises(IdempotencyMismatch):
        raised(staff, key="k", as_of="1")
    assert prices() == NEW


def broken_after(monkeypatch: pytest.MonkeyPatch, calls: int) -> None:
    """Let the process fail once `calls` batches have been written."""
    change_products, left = repricing.change_products, iter(range(calls))

    def failing(**asked: Any) -> Any:
        if next(left, None) is None:
            raise RuntimeError("The process ends here")
        return change_products(**asked)

    monkeypatch.setattr(repricing, "change_products", failing)


def test_change_that_broke_off_is_continued_by_its_key_and_each_price_changes_once(
    staff: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        broken_after(patch, calls=1)
        with pytest.raises(RuntimeError):
            raised(staff, key="k")
    assert prices() == OLD | {"Tea 1": "1.10", "Tea 2": "2.20", "Tea 3": "3.30"}

    change = raised(staff, key="k")

    assert prices() == NEW
    assert counts(change) == (5, 5, 0, 0, 0)
    assert undo_price_change(actor=staff, price_change_id=change.pk).restored == 5
    assert prices() == OLD


def test_change_that_broke_off_can_be_undone_and_is_then_not_continued(
    staff: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        broken_after(patch, calls=1)
        with pytest.raises(RuntimeError):
            raised(staff, key="k")

    undone = undo_price_change(actor=staff, price_change_id=PriceChange.objects.get().pk)

    assert (undone.restored, prices()) == (3, OLD)
    assert raised(staff, key="k").pk == undone.pk
    assert prices() == OLD


def test_undo_that_broke_off_is_continued(staff: User, monkeypatch: pytest.MonkeyPatch) -> None:
    change = raised(staff)
    with monkeypatch.context() as patch:
        broken_after(patch, calls=1)
        with pytest.raises(RuntimeError):
            undo_price_change(actor=staff, price_change_id=change.pk)

    undo_price_change(actor=staff, price_change_id=change.pk)

    assert prices() == OLD


@pytest.mark.parametrize(("minutes", "is_busy"), [(1, True), (-1, False)])
def test_change_in_progress_is_left_alone_until_its_process_must_have_died(
    minutes: int, is_busy: bool, staff: User
) -> None:
    change = raised(staff, key="k")
    until = timezone.now() + timedelta(minutes=minutes)
    PriceChange.objects.update(busy_until=until, applied_at=None)
    calls: list[Callable[[], object]] = [
        lambda: raised(staff, key="k"),
        lambda: undo_price_change(actor=staff, price_change_id=change.pk),
    ]

    refused = [outcome(call) for call in calls]

    assert refused == ([InProgress, InProgress] if is_busy else [None, None])
    assert prices() == (NEW if is_busy else OLD)


def outcome(call: Callable[[], object]) -> type[DomainError] | None:
    try:
        call()
    except DomainError as refusal:
        return type(refusal)
    return None


# -- Undoing ----------------------------------------------------------------------------------------------------


def test_undo_restores_only_prices_that_are_still_the_new_ones_and_names_the_others(staff: User) -> None:
    change = raised(staff)
    change_product(actor=staff, product_id=tea(2).pk, changes={"price": "7.00"})
    gone = tea(3).pk
    delete_product(actor=staff, product_id=gone)
    make_order(lines={tea(4): 1})  # a sale changes no price

    undone = undo_price_change(actor=make_staff(), price_change_id=change.pk)

    assert (undone.restored, undone.left_ids) == (3, [tea(2).pk, gone])
    assert prices() == {"Tea 1": "1.00", "Tea 2": "7.00", "Tea 4": "4.00", "Tea 5": "5.00", "Pot": "20.00"}
    assert ProductHistory.objects.filter(kind="revert", reason=f"Undo of price change {change.pk}").count() == 3


def test_undo_happens_once(staff: User) -> None:
    change = raised(staff)
    undo_price_change(actor=staff, price_change_id=change.pk)
    Product.objects.filter(name="Tea 1").update(price="1.10")  # the new price again, by a later decision

    with pytest.raises(PriceChangeUndone, match=f"Price change {change.pk} is already undone"):
        undo_price_change(actor=staff, price_change_id=change.pk)
    with pytest.raises(PriceChangeNotFound):
        undo_price_change(actor=staff, price_change_id=999)

    assert prices() == OLD | {"Tea 1": "1.10"}


def test_two_changes_are_undone_one_after_the_other(staff: User) -> None:
    first, second = raised(staff), raised(staff)

    undone = [undo_price_change(actor=staff, price_change_id=change.pk) for change in (second, first)]

    assert [change.restored for change in undone] == [5, 5]
    assert prices() == OLD


def test_staff_without_the_role_undo_nothing(staff: User) -> None:
    change, member = raised(staff), make_staff()
    member.groups.set([Group.objects.get_or_create(name=StaffRole.ORDERS)[0]])

    with pytest.raises(Forbidden):
        undo_price_change(actor=member, price_change_id=change.pk)

    assert prices() == NEW


# -- REST -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["categry", "sort", "page", "percent"])
@pytest.mark.parametrize("path", ["", "/preview"])
def test_unknown_filter_is_refused_because_it_would_change_every_price(name: str, path: str, staff: User) -> None:
    response = Api(staff).post(f"/price-changes{path}?{name}=tea", {"percent": 10})

    assert response.status_code == 400
    assert response.json()["errors"] == {name: f"{name} is not a filter of products"}
    assert prices() == OLD


def test_all_faults_are_named_at_once(staff: User) -> None:
    response = Api(staff).post("/price-changes?min_price=x&in_stock=2", {"percent": "ten", "as_of": 7})

    assert (response.status_code, {*response.json()["errors"]}) == (400, {"percent", "as_of", "min_price", "in_stock"})


@pytest.mark.parametrize("version", ["v1", "v2"])
def test_location_and_links_lead_to_the_change_and_its_undo(version: str, staff: User) -> None:
    api = Api(staff, base=f"/api/{version}")

    made = api.post("/price-changes?category=teas", {"percent": 10})
    found = api.get(made["Location"])
    undone = api.post(made.json()["_links"]["undo"])

    assert made.status_code == 201
    assert found.json() == made.json()
    assert (undone.status_code, undone.json()["restored"]) == (200, 5)
    assert prices() == OLD


def test_preview_has_money_as_objects_in_the_second_version(staff: User) -> None:
    path, body = "/price-changes/preview?q=tea 1", {"percent": 12.5}

    first, second = (Api(staff, base=f"/api/{version}").post(path, body).json() for version in ("v1", "v2"))

    assert (first["examples"][0]["price"], first["examples"][0]["new_price"]) == (1.0, 1.13)
    assert second["examples"][0]["new_price"] == {"amount": "1.13", "currency": "USD"}
    assert (first["percent"], second["percent"]) == (12.5, 12.5)


def test_customer_learns_nothing_of_changes(staff: User) -> None:
    change, customer = raised(staff), Api(make_user())

    paths = ["", f"/{change.pk}"]

    assert {customer.get(f"/price-changes{path}").status_code for path in paths} == {403}
    assert {Api().get(f"/price-changes{path}").status_code for path in paths} == {401}
