"""The examples run as they stand."""

import subprocess
import sys

from tests.factories import make_product, make_staff
from tests.live import ROOT


def test_grpc_client_makes_every_call(grpc_shops):
    shop = grpc_shops()
    with shop.database():
        product = make_product(name="Kettle", price="19.99", stock=7)
        make_staff(username="staff", password="open sesame")

    walk = subprocess.run(
        [sys.executable, "examples/grpc_client.py", f"127.0.0.1:{shop.servers[0].port}"],
        cwd=ROOT,
        env={**shop.env, "DEMO_PASSWORD": "open sesame"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert (walk.returncode, walk.stderr) == (0, "")
    said = dict(line.split(maxsplit=1) for line in walk.stdout.splitlines() if not line.startswith("Pay"))
    assert said["ListProducts"] == "Kettle 19.99"
    assert said["GetProduct"] == "Kettle: 7 in stock, version 1"
    assert said["GetProduct(0)"] == "NOT_FOUND: Product 0 not found (not_found)"
    assert "Pay ... RefundOrder  paid -> shipped -> delivered -> refunded" in walk.stdout
    assert said["BatchCreateProducts"] == "0 created; row 1: Name is required; Valid price is required"
    with shop.database():
        product.refresh_from_db()
    assert product.stock == 6
