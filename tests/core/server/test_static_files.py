"""Static files: hashed and compressed after `serve` has collected them, and served from the packages otherwise."""

import re
from pathlib import Path

import httpx
import pytest

from core.server.static_files import fingerprint

YEAR = "max-age=31536000, public, immutable"
LINK = re.compile(r'(?:href|src|data-examples)="(/static/[^"?]+)"')


@pytest.fixture(scope="module")
def shop(live_shops, tmp_path_factory):
    return live_shops(STATIC_ROOT=str(tmp_path_factory.mktemp("static")))


@pytest.mark.parametrize("page", ["/api/docs", "/graphql", "/admin/login/"])
def test_files_of_a_page_are_kept_for_a_year(shop, page):
    html = httpx.get(f"{shop.url}{page}", headers={"Accept": "text/html"}).text
    files = [httpx.get(f"{shop.url}{path}") for path in set(LINK.findall(html))]

    assert len(files) >= 2
    assert {(file.status_code, file.headers["cache-control"]) for file in files} == {(200, YEAR)}


def test_scripts_and_styles_are_compressed(shop):
    html = httpx.get(f"{shop.url}/api/docs", headers={"Accept": "text/html"}).text
    (script,) = (path for path in LINK.findall(html) if "swagger-ui-bundle" in path)
    packed, plain = (
        httpx.get(f"{shop.url}{script}", headers={"Accept-Encoding": coding}) for coding in ("gzip", "identity")
    )

    assert (packed.headers["content-encoding"], packed.headers["vary"]) == ("gzip", "Accept-Encoding")
    assert packed.content == plain.content
    assert int(packed.headers["content-length"]) < len(plain.content) / 3


def test_second_start_collects_nothing(shop):
    manifest = Path(shop.env["STATIC_ROOT"], "staticfiles.json")
    before = manifest.stat().st_mtime_ns

    shop.start()

    assert manifest.stat().st_mtime_ns == before
    assert (manifest.parent / "fingerprint").read_text() == fingerprint()


def test_files_are_served_from_the_packages_if_they_can_t_be_collected(live_shop):
    shop = live_shop(STATIC_ROOT="/proc/none")
    html = httpx.get(f"{shop.url}/graphql", headers={"Accept": "text/html"}).text
    files = [httpx.get(f"{shop.url}{path}") for path in set(LINK.findall(html))]

    assert {(file.status_code, file.headers["cache-control"]) for file in files} == {(200, "max-age=60, public")}
    assert "Static files can't be collected in" in shop.servers[0].log
