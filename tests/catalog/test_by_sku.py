"""Changes of many products by SKU, each with its own result."""

from decimal import Decimal
from typing import Any

import pytest

from catalog.bulk.by_sku import change_products_by_sku
from catalog.models import Product, ProductHistory
from core.errors import DomainError
from tests.support.api import Api
from tests.support.factories import make_product, make_staff

pytestmark = pytest.mark.django_db


def test_each_row_is_changed_or_refused_by_itself(django_assert_max_num_queries: Any) -> None:
    staff = make_staff()
    tea, pot = make_product(sku="TEA-1", price=2, stock=5), make_product(sku="POT-1", price=20, stock=1)
    rows: list[dict[str, Any]] = [
        {"sku": "tea-1", "price": Decimal("2.50"), "add_stock": 3, "reorder_level": 9},
        {"sku": "none", "price": 1},
        {"sku": "TEA-1", "price": 1},
        {"sku": "pot-1", "add_stock": -2},
    ]

    with django_assert_max_num_queries(8):  # the roles of the caller and two savepoints among them
        results = change_products_by_sku(actor=staff, rows=rows)

    refusals = [result.code if isinstance(result, DomainError) else None for result in results]
    assert refusals == [None, "not_found", "invalid_input", "invalid_input"]
    tea.refresh_from_db()
    pot.refresh_from_db()
    assert (tea.price, tea.stock, tea.reorder_level, tea.version) == (Decimal("2.50"), 8, 9, 2)
    assert (pot.stock, pot.version) == (1, 1)
    assert ProductHistory.objects.filter(product_id=tea.pk).latest("id").units == 3


def test_response_names_each_row() -> None:
    product = make_product(sku="TEA-1", stock=5)

    response = Api(make_staff()).post("/products/changes", [{"sku": "TEA-1", "stock": 7}, {"price": 1}])

    body = response.json()
    assert (response.status_code, body["changed"], body["failed"]) == (200, 1, 1)
    done, refused = body["results"]
    assert (done["index"], done["status"], done["id"]) == (0, 200, product.pk)
    assert (refused["index"], refused["status"], refused["errors"]) == (1, 400, {"sku": "SKU is required"})
    assert Product.objects.get().stock == 7
