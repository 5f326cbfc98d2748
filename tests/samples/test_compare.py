"""`manage.py compare`: the tasks give the same answers over all protocols, and the figures are what they say."""

import json
import time
from dataclasses import replace

import httpcore
import httpx
import pytest
from django.core.management import call_command

from protos.product_pb2 import ListProductsResponse
from samples.compare import store
from samples.compare.answers import disagreements, values_at
from samples.compare.clients import TIMEOUT_S, RequestFailed
from samples.compare.figures import Figures, fastest
from samples.compare.following import Follower
from samples.compare.measuring import measured
from samples.compare.running import filled
from samples.compare.situations import SITUATIONS, rows_of, verdict_of
from samples.compare.store import BEGIN, COMMITTED, END, comparison_in, last_comparison, markdown_of, save
from samples.compare.tasks import TASKS
from tests.support.live import ROOT

ORDERS = {"orders": [{"items": [{"name": "a"}, {"name": "b"}]}, {"items": [{"name": "a"}]}]}
SIZES = {"up": 1, "down": 1, "body_up": 0, "body_down": 0, "gzip_up": 0, "gzip_down": 0}


def figures_of(*samples_ms: float, round_trips: int = 1) -> Figures:
    return Figures(list(samples_ms), requests=1, round_trips=round_trips, **SIZES)


def test_path_enters_lists_of_json_and_of_messages():
    message = ListProductsResponse(products=[{"name": "a"}, {"name": "b"}])

    assert values_at("orders.items.name", ORDERS) == ["a", "b", "a"]
    assert values_at("products.name", message) == ["a", "b"]
    assert values_at("orders.missing", ORDERS) == [None, None]


def test_place_alone_becomes_the_value_itself():
    template = {"id": "{product}", "path": "/products/{product}", "query": "{ me { id } }"}

    assert filled(template, {"product": 7}) == {"id": 7, "path": "/products/7", "query": "{ me { id } }"}


def test_answers_that_differ_in_a_fact_disagree():
    task = next(task for task in TASKS if task.slug == "batch")
    answers = {
        "rest": [[{"created": 3}]],
        "graphql": [[{"data": {"batchCreateProducts": {"createdCount": 3}}}]],
        "grpc": [[{"created_count": 2}]],
    }

    assert disagreements(task, answers) == ["created"]
    assert disagreements(task, {**answers, "grpc": [[{"created_count": 3}]]}) == []


def test_difference_within_the_spread_is_none():
    slow, near, wide = figures_of(10, 10.1, 10.2), figures_of(1.0, 1.1, 1.2), figures_of(1.0, 1.3, 9.0)

    assert fastest({"rest": near, "graphql": slow}, ["rest", "graphql"]) == ["rest"]
    assert fastest({"rest": near, "graphql": wide}, ["rest", "graphql"]) == ["rest", "graphql"]
    assert verdict_of({"rest": near, "graphql": wide}).startswith("No difference in time; ")


def test_advice_says_where_its_protocol_is_slower():
    slow, quick = figures_of(10, 10.1, 10.2), figures_of(1.0, 1.1, 1.2)
    bulk = next(situation for situation in SITUATIONS if situation.task == "batch")

    text = bulk.by_how_much({"rest": slow, "graphql": slow, "web": quick, "native": quick})

    assert text.startswith("1,000 rows: as fast as GraphQL, but slower: 10.1 ms (gRPC 1.1 ms). ")


def test_times_that_are_shown_alike_are_as_fast():
    one, other = figures_of(10.11, 10.11, 10.11), figures_of(10.14, 10.14, 10.14)
    bulk = next(situation for situation in SITUATIONS if situation.task == "batch")

    text = bulk.by_how_much({"rest": one, "graphql": other, "web": other, "native": other})

    assert text.startswith("1,000 rows: as fast as GraphQL and gRPC. ")


def test_distance_costs_each_round_trip():
    assert figures_of(2, 2, 2, round_trips=5).at_distance_ms(50) == 252


def test_readme_shows_the_figures_in_the_source():
    shown = (ROOT / "README.md").read_text().partition(BEGIN)[2].partition(END)[0]

    assert shown.strip() == markdown_of(comparison_in(COMMITTED))
    assert len(rows_of(comparison_in(COMMITTED))) == len(SITUATIONS) == 5


def test_figures_in_the_source_support_the_advice():
    by_task = comparison_in(COMMITTED).tasks

    assert by_task["again"]["rest"].down < min(by_task["again"][name].down for name in ("graphql", "native"))
    assert by_task["screen"]["graphql"].requests == 1 < by_task["screen"]["native"].requests
    assert by_task["one-product"]["native"].down < by_task["one-product"]["rest"].down
    assert by_task["batch"]["rest"].p50_ms < by_task["batch"]["native"].p50_ms
    assert by_task["follow"]["native"].down < by_task["follow"]["rest"].down


def test_page_shows_the_last_comparison_of_this_machine(monkeypatch, tmp_path):
    monkeypatch.setattr(store, "own_path", lambda: tmp_path / "comparison.json")
    assert last_comparison() == comparison_in(COMMITTED)

    save(replace(comparison_in(COMMITTED), machine="this one"), tmp_path / "comparison.json")

    assert last_comparison() == replace(comparison_in(COMMITTED), machine="this one")


