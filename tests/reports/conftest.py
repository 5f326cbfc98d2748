from typing import Any

import pytest

from tests.support.factories import make_user
from tests.support.sales import BUYERS


@pytest.fixture
def paris(settings: Any) -> None:
    """Sell in Paris, to one buyer."""
    settings.STORE_TIME_ZONE = "Europe/Paris"
    BUYERS[:] = [make_user()]
