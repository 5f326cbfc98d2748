"""Many orders moved at once: a result for each, one transaction, and one key."""

from itertools import product as combinations
from typing import Any

import pytest
from django.contrib.auth.models import AnonymousUser
from django.db import connection
from django.test.utils import CaptureQueriesContext

from accounts.models import User
from catalog.models import Product, ProductHistory
from core.errors import DomainError, IdempotencyMismatch, InvalidInput, Unauthenticated
from core.validation.validators import MAX_INT32
from orders.actions import move_order
from orders.bulk import MAX_MOVES, OrderMove, move_orders
from orders.models import Order, OrderEvent, OrderHistory, OrderStatus
from orders.transitions import VERBS
from tests.support.api import Api, errors_of
from tests.support.factories import make_order, make_product, make_staff, make_user

pytestmark = pytest.mark.django_db


@pytest.fixture
def staff() -> User:
    return make_staff()


def order_in(status: str, user: User | None = None, lines: dict[Product, int] | None = None) -> Order:
    order = make_order(user, lines)
    Order.objects.filter(pk=order.pk).update(status=status)
    return order


def refusal_of(outcome: object) -> tuple[str, str, dict[str, str]] | None:
    return (outcome.code, outcome.message, outcome.fields) if isinstance(outcome, DomainError) else None


def statuses() -> list[str]:
    return list(Order.objects.order_by("pk").values_list("status", flat=True))


@pytest.mark.parametrize(("verb", "caller"), list(combinations(VERBS, ["owner", "other", "staff"])))
def test_each_order_has_the_result_of_the_single_verb(verb: str, caller: str) -> None:
    owner = make_user()
    actor = {"owner": owner, "other": make_user(), "staff": make_staff()}[caller]
    single, many = ([order_in(status, owner) for status in OrderStatus.values] for _ in range(2))
    expected = []
    for order in single:
        try:
            expected.append(move_order(actor=actor, order_id=order.pk, verb=verb).status)
        except DomainError as refusal:
            expected.append(refusal.code)

    outcomes = move_orders(actor=actor, verb=verb, moves=[OrderMove(order.pk) for order in many])

    assert [row.code if isinstance(row, DomainError) else row.status for row in outcomes] == expected
    assert statuses()[: len(single)] == statuses()[len(single) :]
    moved = [row for row in outcomes if isinstance(row, Order)]
    assert [row.version for row in moved] == [Order.objects.get(pk=row.pk).version for row in moved]


def test_results_are_in_the_order_of_the_request(staff: User) -> None:
    first, second, third, pending = *(order_in("paid") for _ in range(3)), order_in("pending")
    ids = [third.pk, 999_999, pending.pk, first.pk, third.pk, second.pk]

    outcomes = move_orders(actor=staff, verb="ship", moves=[OrderMove(pk) for pk in ids])

    assert [row.pk for row in outcomes if isinstance(row, Order)] == [third.pk, first.pk, second.pk]
    assert [refusal_of(row) for row in outcomes] == [
        None,
        ("not_found", "Order 999999 not found", {}),
        ("invalid_transition", f"Order {pending.number} is pending: it can't be shipped", {}),
        None,
        ("invalid_input", text := "The order is in an earlier row too", {"order_id": text}),
        None,
    ]
    assert Order.objects.get(pk=third.pk).version == third.version + 2  # `order_in` raised it, and one move


def test_customers_cancel_only_their_own_orders() -> None:
    customer, tea = make_user(), make_product(stock=10)
    mine, foreign = order_in("paid", customer, {tea: 1}), order_in("paid", None, {tea: 2})

    outcomes = move_orders(actor=customer, verb="cancel", moves=[OrderMove(foreign.pk), OrderMove(mine.pk)])

    assert refusal_of(outcomes[0]) == ("not_found", f"Order {foreign.pk} not found", {})
    assert statuses() == ["cancelled", "paid"]
    assert Product.objects.get().stock == 8


def test_strangers_move_nothing() -> None:
    order = order_in("paid")

    with pytest.raises(Unauthenticated):
        move_orders(actor=AnonymousUser(), verb="cancel", moves=[OrderMove(order.pk)])

    assert statuses() == ["paid"]


def test_each_shipment_has_its_own_details(staff: User) -> None:
    first, second, third = (order_in("paid") for _ in range(3))
    moves = [
        OrderMove(first.pk, {"carrier": "DHL", "tracking_number": " 42 "}),
        OrderMove(second.pk, {"carrier": "x" * 61, "tracking_number": "y" * 101}),
        OrderMove(third.pk, {"carrier": None}),
    ]

    outcomes = move_orders(actor=staff, verb="ship", moves=moves)

    assert list(Order.objects.order_by("pk").values_list("status", "carrier", "tracking_number")) == [
        ("shipped", "DHL", "42"),
        ("paid", None, None),
        ("shipped", None, None),
    ]
    code, _, fields = refusal_of(outcomes[1]) or ("", "", {})
    assert (code, set(fields)) == ("invalid_input", {"carrier", "tracking_number"})
    assert first.events.last().note == "DHL, 42"


