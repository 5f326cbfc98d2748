"""A shop with the demo data, served as quickstart serves it."""

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from samples.compare.shop import MeasuredShop, fresh_shop

# The environment of a shop in production, of which the compared shop must use nothing.
PRODUCTION = {"REPLICA_URLS": "postgres://127.0.0.1:1/nothing", "ALLOWED_HOSTS": "shop.example"}


@pytest.fixture(scope="session")
def foreign_storage(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The MEDIA_ROOT of the environment in which the compared shop is started."""
    return tmp_path_factory.mktemp("foreign")


@pytest.fixture(scope="session")
def compared_shop(foreign_storage: Path) -> Iterator[MeasuredShop]:
    with ExitStack() as stack:
        with pytest.MonkeyPatch.context() as patch:
            for name, value in {**PRODUCTION, "MEDIA_ROOT": str(foreign_storage)}.items():
                patch.setenv(name, value)
            shop = stack.enter_context(fresh_shop())
        yield shop
