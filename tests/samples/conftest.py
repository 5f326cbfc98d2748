"""A shop with the demo data, served as quickstart serves it."""

from collections.abc import Iterator

import pytest

from samples.compare.shop import MeasuredShop, fresh_shop


@pytest.fixture(scope="session")
def compared_shop() -> Iterator[MeasuredShop]:
    with fresh_shop() as shop:
        yield shop
