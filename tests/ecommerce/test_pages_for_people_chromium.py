"""The documentation and the error pages by axe-core, in both themes, and their width on a phone."""

import os
from collections.abc import Iterator

import pytest

from tests.support.axe import barriers
from tests.support.chromium import Browser, Page
from tests.support.live import Shop

pytestmark = pytest.mark.unmeasured

PATHS = ("/docs/", "/docs/choosing/", "/docs/errors/", "/docs/settings/", "/docs/architecture/")
PATHS += ("/docs/operations/place-order/", "/docs/no-such-page/", "/nothing")


@pytest.fixture(scope="module")
def shop(live_shops, tmp_path_factory) -> Shop:
    shop: Shop = live_shops(DOCS_ROOT=os.fspath(tmp_path_factory.mktemp("site")))
    return shop


@pytest.fixture(scope="module")
def page(chromium: Browser) -> Iterator[Page]:
    with chromium.page("about:blank") as page:
        yield page


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_no_page_has_serious_violations(theme: str, shop: Shop, page: Page, npm_packages: str) -> None:
    page.command("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": theme}])
    found = {}
    for path in PATHS:
        page.go(shop.url + path)
        if violations := barriers(page, npm_packages):
            found[path] = violations

    assert found == {}
    assert page.value_of("document.querySelector('h1').textContent") == "There is no such page"


def test_no_page_is_wider_than_a_phone(shop: Shop, page: Page) -> None:
    page.command("Emulation.setDeviceMetricsOverride", width=390, height=844, deviceScaleFactor=1, mobile=True)
    wide = []
    for path in PATHS:
        page.go(shop.url + path)
        if page.value_of("document.documentElement.scrollWidth > innerWidth"):
            wide.append(path)

    assert wide == []
