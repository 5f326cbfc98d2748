"""The stored log of requests: over all protocols, without secrets, bounded, and pruned."""

import logging
from datetime import timedelta
from io import StringIO
from typing import Any

import httpx
import pytest
from django.contrib.auth.models import Group
from django.core.management import call_command
from django.db import DatabaseError
from django.test import Client
from django.utils import timezone

from accounts.tokens import obtain_tokens
from core.models import LoggedRequest
from core.permissions import StaffRole
from core.request_log import storing
from core.request_log.storing import LogQueue, StoringHandler
from core.runtime import singleton
from tests.support.api import Api
from tests.support.factories import make_product, make_staff, make_user
from tests.support.waiting import wait_until

LIST = "/admin/ecommerce/loggedrequest/"
SECRETS = ("Bearer", "hunter2", "eyJ", "secret=")


def line(**facts: Any) -> dict[str, Any]:
    usual = {"request_id": "a" * 32, "created": 1e9, "method": "GET", "path": "/", "status": 200, "duration_ms": 1.5}
    return usual | {"address": "192.0.2.1", "protocol": "rest", "operation": "GET products", "caller": None} | facts


def logged(**facts: Any) -> LoggedRequest:
    queue = LogQueue()
    queue._lines.append(line(**facts))
    queue.store()
    return LoggedRequest.objects.latest("id")


def test_requests_of_every_protocol_are_stored_with_their_callers_and_no_secret(live_shop: Any) -> None:
    shop = live_shop(REQUEST_LOG_DAYS="30")
    with shop.database():
        user, product = make_user(username="joe", password="hunter2-hunter2"), make_product()
        token = obtain_tokens(username="joe", password="hunter2-hunter2").access

    def ask(method: str, path: str, name: str, **options: Any) -> None:
        headers = {"Authorization": f"Bearer {token}", "X-Request-ID": name}
        httpx.request(method, shop.servers[0].url + path, headers=headers, **options)

    ask("GET", f"/api/v1/products/{product.pk}?secret=1", "rest-row-1")
    ask("GET", "/api/v1/users/1/orders", "rest-list-1")
    query = f"query Shown {{ product(pk: {product.pk}) {{ name }} }}"
    ask("POST", "/graphql", "graphql-1", json={"query": query, "operationName": "Shown"})
    ask("POST", "/ecommerce.ProductService/GetProduct", "connect-1", json={"id": product.pk})

    def rows() -> dict[str, Any]:
        with shop.database():
            return {row["request_id"]: row for row in LoggedRequest.objects.values()}

    wait_until(lambda: {"rest-row-1", "rest-list-1", "graphql-1", "connect-1"} <= rows().keys())
    found = rows()
    assert found["rest-row-1"]["path"] == f"/api/v1/products/{product.pk}"
    assert (found["graphql-1"]["protocol"], found["graphql-1"]["path"]) == ("graphql", "/graphql")
    assert (found["connect-1"]["protocol"], found["connect-1"]["operation"]) == (
        "connect",
        "/ecommerce.ProductService/GetProduct",
    )
    assert {row["user_id"] for row in found.values()} == {user.pk}
    assert all(row["duration_ms"] > 0 for row in found.values())
    assert not any(secret in str(found) for secret in SECRETS)


def test_full_queue_drops_and_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(storing, "QUEUE_ROWS", 2)
    queue = LogQueue()
    monkeypatch.setattr(queue, "_start", lambda: None)

    for _ in range(5):
        queue.put(line())

    assert (len(queue._lines), queue.dropped) == (2, 3)


