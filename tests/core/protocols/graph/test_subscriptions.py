"""What a subscription answers: once for all who ask the same and may see the same."""

import asyncio
import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.contrib.auth.models import AnonymousUser
from django.db import connection
from graphql import ExecutionResult, get_operation_ast

from catalog.models import Product
from core.callers import Caller
from core.feed.events import events_after, position_now
from core.models import Event
from core.protocols.graph.cost import cost_of
from core.protocols.graph.documents import prepared
from core.protocols.graph.execution import run
from core.protocols.graph.live import subscriptions
from core.protocols.graph.live.subscription_spec import SubscriptionSpec
from core.protocols.graph.live.subscriptions import Operation, Subscription
from core.runtime import Runtime, singleton
from core.server.stream_threads import StreamThreads
from ecommerce.schema import schema
from tests.support.factories import make_order, make_product, make_staff, make_user

pytestmark = pytest.mark.django_db(transaction=True)
FREE = "subscription { productUpdated { kind newStock } }"
LOADS = "subscription { productUpdated { kind product { stock } } }"


@pytest.fixture
def executed(monkeypatch: pytest.MonkeyPatch, runtime: Runtime) -> Iterator[list[ExecutionResult]]:
    """All that is executed, on threads that end with the test."""
    results: list[ExecutionResult] = []

    def counted(*args: Any) -> ExecutionResult:
        results.append(run(*args))
        return results[-1]

    pool = runtime.get(StreamThreads)
    monkeypatch.setattr(subscriptions, "run", counted)
    yield results
    assert pool.stop(5)


def subscription(query: str, user: Any = None, **variables: Any) -> Subscription:
    document = prepared(query)
    node = get_operation_ast(document)
    assert node is not None
    cost = cost_of(schema.graphql_schema, document, node, variables)
    source = SubscriptionSpec(lambda event: True)
    return Subscription(Operation(query, document, node, variables, cost), Caller(user or AnonymousUser(), ""), source)


def event_of(change: Callable[[], Any]) -> Event:
    """Return the last event of what `change` does."""
    position = position_now()
    change()
    position_now()
    return events_after(position)[-1]


def answers(event: Event, *asking: Subscription) -> list[Any]:
    """Return what each is told of the event."""

    async def ask() -> list[str]:
        return await asyncio.gather(*(each.answer(event) for each in asking))

    return [told_by(text) for text in asyncio.run(ask())]


def told_by(text: str) -> Any:
    (update,) = json.loads(text)["data"].values()
    return update


def test_answer_that_loads_nothing_is_made_once_for_everybody(executed: list[Any]) -> None:
    event = event_of(lambda: make_product(stock=3))

    told = answers(event, subscription(FREE), subscription(FREE, make_user()), subscription(FREE, make_staff()))

    assert told == [{"kind": "created", "newStock": 3}] * 3
    assert len(executed) == 1


def test_answer_that_loads_something_is_made_once_for_all_of_the_same_standing(executed: list[Any]) -> None:
    event = event_of(lambda: make_product(stock=3))
    user = make_user()

    told = answers(event, *(subscription(LOADS) for _ in range(3)), *(subscription(LOADS, user) for _ in range(3)))

    assert told == [{"kind": "created", "product": {"stock": 3}}] * 6
    assert len(executed) == 2


def test_what_one_may_see_is_never_told_to_another(executed: list[Any]) -> None:
    query = "subscription { orderUpdated { order { number user { username } } } }"
    owner, other, staff = make_user(), make_user(), make_staff()
    order = make_order(owner)
    event = event_of(lambda: type(order).objects.filter(pk=order.pk).update(status="paid"))
    known = {"order": {"number": order.number, "user": {"username": owner.username}}}

    told = answers(event, *(subscription(query, user) for user in (owner, other, staff, None)))

    assert told == [known, {"order": None}, known, {"order": None}]


def test_user_who_is_staff_no_more_is_told_apart(executed: list[Any]) -> None:
    query = "subscription { orderUpdated { order { number } } }"
    staff, order = make_staff(), make_order()
    event = event_of(lambda: type(order).objects.filter(pk=order.pk).update(status="paid"))
    before = subscription(query, staff)
    staff = type(staff).objects.get(pk=staff.pk)
    staff.is_staff = False

    told = answers(event, before, subscription(query, staff))

    assert told == [{"order": {"number": order.number}}, {"order": None}]


def test_place_to_begin_from_does_not_tell_answers_apart_and_other_variables_do(executed: list[Any]) -> None:
    query = "subscription($after: String, $more: Boolean!) { productUpdated(after: $after) { kind ...F } } "
    query += "fragment F on ProductUpdate { newStock @include(if: $more) }"
    event = event_of(lambda: make_product(stock=3))
    asking = [subscription(query, after=str(n), more=bool(n % 2)) for n in range(6)]

    told = answers(event, *asking)

    assert told == [{"kind": "created"}, {"kind": "created", "newStock": 3}] * 3
    assert len(executed) == 2


def test_event_that_is_told_again_later_is_answered_by_the_state_of_then(
    executed: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(subscriptions, "FRESH_S", 0.01)
    product = make_product(stock=3)
    event = event_of(lambda: Product.objects.filter(pk=product.pk).update(stock=2))
    asking = subscription(LOADS)

    async def ask() -> list[str]:
        first = await asking.answer(event)
        await asyncio.to_thread(_alone, Product.objects.filter(pk=product.pk).delete)
        await asyncio.sleep(0.1)
        return [first, await asking.answer(event)]

    first, second = map(told_by, asyncio.run(ask()))
    assert first == {"kind": "updated", "product": {"stock": 2}}
    assert second == {"kind": "updated", "product": None}


def _alone(job: Callable[[], Any]) -> None:
    job()
    connection.close()


def test_no_more_answers_are_kept_than_so_many(executed: list[Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(subscriptions, "MAX_KEPT", 2)
    events = [event_of(make_product) for _ in range(4)]

    for event in events:
        answers(event, subscription(FREE))
    assert len(singleton(subscriptions.RecentResults)._kept) == 2