@pytest.mark.parametrize("text", ["", "{", "[]", '{"tasks": {}}', '{"tasks": {"list": {"rest": {"samples": [1]}}}}'])
def test_page_shows_the_reference_if_the_last_comparison_is_unreadable(monkeypatch, tmp_path, text):
    monkeypatch.setattr(store, "own_path", lambda: tmp_path / "comparison.json")
    (tmp_path / "comparison.json").write_text(text)

    assert last_comparison() == comparison_in(COMMITTED)


def test_reader_of_the_last_comparison_never_sees_half_of_the_next(tmp_path):
    path = tmp_path / "comparison.json"
    save(comparison_in(COMMITTED), path)

    with path.open() as reader:
        save(replace(comparison_in(COMMITTED), machine="another"), path)
        seen = json.load(reader)

    assert seen["machine"] == comparison_in(COMMITTED).machine
    assert comparison_in(path).machine == "another"


def test_comparison_says_how_many_runs_its_medians_have():
    comparison = comparison_in(COMMITTED)

    assert {len(comparison.tasks[slug]["rest"].samples_ms) for slug in ("batch", "screen")} == {10, 20}
    assert markdown_of(comparison).endswith("medians of 10 to 20 runs.")
    assert markdown_of(replace(comparison, tasks={"screen": comparison.tasks["screen"]})).endswith(
        "medians of 20 runs."
    )


def test_failed_stream_is_reported_at_once():
    def arrivals():
        raise httpcore.ReadError("reset")
        yield

    started_at = time.monotonic()
    with pytest.raises(RequestFailed, match="Change 1 did not arrive: reset"):
        Follower(arrivals).wait_for(1)

    assert time.monotonic() - started_at < TIMEOUT_S / 2


@pytest.mark.live
def test_shop_to_measure_uses_nothing_of_the_environment_of_this_shop(compared_shop, foreign_storage):
    origin = f"http://{compared_shop.host}:{compared_shop.port}"

    listed = httpcore.request("GET", f"{origin}/api/v1/products?sort=price")
    signed_in = httpcore.request("POST", f"{origin}/compare/sign-in?as=staff")

    assert (listed.status, signed_in.status) == (200, 200)
    assert list(foreign_storage.iterdir()) == []


@pytest.mark.live
def test_all_tasks_agree_over_all_protocols(compared_shop):
    comparison = measured(compared_shop, [replace(task, runs=2) for task in TASKS])

    for task in TASKS:
        for figures in comparison.tasks[task.slug].values():
            assert len(figures.samples_ms) == 2
            assert figures.down > 0
    screen = comparison.tasks["screen"]
    assert [screen[name].requests for name in ("rest", "graphql", "web", "native")] == [19, 1, 14, 14]
    assert (screen["rest"].statements, screen["graphql"].statements) == (45, 5)
    assert comparison.tasks["again"]["rest"].body_down == 0


@pytest.mark.same_everywhere
@pytest.mark.live
def test_command_starts_a_shop_and_prints_its_figures(capsys):
    call_command("compare", "--task=one-product", "--json")
    printed = json.loads(capsys.readouterr().out)

    assert list(printed["tasks"]) == ["one-product"]
    assert len(printed["tasks"]["one-product"]["native"]["samples_ms"]) == 20


@pytest.mark.live
def test_shop_on_sqlite_takes_orders_once_changes_by_sku_and_keeps_who_did_what(compared_shop):
    api = f"http://{compared_shop.host}:{compared_shop.port}/api/v1"
    staff, customer = (signed_in(api, name, compared_shop.password) for name in ("staff", "customer"))
    product = staff.post("/products", json={"name": "Kite", "price": 3, "stock": 5, "sku": "KITE-1"}).json()["id"]
    lines = {"items": [{"product_id": product, "quantity": 2}]}

    placed = [customer.post("/orders", json=lines, headers={"Idempotency-Key": "kite-1"}) for _ in range(2)]
    refused = customer.post("/orders", json={"items": [{"product_id": product, "quantity": 4}]})
    rows = [{"sku": "kite-1", "add_stock": 4, "price": 2.5}, {"sku": "none", "price": 1}]
    changed = staff.post("/products/changes", json=rows).json()
    shown = staff.get(f"/products/{product}").json()
    newest = staff.get(f"/products/{product}/history").json()["changes"][0]

    assert [answer.status_code for answer in placed] == [201, 201]
    assert placed[0].json()["id"] == placed[1].json()["id"]
    assert (refused.status_code, refused.json()["code"]) == (409, "out_of_stock")
    assert (changed["changed"], changed["failed"]) == (1, 1)
    assert (shown["stock"], shown["price"]) == (7, 2.5)
    assert (newest["protocol"], newest["actor_id"]) == ("rest", staff.get("/users/me").json()["id"])


def signed_in(api: str, name: str, password: str) -> httpx.Client:
    access = httpx.post(f"{api}/auth/token", json={"username": name, "password": password}).json()["access"]
    return httpx.Client(base_url=api, headers={"Authorization": f"Bearer {access}"}, timeout=30)
