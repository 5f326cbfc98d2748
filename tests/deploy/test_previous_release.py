"""The previous release works on the schema of this one: during an upgrade both run, and a rollback is possible."""

import io
import subprocess
import sys
from zipfile import ZipFile

import httpx
import pytest

from catalog.models import Product
from core.models import ChangeEvent
from orders.models import Order
from tests.support.factories import make_product, make_user
from tests.support.live import ROOT, free_port
from tests.support.processes import end
from tests.support.waiting import responds, wait_until_started

PREVIOUS = "4d6e828d3e"  # the commit of the previous release; change it at each release
PASSWORD = "correct horse battery"


@pytest.fixture(scope="module")
def previous_release(tmp_path_factory):
    """The folder with the code of the previous release."""
    archive = subprocess.run(["git", "archive", "--format=zip", PREVIOUS], cwd=ROOT, capture_output=True, check=False)
    if archive.returncode:
        pytest.skip("a shallow clone, or no clone, lacks the previous release")
    folder = tmp_path_factory.mktemp("previous")
    with ZipFile(io.BytesIO(archive.stdout)) as files:
        files.extractall(folder)
    return folder


@pytest.fixture
def upgraded(live_shop, previous_release, tmp_path):
    """A shop of this release, and the URL of a web server of the previous one, on the same database."""
    shop, port, log = live_shop(), free_port(), tmp_path / "previous.log"
    url, command = f"http://127.0.0.1:{port}", ["-m", "uvicorn", "ecommerce.asgi:application", "--port", str(port)]
    env = {**shop.env, "PYTHONPATH": str(previous_release)}
    with log.open("wb") as out:
        server = subprocess.Popen([sys.executable, *command], cwd=previous_release, env=env, stdout=out, stderr=out)
    try:
        wait_until_started(server, lambda: responds(f"{url}/health/ready"), log.read_text)
        yield shop, url
    finally:
        end(server)


def token_of(url):
    answer = httpx.post(f"{url}/api/v1/auth/token", json={"username": "buyer", "password": PASSWORD}, timeout=30)
    return {"Authorization": f"Bearer {answer.raise_for_status().json()['access']}"}


def test_previous_release_sells_on_the_new_schema(upgraded):
    shop, old = upgraded
    with shop.database():
        product, buyer = make_product(name="Tea", stock=5), make_user(username="buyer", password=PASSWORD)
    headers, basket = token_of(old), {"items": [{"product_id": product.pk, "quantity": 2}]}

    listed = httpx.get(f"{old}/api/v1/products", timeout=30).json()["products"]
    placed = httpx.post(f"{old}/api/v1/orders", json=basket, headers=headers | {"Idempotency-Key": "k"}, timeout=30)
    path = f"/api/v1/orders/{placed.json()['id']}"
    seen = httpx.get(f"{shop.url}{path}", headers=headers, timeout=30)
    again = httpx.post(f"{shop.url}/api/v1/orders", json=basket, headers=headers | {"Idempotency-Key": "k"}, timeout=30)
    cancelled = httpx.post(f"{old}{path}/cancel", headers=headers, timeout=30)

    assert [(each["name"], each["stock"]) for each in listed] == [("Tea", 5)]
    assert (placed.status_code, seen.status_code, cancelled.status_code) == (201, 200, 200)
    fields = placed.json()
    del fields["_links"]  # they name the host
    assert {name: seen.json()[name] for name in fields} == fields
    assert again.json()["id"] == fields["id"]
    with shop.database():
        order = Order.objects.get()
        assert (order.user_id, order.status, Product.objects.get().stock) == (buyer.pk, "cancelled", 5)
        assert ChangeEvent.objects.count() >= 4  # the triggers of the new schema record the changes of the old code


def test_tokens_of_one_release_are_valid_in_the_other(upgraded):
    shop, old = upgraded
    with shop.database():
        make_user(username="buyer", password=PASSWORD)

    ways = [(old, shop.url), (shop.url, old)]
    statuses = [
        httpx.get(f"{there}/api/v1/users/me", headers=token_of(here), timeout=30).status_code for here, there in ways
    ]

    assert statuses == [200, 200]
