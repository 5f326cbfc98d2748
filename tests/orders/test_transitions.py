"""The one table of status moves, tried whole: every status, every verb, every kind of caller."""

from functools import partial
from itertools import product as combinations
from typing import Any

import pytest
from django.contrib.auth.models import AnonymousUser

from accounts.models import User
from catalog.models import Product
from core.errors import DomainError, Forbidden, Unauthenticated
from orders import actions
from orders.admin.orders import STATUS_COLOURS
from orders.errors import InvalidTransition, OrderNotFound
from orders.models import NO_SALE, Order, OrderEvent
from orders.transitions import VERBS as TABLE
from orders.transitions import verbs_from
from reports.triggers import NO_SALE as NO_SALE_IN_TRIGGERS
from tests.support.factories import make_order, make_product, make_staff, make_user

pytestmark = pytest.mark.django_db

STATUSES = ["pending", "paid", "shipped", "delivered", "cancelled", "refunded"]
VERBS = ["pay", "ship", "deliver", "cancel", "refund"]
CALLERS = ["owner", "other customer", "staff", "stranger"]

# Written out once more by hand, from the contract: the table under test must not be its own judge.
TARGETS = {
    ("pending", "pay"): "paid",
    ("paid", "ship"): "shipped",
    ("shipped", "deliver"): "delivered",
    ("pending", "cancel"): "cancelled",
    ("paid", "cancel"): "cancelled",
    ("paid", "refund"): "refunded",
    ("shipped", "refund"): "refunded",
    ("delivered", "refund"): "refunded",
}
STOCK, UNITS = 10, 3


def test_every_status_has_a_colour_and_reports_agree_about_sales() -> None:
    assert [*STATUS_COLOURS] == Order.Status.labels
    assert [f"'{status}'" for status in NO_SALE] == NO_SALE_IN_TRIGGERS.strip("()").split(", ")


@pytest.mark.parametrize("verb", VERBS)
def test_longest_details_of_a_verb_fit_into_the_note_of_the_timeline(verb: str) -> None:
    lengths = [Order._meta.get_field(name).max_length for name in TABLE[verb].details]

    assert len(", ".join("x" * length for length in lengths)) <= OrderEvent._meta.get_field("note").max_length


def expected_refusal(caller: str, verb: str, status: str) -> type[DomainError] | None:
    """Who may, what may be known of, and only then what may follow what."""
    if caller == "stranger":
        return Unauthenticated
    if caller == "other customer":
        return OrderNotFound
    if caller == "owner" and verb != "cancel":
        return Forbidden
    return None if (status, verb) in TARGETS else InvalidTransition


def make_caller(kind: str, owner: User) -> Any:
    if kind == "owner":
        return owner
    return {"other customer": make_user, "staff": make_staff, "stranger": AnonymousUser}[kind]()


@pytest.fixture
def order() -> Order:
    return make_order(user=make_user(), lines={make_product(stock=STOCK): UNITS})


@pytest.mark.parametrize(("status", "verb", "caller"), list(combinations(STATUSES, VERBS, CALLERS)))
def test_every_move_by_every_caller(order: Order, status: str, verb: str, caller: str) -> None:
    Order.objects.update(status=status)
    before = Order.objects.get()
    actor = make_caller(caller, order.user)
    act = partial(actions.move_order, verb=verb)

    refusal = expected_refusal(caller, verb, status)
    if refusal is None:
        moved = act(actor=actor, order_id=order.pk)

        target = TARGETS[status, verb]
        after = Order.objects.get()
        assert (after.status, after.version) == (moved.status, moved.version) == (target, before.version + 1)
        assert (after.total, after.number, after.user_id) == (before.total, before.number, before.user_id)
        event = OrderEvent.objects.last()
        assert (event.status, event.actor) == (target, actor)
        assert Product.objects.get().stock == (STOCK if target == "cancelled" else STOCK - UNITS)
    else:
        with pytest.raises(refusal) as raised:
            act(actor=actor, order_id=order.pk)

        assert type(raised.value) is refusal
        after = Order.objects.get()
        assert (after.status, after.version) == (status, before.version)
        assert OrderEvent.objects.count() == 1
        assert Product.objects.get().stock == STOCK - UNITS


@pytest.mark.parametrize(("status", "verb"), [pair for pair in combinations(STATUSES, VERBS) if pair not in TARGETS])
def test_refused_move_says_what_stands_in_its_way(order: Order, status: str, verb: str) -> None:
    Order.objects.update(status=status)

    with pytest.raises(InvalidTransition) as refusal:
        actions.move_order(actor=make_staff(), order_id=order.pk, verb=verb)

    assert refusal.value.message == f"Order {order.number} is {status}: it can't be {TABLE[verb].target}"
    assert (refusal.value.code, refusal.value.status) == ("invalid_transition", 409)


@pytest.mark.parametrize("verb", VERBS)
@pytest.mark.parametrize("caller", ["staff", "owner"])
def test_missing_order_is_not_found_by_anyone_signed_in(order: Order, verb: str, caller: str) -> None:
    missing = order.pk + 1000

    with pytest.raises(OrderNotFound) as refusal:
        actions.move_order(actor=make_caller(caller, order.user), order_id=missing, verb=verb)

    assert refusal.value.message == f"Order {missing} not found"
    assert Order.objects.get().version == 1


def test_life_of_an_order_is_recorded_step_by_step(order: Order) -> None:
    staff = make_staff()
    for verb in ("pay", "ship", "deliver", "refund"):
        actions.move_order(actor=staff, order_id=order.pk, verb=verb)

    steps = list(order.events.values_list("status", "actor"))

    owner = order.user_id
    assert steps == [
        ("pending", owner),
        ("paid", staff.pk),
        ("shipped", staff.pk),
        ("delivered", staff.pk),
        ("refunded", staff.pk),
    ]
    assert Order.objects.get().version == 5


@pytest.mark.parametrize("status", STATUSES)
def test_verbs_from_a_status_are_those_of_the_table(status: str) -> None:
    assert verbs_from(status) == [verb for verb in VERBS if (status, verb) in TARGETS]
