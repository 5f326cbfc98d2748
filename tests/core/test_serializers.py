"""The forms of a serializer in the versions of REST."""

from decimal import Decimal
from types import SimpleNamespace
from typing import Any

import pytest
from rest_framework import serializers

from catalog.serializers import ProductRowSerializer, ProductSerializer
from core.errors import InvalidInput
from core.serializers import MoneyField, ShopSerializer, checked, in_version

TWO = Decimal("2.00")
IN_V2 = {"amount": "2.00", "currency": "USD"}


class FeeSerializer(ShopSerializer):
    fee = MoneyField(max_digits=12, decimal_places=2, help_text="The fee.")


class InvoiceSerializer(ShopSerializer):
    """An invoice with amounts of its own and in its rows."""

    number = serializers.CharField()
    total = MoneyField(max_digits=12, decimal_places=2)
    fees = FeeSerializer(many=True, required=False)
    shipping = FeeSerializer(required=False)
    discounts = serializers.ListField(child=MoneyField(max_digits=12, decimal_places=2), required=False)


def written(version: str) -> Any:
    row = SimpleNamespace(fee=TWO)
    invoice = SimpleNamespace(number="7", total=TWO, fees=[row], shipping=row, discounts=[TWO])
    return in_version(version, InvoiceSerializer)(invoice).data


@pytest.mark.parametrize(("version", "amount"), [("v1", 2.0), ("v2", IN_V2)])
def test_every_amount_has_the_form_of_the_version(version, amount):
    assert written(version) == {
        "number": "7",
        "total": amount,
        "fees": [{"fee": amount}],
        "shipping": {"fee": amount},
        "discounts": [amount],
    }


def test_amounts_are_read_in_the_form_of_the_version():
    kind, sent = in_version("v2", InvoiceSerializer), {"number": "7", "total": IN_V2, "fees": [{"fee": IN_V2}]}

    assert checked(kind, sent) == {"number": "7", "total": TWO, "fees": [{"fee": TWO}]}
    with pytest.raises(InvalidInput) as refused:
        checked(kind, sent | {"total": 2, "shipping": {"fee": 2.0}})
    assert refused.value.fields == {
        "total": "Valid total is required: an object of amount and currency",
        "shipping.fee": "Valid fee is required: an object of amount and currency",
    }


def test_a_version_keeps_names_order_and_texts():
    second = in_version("v2", InvoiceSerializer)

    assert second.__name__ == "InvoiceSerializer"
    assert list(second().fields) == list(InvoiceSerializer().fields)
    assert second().fields["fees"].child.fields["fee"].help_text == "The fee."
    assert in_version("v2", InvoiceSerializer) is second
    assert in_version("v1", InvoiceSerializer) is InvoiceSerializer


def test_a_stated_difference_is_kept():
    assert list(in_version("v2", ProductRowSerializer)().fields) == ["id", "name", "price", "stock", "version", "url"]
    assert list(in_version("v2", ProductSerializer)().fields) == list(ProductSerializer().fields)
