"""What caches may keep, and what a real one does with it: nginx, run from examples/nginx.conf, before real servers."""

import time
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from catalog.models import Product
from tests.support.api import Api, access_token
from tests.support.cache import Cache, cache_before
from tests.support.events import listening
from tests.support.factories import make_order, make_product, make_staff, make_user
from tests.support.live import Shop
from tests.support.waiting import PATIENCE_S

PUBLIC = "public, max-age=0, s-maxage=60, must-revalidate"
PRIVATE = "private, no-cache"
JSON, XML = "application/json", "application/xml"
V1, V2 = "application/vnd.myapi.v1+json", "application/vnd.myapi.v2+json"


# -- What is said -----------------------------------------------------------------------------------------------
@pytest.mark.django_db
@pytest.mark.parametrize(
    ("method", "path", "directives"),
    [
        ("get", "/products", PUBLIC),
        ("head", "/products", PUBLIC),
        ("get", "/products/{}", PUBLIC),
        ("get", "/products/0", "no-store"),
        ("get", "/products?sort=x", "no-store"),
        ("get", "/orders", "no-store"),
        ("get", "/nothing", "no-store"),
        ("get", "http://testserver/api/schema", PUBLIC),
        ("head", "http://testserver/api/schema", PUBLIC),
        ("get", "http://testserver/api/problems/not_found", PUBLIC),
        ("get", "http://testserver/api/docs", PRIVATE),
        ("post", "/products", "no-store"),
        ("options", "/products", "no-store"),
    ],
)
def test_answer_to_a_stranger_says_who_may_keep_it(method, path, directives, settings):
    settings.CACHE_PUBLIC_S = 60

    response = Api().send(method, path.format(make_product().pk))

    assert response["Cache-Control"] == directives
    assert {"Accept", "Authorization"} <= set(response["Vary"].split(", "))


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("method", "path", "directives"),
    [
        ("get", "/products", PRIVATE),
        ("get", "/products/{}", PRIVATE),
        ("get", "/users/me", PRIVATE),
        ("get", "/orders", PRIVATE),
        ("get", "/users/0", "no-store"),
        ("post", "/orders", "no-store"),
    ],
)
def test_answer_to_a_signed_in_caller_is_kept_by_no_other(method, path, directives, settings):
    settings.CACHE_PUBLIC_S = 60

    response = Api(make_user()).send(method, path.format(make_product().pk))

    assert response["Cache-Control"] == directives


@pytest.mark.django_db
def test_without_a_shared_cache_every_use_is_asked_for():
    assert Api().get("/products")["Cache-Control"] == "public, max-age=0, must-revalidate"


@pytest.mark.django_db
@pytest.mark.parametrize("path", ["/products", "/products/{}"])
def test_every_version_and_format_has_a_tag_of_its_own_and_answers_304_to_it(path):
    path = path.format(make_product().pk)
    tags = {}
    for version in ("v1", "v2"):
        for format in (JSON, XML):
            api = Api(base=f"/api/{version}")
            tag = api.get(path, Accept=format)["ETag"]
            again = api.get(path, Accept=format, If_None_Match=f'"x", W/{tag}')
            tags[tag] = again.status_code, again.content, again["ETag"] == tag

    assert len(tags) == 4
    assert set(tags.values()) == {(304, b"", True)}


@pytest.mark.django_db
def test_304_says_what_200_would_have_said(settings):
    settings.CACHE_PUBLIC_S = 60
    path = f"/products/{make_product().pk}"
    full = Api().get(path)

    short = Api().get(path, If_None_Match=full["ETag"])

    names = ("Cache-Control", "ETag", "Last-Modified", "Vary")
    assert [short[name] for name in names] == [full[name] for name in names]
    assert "Content-Type" not in short


@pytest.mark.django_db
@pytest.mark.parametrize("change", ["create", "update", "delete"])
def test_list_has_another_tag_when_any_of_its_rows_has_changed(change):
    product = make_product()
    tag = Api().get("/products")["ETag"]

    if change == "create":
        make_product()
    elif change == "update":
        Product.objects.update(stock=1)
    else:
        product.delete()

    assert Api().get("/products", If_None_Match=tag).status_code == 200


