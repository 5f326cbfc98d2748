"""The web server: processes, threads, sockets."""

import httpx

from accounts.models import User
from catalog.models import Product
from tests.factories import make_product, make_user


def test_two_processes_serve_one_database(live_shop):
    shop = live_shop(processes=2)

    with shop.database():
        make_product(name="Kettle")

    names = [httpx.get(f"{url}/api/v1/products").json()["products"][0]["name"] for url in shop.urls]
    assert names == ["Kettle", "Kettle"]
    with shop.database():
        assert Product.objects.count() == 1


def test_users_made_beside_the_server_can_sign_in(live_shop):
    shop = live_shop()
    with shop.database():
        make_user(username="ada", password="correct horse battery")
        assert User.objects.get().password.startswith("argon2")

    answer = httpx.post(f"{shop.url}/api/v1/auth/token", json={"username": "ada", "password": "correct horse battery"})

    assert answer.status_code == 200
