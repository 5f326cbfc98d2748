"""The copies of requests that the front page offers work as programs outside of the browser."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from itertools import cycle, product
from pathlib import Path

import httpx
import pytest

from samples.compare.shop import MeasuredShop
from tests.support.chromium import Browser, Page
from tests.support.golang import Go
from tests.support.live import ROOT
from tests.support.processes import end
from tests.support.waiting import wait_until

pytestmark = [pytest.mark.live, pytest.mark.unmeasured]

INTERPRETERS = {"curl": "bash", "grpcurl": "bash", "Python": sys.executable, "TypeScript": "node"}
HTTP, LANGUAGES = ("rest", "graphql"), ("curl", "Python", "TypeScript", "Go")
COPIES = """
(async () => {
  const loaded = performance.getEntriesByType("resource").map(({name}) => name);
  const module = (name) => import(loaded.find((url) => url.includes(`/compare/${name}.`)));
  const [{snippet}, {schema}] = await Promise.all([module("snippets"), module("protobuf")]);
  const shop = await schema();
  const copies = shop.methods.map(async ({path, input, clientStreams}) => {
    const message = clientStreams ? [shop.example(input), shop.example(input)] : shop.example(input);
    const step = {call: path, message: MESSAGES[path] ?? message, headers: {}};
    return [path, await snippet("grpc", LANGUAGE, step, {Authorization: `Bearer ${TOKEN}`})];
  });
  return Object.fromEntries(await Promise.all(copies));
})()
"""

Started = Callable[[str, str], list[str]]


@pytest.fixture(scope="module")
def page(chromium: Browser, compared_shop: MeasuredShop) -> Iterator[Page]:
    with chromium.page(f"http://{compared_shop.host}:{compared_shop.port}/#runs=2") as page:
        page.wait_for("document.querySelector('#start')")
        page.value_of("document.querySelector('#explorer').scrollIntoView()")  # loads what the copies need
        page.wait_for("document.querySelector('#call')")
        yield page


@pytest.fixture
def started(request: pytest.FixtureRequest, tmp_path: Path) -> Started:
    """A function that returns the command of a copy. A test is skipped if the program that runs it is not installed."""

    def command(text: str, language: str) -> list[str]:
        if language == "Go":
            return [str(request.getfixturevalue("go_grpc" if "google.golang.org" in text else "go").build(text))]
        if INTERPRETERS[language] == "bash":
            text = f"exec {text}"  # so that the command itself ends with the test
        if language == "grpcurl":
            text = f"PATH={request.getfixturevalue('python_generators')}:$PATH\n{text}"
        needed = "curl" if language == "curl" else INTERPRETERS[language]
        if shutil.which(needed) is None:
            pytest.skip(f"needs {needed}")
        script = tmp_path / "copied.mjs"
        script.write_text(text)
        return [INTERPRETERS[language], str(script)]

    return command


def choose(page: Page, task: str) -> None:
    page.value_of(f"document.querySelector('[data-task={task}]').click()")
    page.wait_for(f"location.hash.includes('task={task}')")
    page.wait_for("document.querySelector('#rest-0').value.match(/products.\\d/)")


def copied(page: Page, protocol: str, language: str) -> str:
    """Click "Copy" on a card of the chosen task; return the text."""
    page.value_of("window.copied = null; navigator.clipboard.writeText = async (text) => { window.copied = text; }; 0")
    card = f"document.querySelector('[data-protocol={protocol}]')"
    page.value_of(f"{card}.querySelector('select').value = {json.dumps(language)}")
    page.value_of(f"{card}.querySelector('.bar button').click()")
    page.wait_for("window.copied")
    return page.value_of("window.copied")


def copies_of_all_methods(page: Page, language: str, token: str, **messages: object) -> dict[str, str]:
    """Return what the explorer copies for each method of gRPC, by path. Messages are examples unless they are given."""
    given = {"MESSAGES": {f"/ecommerce.ProductService/{method}": message for method, message in messages.items()}}
    script = COPIES
    for name, value in {**given, "LANGUAGE": language, "TOKEN": token}.items():
        script = script.replace(name, json.dumps(value))
    return page.value_of(script)


def signed_in(origin: str, user: str) -> str:
    """Return a token of `staff` or `customer`."""
    return httpx.post(f"{origin}/compare/sign-in?as={user}").json()["access"]


@pytest.mark.parametrize(("protocol", "language"), [*product([*HTTP, "grpc"], LANGUAGES), ("grpc", "grpcurl")])
def test_copied_request_works_outside_of_the_browser(
    page: Page, started: Started, protocol: str, language: str
) -> None:
    choose(page, "one-product")
    command = started(copied(page, protocol, language), language)
    ran = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, env={**os.environ, "PYTHONPATH": "."})
    shown = page.value_of("fetch('/api/v1/products?sort=stock&order=desc&per_page=1').then((found) => found.json())")

    assert shown["products"][0]["name"] in ran.stdout, ran.stderr


@pytest.mark.parametrize(
    ("protocol", "language"),
    [*product(HTTP, LANGUAGES), *product(["grpc"], ["grpcurl", "Python", "Go"])],
)
def test_copied_stream_shows_each_change(
    page: Page, compared_shop: MeasuredShop, started: Started, tmp_path: Path, protocol: str, language: str
) -> None:
    choose(page, "follow")
    command, printed = started(copied(page, protocol, language), language), tmp_path / "printed"
    origin = f"http://{compared_shop.host}:{compared_shop.port}"
    staff = {"Authorization": f"Bearer {signed_in(origin, 'staff')}"}
    followed = origin + page.value_of("document.querySelector('#rest-0').value").split()[1].removesuffix("/events")
    prices = cycle(["777.25", "777.5"])

    def is_told() -> bool:
        httpx.patch(followed, json={"price": next(prices)}, headers=staff).raise_for_status()
        return "777." in printed.read_text()

    with printed.open("w") as out:
        environment = {**os.environ, "PYTHONPATH": ".", "PYTHONUNBUFFERED": "1"}
        process = subprocess.Popen(command, cwd=ROOT, stdout=out, stderr=out, env=environment)
    try:
        wait_until(is_told, printed.read_text, pause_s=0.2)
    finally:
        end(process)


@pytest.mark.parametrize("language", ["grpcurl", "Python", "Go"])
def test_copied_stream_of_messages_sends_each(
    page: Page, compared_shop: MeasuredShop, started: Started, language: str
) -> None:
    origin, name = f"http://{compared_shop.host}:{compared_shop.port}", f"Copied by {language}"
    token = signed_in(origin, "staff")
    rows = [{"name": name, "price": 2.5}, {"name": name, "price": 0}, {"name": name, "price": 3.5}]
    copies = copies_of_all_methods(page, language, token, BatchCreateProducts=rows)
    command = started(copies["/ecommerce.ProductService/BatchCreateProducts"], language)
    environment = {**os.environ, "PYTHONPATH": "."}
    ran = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, env=environment)

    assert "Valid price is required" in ran.stdout, ran.stderr
    answer = httpx.get(f"{origin}/api/v1/products", params={"q": name, "sort": "price", "order": "asc"})
    found = answer.json()["products"]
    assert [each["price"] for each in found] == [2.5, 3.5]
    for each in found:
        httpx.delete(each["url"], headers={"Authorization": f"Bearer {token}"}).raise_for_status()


def test_grpcurl_sends_the_example_of_every_method(
    page: Page, compared_shop: MeasuredShop, python_generators: Path
) -> None:
    token = signed_in(f"http://{compared_shop.host}:{compared_shop.port}", "customer")
    env = {**os.environ, "PATH": f"{python_generators}:{os.environ['PATH']}"}
    copies, failed = copies_of_all_methods(page, "grpcurl", token), {}
    for path, copy in copies.items():
        command = copy.replace("grpcurl", "grpcurl -max-time 1", 1)  # ends streams
        ran = subprocess.run(["bash", "-c", command], capture_output=True, text=True, timeout=60, env=env)
        is_answered = ran.returncode == 0 or ran.stderr.startswith("ERROR:\n  Code: ")  # else it could not be sent
        if not is_answered:
            failed[path] = ran.stderr

    assert len(copies) > 80
    assert failed == {}


def test_programs_in_go_have_the_usual_format(page: Page, go: Go) -> None:
    unformatted = [
        path for path, copy in copies_of_all_methods(page, "Go", "any").items() if go.formatted(copy) != copy
    ]

    assert unformatted == []


def test_program_in_go_of_every_method_compiles(page: Page, go_grpc: Go) -> None:
    go_grpc.vet({path[1:].replace("/", "."): copy for path, copy in copies_of_all_methods(page, "Go", "any").items()})
