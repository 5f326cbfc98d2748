"""Compiled reads of pages."""

import pytest
from django.contrib.auth.models import AnonymousUser

from catalog.models import Product
from core.lists.keyset import Sort
from core.plans.reads import Reads
from tests.support.factories import make_product


@pytest.mark.django_db
def test_total_of_a_page_is_a_number_and_costs_no_conversion_of_rows() -> None:
    for name in ("a", "b", "c"):
        make_product(name=name)
    reads = Reads(Product.objects.all(), ["pk", "name"])

    rows, total = reads.page_and_total(AnonymousUser(), Sort("name"), 2, 0)
    (statement,) = reads._statements.values()

    assert [row[1] for row in rows] == ["a", "b"]
    assert (total, type(total)) == (3, int)
    assert statement._compiled.converted is None