@pytest.mark.django_db
@pytest.mark.parametrize("version", ["v1", "v2"])
@pytest.mark.parametrize("format", [JSON, XML])
def test_tag_of_any_form_lets_a_change_through_once(version, format):
    product = make_product()
    path = f"/products/{product.pk}"
    tag = Api(base=f"/api/{version}").get(path, Accept=format)["ETag"]
    staff = Api(make_staff())

    answers = [staff.patch(path, {"stock": n}, If_Match=tag).status_code for n in (1, 2)]

    assert answers == [200, 412]
    assert Product.objects.get().stock == 1


@pytest.mark.django_db
@pytest.mark.parametrize("path", ["/products", "/products/{}"])
def test_get_of_what_has_changed_since_is_412_when_so_asked(path):
    response = Api(base="/api/v2").get(path.format(make_product().pk), If_Match='"other"')

    assert (response.status_code, response["Content-Type"]) == (412, "application/problem+json")
    assert (response.json()["code"], response["Cache-Control"]) == ("version_mismatch", "no-store")
    assert "ETag" not in response


# -- A cache in front -------------------------------------------------------------------------------------------
@pytest.fixture(scope="module")
def shop(live_shops) -> Shop:
    return live_shops(CACHE_PUBLIC_S="60", RATE_LIMITS="on")


@pytest.fixture
def cache(requires_nginx, shop: Shop, tmp_path) -> Iterator[Cache]:
    with cache_before(shop.url, tmp_path) as cache:
        yield cache


@pytest.fixture
def naive(requires_nginx, shop: Shop, tmp_path) -> Iterator[Cache]:
    """A cache that knows nothing of tokens, and has the shop's headers alone to go by."""
    with cache_before(shop.url, tmp_path, is_naive=True) as cache:
        yield cache


@pytest.fixture
def callers(shop: Shop) -> dict[str, dict[str, str]]:
    """The headers of those who ask: a stranger, two customers, staff, and one whose token is worth nothing."""
    with shop.database():
        users = {"ada": make_user(), "bob": make_user(), "staff": make_staff()}
        for name in ("ada", "bob"):
            make_order(users[name], {make_product(): 1})
        tokens = {name: access_token(user) for name, user in users.items()} | {"nobody": "nonsense"}
    return {"stranger": {}} | {name: {"Authorization": f"Bearer {token}"} for name, token in tokens.items()}


def ask(cache: Cache, path: str, *headers: dict[str, str]) -> httpx.Response:
    sent = {name: value for each in headers for name, value in each.items()}
    return httpx.get(cache.url + path, headers=sent, timeout=60)


def ask_kept(cache: Cache, path: str, *headers: dict[str, str]) -> httpx.Response:
    """Ask for what the cache is to have: nginx stores a response shortly after it has sent it."""
    deadline = time.monotonic() + PATIENCE_S
    while (answer := ask(cache, path, *headers)).headers["x-cache"] != "HIT" and time.monotonic() < deadline:
        time.sleep(0.05)
    return answer