def test_history_tells_the_orders_of_returned_stock_apart(staff: User) -> None:
    tea, pot = make_product(stock=100), make_product(stock=100)
    first, second = order_in("paid", None, {tea: 3, pot: 1}), order_in("pending", None, {tea: 4})

    move_orders(actor=staff, verb="cancel", moves=[OrderMove(second.pk), OrderMove(first.pk)])

    ledger = ProductHistory.objects.filter(kind="cancel").values_list("product_id", "units", "reason", "actor_id")
    assert set(ledger) == {
        (tea.pk, 4, f"Order {second.number}", staff.pk),
        (tea.pk, 3, f"Order {first.number}", staff.pk),
        (pot.pk, 1, f"Order {first.number}", staff.pk),
    }
    assert list(Product.objects.order_by("pk").values_list("stock", flat=True)) == [100, 100]
    assert (
        OrderHistory.objects.filter(kind="cancel").count() == OrderEvent.objects.filter(status="cancelled").count() == 2
    )


def test_order_whose_stock_would_be_too_large_is_refused_alone(staff: User) -> None:
    tea, pot = make_product(stock=10), make_product(stock=10)
    small, large, other = (order_in("paid", None, {pot: 1, tea: units}) for units in (1, 3, 2))
    Product.objects.filter(pk=tea.pk).update(stock=MAX_INT32 - 3)

    outcomes = move_orders(actor=staff, verb="cancel", moves=[OrderMove(row.pk) for row in (small, large, other)])

    text = f"The stock of a product of order {large.number} would be above {MAX_INT32}"
    assert [refusal_of(row) for row in outcomes] == [None, ("invalid_transition", text, {}), None]
    assert statuses() == ["cancelled", "paid", "cancelled"]
    assert list(Product.objects.order_by("pk").values_list("stock", flat=True)) == [MAX_INT32, 9]


def test_orders_are_all_moved_or_none(staff: User, monkeypatch: pytest.MonkeyPatch) -> None:
    first, second = order_in("paid"), order_in("paid")
    create = OrderEvent.objects.create

    def create_one(**fields: Any) -> OrderEvent:
        if fields["order"].pk == second.pk:
            raise RuntimeError("as if the process was killed")
        return create(**fields)

    monkeypatch.setattr(OrderEvent.objects, "create", create_one)
    moves = [OrderMove(first.pk), OrderMove(second.pk)]
    with pytest.raises(RuntimeError):
        move_orders(actor=staff, verb="ship", moves=moves, key="k")
    assert statuses() == ["paid", "paid"]
    monkeypatch.undo()

    outcomes = move_orders(actor=staff, verb="ship", moves=moves, key="k")

    assert [refusal_of(row) for row in outcomes] == [None, None]
    assert statuses() == ["shipped", "shipped"]


def test_key_gives_the_first_results_again(staff: User) -> None:
    paid, pending, gone = order_in("paid"), order_in("pending"), order_in("paid")
    moves = [OrderMove(paid.pk, {"carrier": "DHL"}), InvalidInput(fields={"order_id": "no id"})]
    moves += [OrderMove(pk) for pk in (pending.pk, 999_999, paid.pk, gone.pk)]
    first = move_orders(actor=staff, verb="ship", moves=moves, key=" k ")
    move_order(actor=staff, order_id=paid.pk, verb="deliver")
    move_order(actor=staff, order_id=pending.pk, verb="pay")
    Order.objects.filter(pk=gone.pk).delete()

    again = move_orders(actor=staff, verb="ship", moves=moves, key="k")

    assert [refusal_of(row) for row in again[:5]] == [refusal_of(row) for row in first[:5]]
    assert (again[0].status, again[0].version, again[0].carrier) == ("shipped", first[0].version, "DHL")
    assert refusal_of(again[5]) == ("not_found", f"Order {gone.pk} not found", {})
    assert statuses() == ["delivered", "paid"]


def test_key_shows_no_order_that_the_caller_can_no_longer_see(staff: User) -> None:
    own, others = order_in("pending", staff), order_in("pending")
    moves = [OrderMove(own.pk), OrderMove(others.pk)]
    move_orders(actor=staff, verb="cancel", moves=moves, key="k")
    staff.is_staff = False
    staff.save()

    again = move_orders(actor=User.objects.get(pk=staff.pk), verb="cancel", moves=moves, key="k")

    assert again[0] == own
    assert refusal_of(again[1]) == ("not_found", f"Order {others.pk} not found", {})


