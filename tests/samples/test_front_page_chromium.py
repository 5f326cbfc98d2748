"""The front page in a browser: every task, the streams, the mistake and the explorer; no other host; accessible."""

import json
from collections.abc import Iterator
from datetime import datetime

import pytest

from samples.compare.shop import MeasuredShop
from samples.compare.tasks import TASKS
from tests.support.axe import barriers
from tests.support.chromium import Browser, Page

pytestmark = [pytest.mark.live, pytest.mark.unmeasured]

SAID = "document.querySelector('#said')"
IS_OVER = f"['ok', 'error'].includes({SAID}?.className)"
LINE = "document.querySelector('#line')"
REFUSED = "[...document.querySelectorAll('#refused h3')].map((title) => title.textContent)"
FIGURES = "[...document.querySelectorAll('#summary tbody tr')].map((row) => row.dataset.figures)"
STATUS = "document.querySelector('#status')"
CONFLICT = "Failed to load resource: the server responded with a status of 409 (Conflict)"


@pytest.fixture(scope="module")
def opened(chromium: Browser, compared_shop: MeasuredShop) -> Iterator[Page]:
    origin = f"http://{compared_shop.host}:{compared_shop.port}"
    with chromium.page("about:blank") as page:
        page.command("Network.enable")
        page.go(f"{origin}/#runs=2")
        page.wait_for("document.querySelector('#start')")
        yield page
        assert [url for url in page.requested if not url.startswith((origin, "data:", "about:"))] == []


@pytest.fixture
def page(opened: Page) -> Page:
    opened.errors.clear()
    return opened


def click(page: Page, selector: str) -> None:
    page.value_of(f"document.querySelector({json.dumps(selector)}).click()")


@pytest.mark.parametrize("task", TASKS, ids=lambda task: task.slug)
def test_task_runs_over_all_protocols_and_the_answers_agree(page: Page, task) -> None:
    click(page, f"[data-task={task.slug}]")
    page.wait_for(f"document.querySelector('#note')?.textContent === {json.dumps(task.note)}")
    click(page, "#start")
    page.wait_for(IS_OVER)

    said = page.value_of(f"{SAID}.textContent")
    assert said.startswith("The three answers agree: " if task.facts else "Done: 304"), said
    assert page.value_of(FIGURES) == ["rest", "graphql", "grpc", "native"]
    assert page.value_of("document.querySelectorAll('#task svg').length") == 3
    assert f"task={task.slug}" in page.value_of("location.hash")
    assert page.errors == []


def test_wrong_edit_is_explained_and_a_right_one_is_sent(page: Page) -> None:
    click(page, "[data-task=one-product]")
    page.wait_for("document.querySelector('#note').textContent.startsWith('The smallest')")
    page.value_of("document.querySelector('#grpc-0').value = '/ecommerce.ProductService/GetProduct\\n\\n{id: 1'")
    click(page, "#start")
    page.wait_for(f"{SAID}.className === 'error'")
    assert "The JSON can't be read" in page.value_of(f"{SAID}.textContent")

    other = "/ecommerce.ProductService/GetProduct\n\n" + json.dumps({"id": 1})
    page.value_of(f"document.querySelector('#grpc-0').value = {json.dumps(other)}")
    page.value_of(f"{SAID}.className = ''")
    click(page, "#start")
    page.wait_for(IS_OVER)

    assert "The answers differ in: name" in page.value_of(f"{SAID}.textContent")


def test_cut_line_is_resumed_by_each_stream_without_gap_or_duplicate(page: Page) -> None:
    click(page, "#change")
    page.wait_for(f"{LINE}.textContent.includes('the same 1 cursor in')")
    click(page, "#cut")
    page.wait_for(f"{LINE}.textContent.includes('the same 4 cursors in')")

    assert page.value_of("document.querySelectorAll('#strip .log div').length") == 12
    click(page, "#hang-up")
    assert page.errors == []