# who, path, Accept, status, what the body is, verdict; one request after another, on an empty cache
TABLE = [
    ("stranger", "/api/v1/products/{}", JSON, 200, "v1 json", "MISS"),
    ("stranger", "/api/v1/products/{}", JSON, 200, "v1 json", "HIT"),
    ("stranger", "/api/v1/products/{}", XML, 200, "v1 xml", "MISS"),
    ("stranger", "/api/v1/products/{}", XML, 200, "v1 xml", "HIT"),
    ("stranger", "/api/v2/products/{}", JSON, 200, "v2 json", "MISS"),
    ("stranger", "/api/v2/products/{}", JSON, 200, "v2 json", "HIT"),
    ("stranger", "/api/v2/products/{}", XML, 200, "v2 xml", "MISS"),
    ("stranger", "/api/v2/products/{}", XML, 200, "v2 xml", "HIT"),
    ("stranger", "/api/products/{}", V1, 200, "v1 json", "MISS"),
    ("stranger", "/api/products/{}", V2, 200, "v2 json", "MISS"),
    ("stranger", "/api/products/{}", V1, 200, "v1 json", "HIT"),
    ("stranger", "/api/products/{}", V2, 200, "v2 json", "HIT"),
    ("stranger", "/api/v1/products?per_page=1", JSON, 200, "v1 json", "MISS"),
    ("stranger", "/api/v1/products?per_page=1", JSON, 200, "v1 json", "HIT"),
    ("stranger", "/api/v2/products?limit=1", XML, 200, "v2 xml", "MISS"),
    ("stranger", "/api/v2/products?limit=1", XML, 200, "v2 xml", "HIT"),
    ("ada", "/api/v1/products/{}", JSON, 200, "v1 json", "BYPASS"),
    ("nobody", "/api/v1/products/{}", JSON, 401, "v1 json", "BYPASS"),
    ("stranger", "/api/v1/products/{}", JSON, 200, "v1 json", "HIT"),
    ("stranger", "/api/v1/orders", JSON, 401, "v1 json", "MISS"),
    ("ada", "/api/v1/orders", JSON, 200, "v1 json", "BYPASS"),
    ("bob", "/api/v1/orders", JSON, 200, "v1 json", "BYPASS"),
    ("staff", "/api/v2/orders", XML, 200, "v2 xml", "BYPASS"),
    ("stranger", "/api/v1/orders", JSON, 401, "v1 json", "MISS"),
    ("stranger", "/api/v1/products/0", JSON, 404, "v1 json", "MISS"),
    ("stranger", "/api/v1/products/0", JSON, 404, "v1 json", "MISS"),
]


def test_cache_keeps_each_version_and_format_apart_and_gives_none_to_a_token(cache, shop, callers):
    with shop.database():
        pk = make_product(price="19.99").pk

    seen = []
    for who, path, accept, *_, verdict in TABLE:
        answer = (ask_kept if verdict == "HIT" else ask)(cache, path.format(pk), callers[who], {"Accept": accept})
        found = answer.status_code, kind_of(answer), answer.headers["x-cache"]
        seen.append((who, path, accept, *found))

    assert seen == TABLE


def kind_of(answer: httpx.Response) -> str:
    text = answer.text
    version = "v2" if "next_cursor" in text or "currency" in text else "v1"
    return f"{version} {'xml' if text.startswith('<?xml') else 'json'}"


def test_callers_get_what_is_theirs_from_a_cache_that_knows_nothing_of_tokens(naive, callers):
    paths = ["/api/v1/users/me", "/api/v1/orders", "/api/v2/orders", "/api/v1/products", "/api/v2/products"]
    for path in paths:
        ask(naive, path)
    seen: dict[str, list[Any]] = {"ada": [], "bob": []}
    for _ in range(2):
        for name, answers in seen.items():
            answers += [ask(naive, path, callers[name]) for path in paths]

    for name, answers in seen.items():
        assert {answer.headers["x-cache"] for answer in answers} == {"MISS"}
        assert {answer.headers["cache-control"] for answer in answers} == {PRIVATE}
        (mine,) = {answer.json()["username"] for answer in answers[:: len(paths)]}
        others = {other.json()["username"] for each in seen if each != name for other in seen[each][:: len(paths)]}
        assert mine not in others
    kept = naive.kept()
    assert len(kept) == 2  # the two lists of products, as a stranger got them
    assert not any(b"private" in each or b"username" in each or b"Bearer" in each for each in kept)
    assert ask_kept(naive, "/api/v1/products").headers["x-cache"] == "HIT"
    assert ask(naive, "/api/v1/products", callers["nobody"]).status_code == 401


