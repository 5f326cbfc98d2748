"""A test that needs a service is skipped without it, and says so; in CI it fails."""

import pytest

from tests.support import services


def test_missing_service_skips_and_says_why(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SHOP_REQUIRE_SERVICES", raising=False)

    with pytest.raises(pytest.skip.Exception, match="needs Redis: REDIS_URL names none"):
        services._do_without("Redis", "REDIS_URL names none")


def test_missing_service_fails_where_it_is_required(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SHOP_REQUIRE_SERVICES", "1")

    with pytest.raises(pytest.fail.Exception, match="Redis is required in this run: REDIS_URL names none"):
        services._do_without("Redis", "REDIS_URL names none")
