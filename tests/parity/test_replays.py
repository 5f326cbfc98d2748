"""An order that is placed again by its key is answered alike by every door, whatever became of it."""

import pytest

from catalog.models import Product
from orders.models import Order
from tests.parity.answers import Answer
from tests.parity.doors import Doors, as_written, doors
from tests.support.factories import make_product, make_staff, make_user

__all__ = ["doors"]
pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("unlimited")]
ALL = ["REST", "REST v2", "REST in XML", "REST v2 in XML", "GraphQL", "gRPC", "Connect"]


def test_every_door_is_tried(doors: Doors) -> None:
    assert list(doors) == ALL


@pytest.mark.parametrize("begun_over", ALL)
def test_key_with_spaces_at_its_ends_is_the_same_key_everywhere(begun_over: str, doors: Doors) -> None:
    user, tea = make_user(), make_product(stock=10)

    begun = doors[begun_over](user).place_order([(tea.pk, 2)], key="one key")
    answers = [door(user).place_order([(tea.pk, 2)], key="  one key ") for door in doors.values()]

    assert {answer.value["id"] for answer in answers} == {begun.value["id"]}
    assert Product.objects.get().stock == 8


def test_order_names_its_products_once_they_are_gone_fresh_and_replayed(doors: Doors) -> None:
    user, staff = make_user(), make_staff()
    tea, pot = make_product(stock=10), make_product(stock=10)
    lines = [(tea.pk, 2), (pot.pk, 1)]
    pk = doors["REST"](user).place_order(lines, key="k").value["id"]
    doors["REST"](staff).delete_product(tea.pk)

    for name, door in doors.items():
        replayed, fresh = door(user).place_order(lines, key="k").value, door(user).order(pk).value

        assert [item["product_id"] for item in replayed["items"]] == [tea.pk, pot.pk], name
        assert replayed == fresh == as_written(name, doors["REST"](user).order(pk).value), name


def test_key_used_with_other_input_is_refused_everywhere(doors: Doors) -> None:
    user, tea = make_user(), make_product(stock=10)
    doors["REST"](user).place_order([(tea.pk, 2)], key="k")

    answers = {name: door(user).place_order([(tea.pk, 3)], key="k") for name, door in doors.items()}

    assert answers == dict.fromkeys(doors, Answer("idempotency_mismatch"))
    assert Product.objects.get().stock == 8


def test_replay_of_an_order_that_is_gone_is_not_found_everywhere(doors: Doors) -> None:
    user, tea = make_user(), make_product(stock=10)
    pk = doors["REST"](user).place_order([(tea.pk, 2)], key="k").value["id"]
    Order.objects.filter(pk=pk).delete()

    answers = {name: door(user).place_order([(tea.pk, 2)], key="k") for name, door in doors.items()}

    assert answers == dict.fromkeys(doors, Answer("not_found"))
    assert not Order.objects.exists()
    assert Product.objects.get().stock == 8