@pytest.mark.parametrize("changed", ["verb", "order", "details", "refused row"])
def test_key_used_with_other_input_is_refused(staff: User, changed: str) -> None:
    paid, other = order_in("paid"), order_in("paid")
    refused = InvalidInput(fields={"order_id": "no id"})
    moves = [OrderMove(paid.pk, {"carrier": "DHL"}), refused]
    move_orders(actor=staff, verb="ship", moves=moves, key="k")
    others: dict[str, Any] = {
        "verb": ("refund", moves),
        "order": ("ship", [OrderMove(other.pk, {"carrier": "DHL"}), refused]),
        "details": ("ship", [OrderMove(paid.pk, {"carrier": "UPS"}), refused]),
        "refused row": ("ship", moves[:1]),
    }
    verb, sent = others[changed]

    with pytest.raises(IdempotencyMismatch):
        move_orders(actor=staff, verb=verb, moves=sent, key="k")

    assert statuses() == ["shipped", "paid"]


def test_cost_of_each_further_order_is_constant(staff: User) -> None:
    counts = []
    for number in (1, 1, 2, 3):  # the first reads the roles of the caller too
        moves = [OrderMove(order_in("paid").pk) for _ in range(number)]
        with CaptureQueriesContext(connection) as queries:
            move_orders(actor=staff, verb="ship", moves=moves)
        counts.append(len(queries))

    assert counts[2] - counts[1] == counts[3] - counts[2] == 3


# -- REST -------------------------------------------------------------------------------------------------------
def test_rest_has_a_result_for_each_order_in_both_versions(staff: User) -> None:
    orders = [order_in("paid") for _ in range(2)]
    for version, order in zip(("v1", "v2"), orders, strict=True):
        rows = [{"order_id": order.pk, "tracking_number": "42"}, {"order_id": 999_999}, {"carrier": "DHL"}, "x"]

        response = Api(staff, base=f"/api/{version}").post("/orders/moves", {"verb": "ship", "orders": rows})

        body, url = response.json(), f"http://testserver/api/{version}/orders/{order.pk}"
        assert (response.status_code, body["moved"], body["failed"]) == (200, 1, 3)
        assert body["results"][0] == {"index": 0, "status": 200, "id": order.pk, "url": url}
        assert [row["status"] for row in body["results"]] == [200, 404, 400, 400]
        assert body["results"][2]["errors"] == {"order_id": "Valid order id is required"}
        text = {"v1": ("error", "Order 999999 not found"), "v2": ("detail", "Resource not found")}[version]
        assert text in body["results"][1].items()
        assert Order.objects.get(pk=order.pk).tracking_number == "42"


@pytest.mark.parametrize(
    ("body", "text"),
    [
        ({}, "Verb is required"),
        ({"verb": None, "orders": []}, "Verb is required"),
        ({"verb": "Ship", "orders": [{"order_id": 1}]}, "Valid verb is required"),
        ({"verb": ["ship"], "orders": [{"order_id": 1}]}, "Valid verb is required"),
        ({"verb": "ship"}, f"A list of 1 to {MAX_MOVES} rows is expected"),
        ({"verb": "ship", "orders": []}, f"A list of 1 to {MAX_MOVES} rows is expected"),
        ({"verb": "ship", "orders": {"order_id": 1}}, f"A list of 1 to {MAX_MOVES} rows is expected"),
        (
            {"verb": "ship", "orders": [{"order_id": 1}] * (MAX_MOVES + 1)},
            f"A list of 1 to {MAX_MOVES} rows is expected",
        ),
        ([], "An object is expected"),
    ],
)
def test_unreadable_moves_are_refused_as_a_whole(staff: User, body: Any, text: str) -> None:
    response = Api(staff).post("/orders/moves", body)

    assert (response.status_code, errors_of(response)["error"]) == (400, text)


@pytest.mark.long
def test_most_orders_are_moved_in_one_request(staff: User) -> None:
    Order.objects.bulk_create([Order(number=f"N{n}", total=1) for n in range(MAX_MOVES)])
    rows = [{"order_id": pk} for pk in Order.objects.values_list("pk", flat=True)]

    body = Api(staff).post("/orders/moves", {"verb": "pay", "orders": rows}, Idempotency_Key="k").json()

    assert (body["moved"], body["failed"]) == (MAX_MOVES, 0)
    assert set(statuses()) == {"paid"}