@pytest.mark.django_db
def test_failing_database_drops_a_batch_and_says_so(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(rows: list[LoggedRequest]) -> None:
        raise DatabaseError("gone")

    queue = LogQueue()
    queue._lines.extend([line(), line()])
    with monkeypatch.context() as patch:
        patch.setattr(LoggedRequest.objects, "bulk_create", fail)
        patch.setattr(storing.connection, "close", lambda: None)
        queue.store()

    assert queue.dropped == 2
    assert [record.levelno for record in caplog.records] == [logging.WARNING]


@pytest.mark.parametrize(("protocol", "count"), [("rest", 1), ("health", 0), ("static", 0)])
def test_probes_and_static_files_are_left_out(monkeypatch: pytest.MonkeyPatch, protocol: str, count: int) -> None:
    monkeypatch.setattr(LogQueue, "_start", lambda queue: None)
    record = logging.makeLogRecord(line(protocol=protocol))

    StoringHandler().emit(record)

    assert len(singleton(LogQueue)._lines) == count


@pytest.mark.django_db(transaction=True)
def test_lines_that_wait_at_the_end_are_stored_and_those_that_were_dropped_are_reported(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(storing, "WRITE_EVERY_S", 0.01)
    LogQueue().end()  # it has no thread, and nothing to store
    queue = LogQueue()
    queue.dropped = 3

    queue.put(line())
    wait_until(lambda: "Log lines of requests were not stored: 3 since the process began" in caplog.text)
    monkeypatch.setattr(storing, "WRITE_EVERY_S", 60)
    queue.put(line())
    queue.end()

    assert LoggedRequest.objects.count() == 2
    assert caplog.text.count("were not stored") == 1


@pytest.mark.django_db
def test_old_requests_are_pruned(settings: Any) -> None:
    settings.REQUEST_LOG_DAYS = 2
    for days in (1.9, 2.1):
        logged(created=(timezone.now() - timedelta(days=days)).timestamp())
    out = StringIO()

    call_command("prune", stdout=out)

    assert "Deleted 1 requests from the log." in out.getvalue()
    assert LoggedRequest.objects.count() == 1


@pytest.mark.django_db
def test_hostile_path_is_stored() -> None:
    assert logged(path="/\0\ud800" + "x" * 400).path == "/?" + "x" * 298


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("query", "names"),
    [
        ("?q=story-000001", ["story-000001"]),
        ("?q=77", ["story-000002"]),
        ("?protocol=rest", ["story-000001"]),
        ("?protocol=grpc", ["story-000002"]),
        ("?q=missing", []),
    ],
)
def test_request_is_found_by_its_id_its_user_and_its_protocol(client: Client, query: str, names: list[str]) -> None:
    client.force_login(make_staff())
    logged(request_id="story-000001", path="/api/v1/orders", status=201)
    logged(
        request_id="story-000002", path="/ecommerce.OrderService/PlaceOrder", method="gRPC", protocol="grpc", caller=77
    )

    response = client.get(LIST + query)

    assert [row.request_id for row in response.context_data["cl"].result_list] == names


@pytest.mark.django_db
def test_page_of_a_request_tells_its_story(client: Client) -> None:
    client.force_login(make_staff())
    caller = make_user(username="joe")
    row = logged(path="/graphql", operation="mutation placeOrder", status=200, duration_ms=12.34, caller=caller.pk)

    page = client.get(f"{LIST}{row.pk}/change/").content.decode()

    for text in ("a" * 32, "/graphql", "mutation placeOrder", "12.3 ms", ">joe</a>", "Nothing"):
        assert text in page


@pytest.mark.django_db
def test_requests_are_found_by_the_name_of_their_caller(client: Client) -> None:
    client.force_login(make_staff())
    logged(request_id="story-000001", caller=make_user(username="Joe").pk)
    logged(request_id="story-000002", caller=2_000_000_000)  # a deleted user

    found = client.get(f"{LIST}?q=joe")

    assert [row.request_id for row in found.context_data["cl"].result_list] == ["story-000001"]
    assert ">User 2000000000</a>" in client.get(LIST).content.decode()


@pytest.mark.django_db
@pytest.mark.parametrize("is_signed_in", [True, False])
def test_requests_of_the_admin_name_their_caller(
    client: Client, caplog: pytest.LogCaptureFixture, is_signed_in: bool
) -> None:
    staff = make_staff()
    if is_signed_in:
        client.force_login(staff)

    with caplog.at_level(logging.INFO, "ecommerce.request"):
        client.get("/admin/catalog/product/")

    lines = [vars(record) for record in caplog.records if record.name == "ecommerce.request"]
    expected = ("admin", staff.pk if is_signed_in else None)
    assert [(line["protocol"], line["caller"]) for line in lines] == [expected]


@pytest.mark.django_db
def test_page_of_a_request_names_what_it_changed(client: Client) -> None:
    staff, product = make_staff(), make_product()
    client.force_login(staff)
    Api(staff).patch(f"/products/{product.pk}", {"price": 5}, X_Request_ID="changes-0001")
    row = logged(request_id="changes-0001")

    page = client.get(f"{LIST}{row.pk}/change/").content.decode()

    assert f'/admin/catalog/product/{product.pk}/history/">product {product.pk} ' in page


@pytest.mark.django_db
@pytest.mark.parametrize("role", [None, StaffRole.CATALOGUE])
def test_history_leads_to_the_request_of_a_change_if_the_reader_may_see_it(client: Client, role: str | None) -> None:
    product = make_product()
    Api(make_staff()).patch(f"/products/{product.pk}", {"price": 5}, X_Request_ID="changes-0001")
    reader = make_user(is_staff=True)
    if role:
        reader.groups.add(Group.objects.get(name=role))
    client.force_login(reader)

    page = client.get(f"/admin/catalog/product/{product.pk}/history/").content.decode()

    assert "changes-0001" in page
    assert (f'href="{LIST}?q=changes-0001"' in page) == (role is None)


@pytest.mark.django_db
def test_customer_is_sent_to_the_sign_in(client: Client) -> None:
    client.force_login(make_user())

    assert client.get(LIST).url == f"/admin/login/?next={LIST}"
