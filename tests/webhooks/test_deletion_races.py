"""An endpoint that is deleted while its deliveries are leased and their outcomes recorded."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from django.db import connection, transaction
from django.utils import timezone

from tests.support.factories import make_product, make_staff
from tests.support.threads import at_once
from tests.support.waiting import wait_until
from tests.webhooks.hooks import make_endpoint, plan_all
from webhooks.actions import delete_endpoint
from webhooks.models import Attempt, Delivery, Endpoint
from webhooks.sending import lease_due

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("requires_postgresql")]

HOLDER = "SELECT EXISTS (SELECT 1 FROM pg_locks WHERE NOT granted AND pg_backend_pid() = ANY(pg_blocking_pids(pid)))"


def rows_left() -> list[int]:
    return [model.objects.count() for model in (Endpoint, Delivery, Attempt)]


def is_waited_for() -> bool:
    """Whether another transaction waits for a lock of this one."""
    with connection.cursor() as cursor:
        cursor.execute(HOLDER)
        return cursor.fetchone() == (True,)


def test_delivery_is_not_leased_between_the_deletion_of_its_attempts_and_its_own() -> None:
    staff, endpoint = make_staff(), make_endpoint()
    make_product()
    plan_all()
    leased: list[Any] = []

    def lease_before(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        if sql.startswith('DELETE FROM "webhooks_delivery"'):
            leased.extend(at_once(lambda: lease_due(endpoint, 9)))
        return execute(sql, params, many, context)

    with connection.execute_wrapper(lease_before):
        delete_endpoint(actor=staff, endpoint_id=endpoint.pk)

    assert leased == [[]]
    assert rows_left() == [0, 0, 0]


def test_deletion_waits_for_an_outcome_that_is_being_recorded() -> None:
    staff, endpoint = make_staff(), make_endpoint()
    make_product()
    plan_all()

    with ThreadPoolExecutor(1) as pool:
        with transaction.atomic():  # locks in the order of `record`
            assert len(Delivery.objects.locked()) == 1
            deletion = pool.submit(at_once, lambda: delete_endpoint(actor=staff, endpoint_id=endpoint.pk))
            wait_until(is_waited_for)
            Endpoint.objects.update(failing_since=timezone.now())

        assert deletion.result() == [None]
    assert rows_left() == [0, 0, 0]