def test_what_is_left_of_a_budget_is_told_to_its_owner_alone(cache, callers):
    first, second = ask(cache, "/api/v1/products?q=budget"), ask_kept(cache, "/api/v1/products?q=budget")
    ada = [ask(cache, "/api/v1/products?q=budget", callers["ada"]).headers["ratelimit"] for _ in range(2)]
    refused = ask(cache, "/api/v1/products?q=budget&page=x").headers["ratelimit"]

    assert [answer.headers["x-cache"] for answer in (first, second)] == ["MISS", "HIT"]
    assert not {"ratelimit", "ratelimit-policy", "retry-after"} & {*first.headers, *second.headers}
    assert [text.split(";")[:2] for text in ada] == [['"default"', "r=2999"], ['"default"', "r=2998"]]
    assert refused.startswith('"default";r=5')


def test_request_has_one_name_also_when_the_answer_was_kept(cache):
    given = {"X-Request-ID": "a-name-of-mine"}

    path = "/api/v1/products?q=name"

    answers = [ask(cache, path, given), *(ask_kept(cache, path, each) for each in ({}, given, {"X-Request-ID": "x"}))]

    assert [answer.headers["x-cache"] for answer in answers] == ["MISS", "HIT", "HIT", "HIT"]
    names = [answer.headers["x-request-id"] for answer in answers]
    assert names[0] == names[2] == "a-name-of-mine"
    assert len({*names}) == 3
    assert all(len(name) >= 8 for name in names)


def test_client_that_has_it_is_told_304_by_the_cache(cache):
    tag = ask(cache, "/api/v1/products?q=tag").headers["etag"]

    answer = ask_kept(cache, "/api/v1/products?q=tag", {"If-None-Match": tag})

    assert (answer.status_code, answer.content, answer.headers["x-cache"]) == (304, b"", "HIT")
    assert answer.headers["etag"] == tag


def test_stale_answer_is_revalidated_and_a_changed_one_is_made_anew(requires_nginx, shop, tmp_path):
    with shop.database():
        pk = make_product(stock=5).pk
    server = shop.start(CACHE_PUBLIC_S="1")
    verdicts, stocks = [], []
    with cache_before(server.url, tmp_path) as cache:
        for change in (None, None, 4, None):
            if stocks:
                time.sleep(2)
            if change is not None:
                with shop.database():
                    Product.objects.filter(pk=pk).update(stock=change)
            for path in (f"/api/v1/products/{pk}", f"/api/v2/products/{pk}"):
                answer = ask(cache, path)
                verdicts.append(answer.headers["x-cache"])
                stocks.append(answer.json()["stock"])

    assert verdicts == [
        "MISS",
        "MISS",
        "REVALIDATED",
        "REVALIDATED",
        "EXPIRED",
        "EXPIRED",
        "REVALIDATED",
        "REVALIDATED",
    ]
    assert stocks == [5, 5, 5, 5, 4, 4, 4, 4]


def test_kept_answer_stands_until_it_is_stale_and_no_change_is_lost(cache, shop, callers):
    with shop.database():
        pk = make_product(stock=5).pk
    path = f"/api/v1/products/{pk}"
    ask_kept(cache, path)

    changed = httpx.patch(cache.url + path, json={"stock": 4}, headers=callers["staff"], timeout=60)

    assert (changed.status_code, changed.headers["cache-control"]) == (200, "no-store")
    assert ask(cache, path).json()["stock"] == 5  # a stranger, for a minute at most
    assert ask(cache, path, callers["staff"]).json()["stock"] == 4


def test_stream_passes_through_at_once(cache, shop):
    with shop.database():
        product = make_product(stock=5)
    with listening() as listen:
        clients = [listen(f"{cache.url}/api/v1/products/{product.pk}/events") for _ in range(2)]
        for client in clients:
            client.wait_until(lambda client=client: client.blocks, "the beginning")
        with shop.database():
            Product.objects.filter(pk=product.pk).update(stock=4)

        for client in clients:
            assert client.wait_for("product", 1)[0].data["new_stock"] == 4