def test_same_mistake_has_the_code_of_each_protocol(page: Page) -> None:
    click(page, "#mistake-make")
    page.wait_for(f"{REFUSED}.length === 3")

    assert page.value_of(REFUSED) == ["REST: 409", "GraphQL: OUT_OF_STOCK", "gRPC-Web: FAILED_PRECONDITION"]
    answers = page.value_of("[...document.querySelectorAll('#refused pre')].map((answer) => answer.textContent)")
    assert json.loads(answers[0])["code"] == "out_of_stock"
    assert json.loads(answers[2])["details"][0]["reason"] == "out_of_stock"
    assert page.errors == [CONFLICT]


def test_explorer_calls_methods_follows_streams_and_decodes_details(page: Page) -> None:
    page.value_of("document.querySelector('#explorer').scrollIntoView()")
    page.wait_for("document.querySelector('#call')")

    def call(method: str, message: object) -> None:
        page.value_of(f"document.querySelector('#method').value = {json.dumps(method)}")
        page.value_of("document.querySelector('#method').dispatchEvent(new Event('change'))")
        page.value_of(f"document.querySelector('#message').value = {json.dumps(json.dumps(message))}")
        click(page, "#call")

    call("/ecommerce.ProductService/GetProduct", {"id": 1})
    page.wait_for(f"{STATUS}.textContent === 'OK'")
    assert json.loads(page.value_of("document.querySelector('#messages').textContent"))["product"]["id"] == 1

    call("/ecommerce.v2.ProductService/GetProduct", {"id": 1})
    page.wait_for("document.querySelector('#messages').textContent.includes('currency_code')")
    product = page.value_of("fetch('/api/v2/products/1').then((found) => found.json())")
    shown = json.loads(page.value_of("document.querySelector('#messages').textContent"))["product"]
    created_at = datetime.fromisoformat(product["created_at"]).replace(microsecond=0)  # gRPC has whole seconds
    assert shown["created_at"] == f"{created_at:%Y-%m-%dT%H:%M:%SZ}"

    call("/ecommerce.ProductService/ListProducts", {"page": -1})
    page.wait_for(f"{STATUS}.textContent.startsWith('INVALID_ARGUMENT')")
    details = json.loads(page.value_of("document.querySelector('#messages').textContent"))
    assert "google.rpc.ErrorInfo" in {detail["@type"] for detail in details}

    call("/ecommerce.ProductService/WatchProducts", {"id": 0})
    page.wait_for(f"{STATUS}.textContent === 'The stream is open.'")
    click(page, "#stop")
    page.wait_for(f"{STATUS}.textContent === 'Stopped.'")


def test_link_restores_the_choices(page: Page, compared_shop: MeasuredShop) -> None:
    choices = "caller=service&browser=no&cache=no&stream=none"
    page.go(f"http://{compared_shop.host}:{compared_shop.port}/?again#runs=2&task=list&distance=200&{choices}")
    page.wait_for("document.querySelector('#note')?.textContent.startsWith('A list')")

    assert page.value_of("document.querySelector('#advice strong').textContent") == "gRPC"
    assert page.value_of("document.querySelector('output').textContent") == "200 ms (computed)"
    assert page.errors == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_page_has_no_serious_barrier(page: Page, npm_packages: str, scheme: str) -> None:
    page.command("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])
    click(page, "#start")
    page.wait_for(IS_OVER)

    assert barriers(page, npm_packages) == {}


def test_sign_in_is_shared_with_graphiql_and_swagger(page: Page, compared_shop: MeasuredShop) -> None:
    origin = f"http://{compared_shop.host}:{compared_shop.port}"
    page.value_of("[...document.querySelectorAll('#sign-in button')].at(-1).click()")
    page.wait_for("document.querySelector('#sign-in button[aria-pressed=true]')")

    page.go(f"{origin}/graphql")
    page.wait_for("document.querySelector('.who')?.textContent.includes('staff')")
    page.go(f"{origin}/api/docs")
    page.wait_for("window.ui?.authSelectors.authorized().get('bearer')")
    page.go(f"{origin}/")
    page.wait_for("document.querySelector('#sign-in button[aria-pressed=true]')?.textContent === 'as staff'")

    assert page.errors == []
