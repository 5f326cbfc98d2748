"""The examples run as they stand."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from accounts.models import User
from catalog.models import Product
from tests.support.factories import make_product, make_staff
from tests.support.live import ROOT
from tests.support.rpc import GrpcShop

pytestmark = [pytest.mark.live, pytest.mark.unmeasured]

PASSWORD = "open sesame"


@pytest.fixture(scope="module")
def shop(grpc_shops: Callable[..., GrpcShop]) -> GrpcShop:
    return grpc_shops()


@pytest.fixture
def kettle(shop) -> Product:
    """A shop with one product and `staff`, whatever another example left."""
    with shop.database():
        if not User.objects.filter(username="staff").exists():
            make_staff(username="staff", password=PASSWORD)
        Product.objects.all().delete()
        return make_product(name="Kettle", price="19.99", stock=7)


def walked(shop: GrpcShop, *command: str, cwd: Path = ROOT) -> str:
    """Run an example to its end, and return what it said."""
    walk = subprocess.run(
        [*command, f"127.0.0.1:{shop.servers[0].port}"],
        cwd=cwd,
        env={**shop.env, "DEMO_PASSWORD": PASSWORD},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (walk.returncode, walk.stderr) == (0, "")
    return walk.stdout


def stock_of(shop: GrpcShop, product: Product) -> int:
    with shop.database():
        return Product.objects.get(pk=product.pk).stock


def test_grpc_client_makes_every_call(shop, kettle):
    answers = walked(shop, sys.executable, "examples/grpc_client.py")

    said = dict(line.split(maxsplit=1) for line in answers.splitlines() if not line.startswith("Pay"))
    assert said["ListProducts"] == "Kettle 19.99"
    assert said["GetProduct"] == "Kettle: 7 in stock, version 1"
    assert said["GetProduct(0)"] == "NOT_FOUND: Product 0 not found (not_found)"
    assert "Pay ... RefundOrder  paid -> shipped -> delivered -> refunded" in answers
    assert said["BatchCreateProducts"] == "0 created; row 1: Name is required; Valid price is required"
    assert stock_of(shop, kettle) == 6


def test_client_of_npm_makes_every_call_from_the_proto_files_alone(shop, kettle, npm_packages):
    answers = walked(shop, "node", str(ROOT / "examples/grpc_client.mjs"), cwd=Path(npm_packages))

    assert "1: Kettle, 19.99, 7 left" in answers
    assert "methods called       38 of 38" in answers
    assert stock_of(shop, kettle) == 6
