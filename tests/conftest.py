"""Fixtures of all tests."""

import pytest
from django.conf import settings

from ecommerce import limits


@pytest.fixture(autouse=True)
def cheap_passwords() -> None:
    """Hash with MD5 in this process: a real hash costs more than most tests. Live servers keep the real one."""
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]


@pytest.fixture(autouse=True)
def unspent_budgets() -> None:
    limits._purses.clear()
