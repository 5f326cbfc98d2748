"""A batch may take longer than other requests: a client that gave up would send its rows again."""

import httpx
from django.test import Client

from catalog.models import Product
from tests.support.api import access_token
from tests.support.factories import make_staff

ROWS = 10_000


def test_rest_batch_is_answered_though_it_takes_longer_than_the_answer_timeout(live_shop):
    shop = live_shop(ANSWER_TIMEOUT_S="0.2")
    with shop.database():
        token = access_token(make_staff())
    rows = [{"name": f"Tea {n}", "price": 1} for n in range(ROWS)]

    response = httpx.post(
        f"{shop.url}/api/v1/products/batch", json=rows, headers={"Authorization": f"Bearer {token}"}, timeout=60
    )

    assert response.elapsed.total_seconds() > 0.2
    assert (response.status_code, response.json()["created"]) == (200, ROWS)
    with shop.database():
        assert Product.objects.count() == ROWS


def test_price_list_is_imported_though_it_takes_longer_than_the_answer_timeout(live_shop):
    shop = live_shop(ANSWER_TIMEOUT_S="0.2")
    with shop.database():
        Product.objects.bulk_create(Product(name="Tea", price=1, sku=f"T-{n}") for n in range(ROWS))
        browser = Client()
        browser.force_login(make_staff())
    session = {"sessionid": browser.cookies["sessionid"].value}
    prices = "".join(f"T-{n},2.50\n" for n in range(ROWS))

    with httpx.Client(base_url=shop.url, cookies=session, timeout=60) as client:
        client.get("/admin/catalog/product/import/").raise_for_status()
        token = {"csrfmiddlewaretoken": client.cookies["csrftoken"]}
        file = {"file": ("prices.csv", f"sku,price\n{prices}")}
        kept = client.post("/admin/catalog/product/import/", data={**token, "stock": "set"}, files=file)
        response = client.post(kept.headers["Location"], data={**token, "good": "1"})

    assert response.elapsed.total_seconds() > 0.2
    assert (response.status_code, response.headers["Location"]) == (302, kept.headers["Location"])
    with shop.database():
        assert Product.objects.filter(price="2.50").count() == ROWS
