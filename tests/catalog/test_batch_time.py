"""A batch may take longer than other requests: a client that gave up would send its rows again."""

import httpx

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
