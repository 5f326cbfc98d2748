"""The documentation: its examples run, its tables are fresh, its pages are served."""

import os
import py_compile
import re
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.test import Client

from ecommerce import docs_site
from ecommerce.docs_tables import errors_table, written
from tests.support.console import examples_in, is_as_printed, outputs_of
from tests.support.live import ROOT, fresh_database
from tests.support.processes import end
from tests.support.quickstart import Quickstart

PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
WITH_EXAMPLES = [page for page in PAGES if examples_in(page.read_text())]
PASSWORD = "tea-and-cake-42"
MAX_README_LINES = 120


def name_of(page: Path) -> str:
    return str(page.relative_to(ROOT))


@pytest.fixture(scope="module")
def demo(tmp_path_factory, migrated_template) -> Iterator[Quickstart]:
    folder = tmp_path_factory.mktemp("demo")
    with fresh_database(folder, migrated_template) as url:
        shop = Quickstart(folder, url, DEMO_PASSWORD=PASSWORD, RATE_LIMITS="off", LOG_LEVEL="WARNING")
        try:
            shop.wait_until_ready()
            yield shop
        finally:
            end(shop.process)


@pytest.mark.live
@pytest.mark.unmeasured
@pytest.mark.usefixtures("requires_curl")
@pytest.mark.parametrize("page", WITH_EXAMPLES, ids=name_of)
def test_examples_of_a_page_run_and_print_what_it_says(page, demo):
    text = page.read_text().replace("127.0.0.1:8000", f"127.0.0.1:{demo.port}")
    examples = examples_in(text.replace("127.0.0.1:50051", f"127.0.0.1:{demo.grpc_port}"))
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"

    outputs = outputs_of(examples, ROOT, {**os.environ, "PATH": path, "DEMO_PASSWORD": PASSWORD})

    assert len(outputs) == len(examples) > 0
    for example, output in zip(examples, outputs, strict=True):
        assert is_as_printed(example.output, output), f"{example.command}\n{output}"


def test_there_is_a_page_for_each_operation_with_all_protocols():
    pages = {page.name: page.read_text() for page in (ROOT / "docs/operations").glob("*.md") if page.stem != "index"}
    listed = re.findall(r"\]\(([\w-]+\.md)\)", (ROOT / "docs/operations/index.md").read_text())

    assert sorted(pages) == sorted(listed)
    for name, text in pages.items():
        assert "Cannot query field" not in text, name
        assert all(f"## {protocol}" in text for protocol in ("REST", "GraphQL", "gRPC")), name


def test_readme_is_short():
    assert len((ROOT / "README.md").read_text().splitlines()) <= MAX_README_LINES


def test_errors_of_the_catalogue_are_in_the_page():
    page = (ROOT / "docs/errors.md").read_text()

    assert written(page, errors_table()) == page


@pytest.fixture(scope="module")
def site(tmp_path_factory) -> Iterator[Path]:
    folder = tmp_path_factory.mktemp("site")
    docs_site.built.cache_clear()
    yield folder / "site"
    docs_site.built.cache_clear()


@pytest.mark.long
def test_pages_are_served_without_another_host_or_inline_code(site, settings):
    settings.DOCS_ROOT = str(site)
    client = Client()

    home = b"".join(client.get("/docs/").streaming_content).decode()
    paths = re.findall(r'<li>\s*<a href="([^"]+)"', home)
    found = {path: client.get(f"/docs/{path.removeprefix('./').removeprefix('.')}") for path in paths}

    assert len(paths) > 25
    assert {response.status_code for response in found.values()} == {200}
    for path, response in found.items():
        text = b"".join(response.streaming_content).decode()
        assert not re.search(r"<script|\sstyle=|\son\w+=|src=\"(https?:)?//|<link[^>]+=\"(https?:)?//", text), path
    assert "style-src 'self'" in found[paths[0]]["Content-Security-Policy"]
    assert client.get("/docs/choosing")["Location"] == "/docs/choosing/"
    assert client.get("/docs/../manage.py").status_code == 400
    for path in ("a" * 300, "é" * 200, "a/" * 3_000, "%00", "index.html/x"):
        assert client.get(f"/docs/{path}").status_code == 404, path
    assert client.get("/docs/docs.css")["Content-Type"] == "text/css"


@pytest.fixture
def not_built() -> Iterator[None]:
    docs_site.built.cache_clear()
    yield
    docs_site.built.cache_clear()


@pytest.mark.usefixtures("not_built")
def test_compiled_module_of_the_theme_is_no_reason_to_build_again(settings, tmp_path):
    settings.DOCS_ROOT = str(tmp_path)
    built_at = (docs_site.built() / "index.html").stat().st_mtime_ns
    cached = Path(
        py_compile.compile(str(ROOT / "docs/theme/breaks.py"), str(ROOT / "docs/theme/__pycache__/other.pyc"))
    )
    docs_site.built.cache_clear()

    assert (docs_site.built() / "index.html").stat().st_mtime_ns == built_at
    cached.unlink()


@pytest.mark.usefixtures("not_built")
def test_pages_are_served_if_their_folder_cannot_be_written(settings, tmp_path, monkeypatch, caplog):
    settings.DOCS_ROOT = "/proc/nothing"
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))

    response = Client().get("/docs/")

    assert response.status_code == 200
    assert "DOCS_ROOT can't be written" in caplog.text
    assert len(list(tmp_path.glob("docs-*/index.html"))) == 1


def test_long_identifiers_break_between_their_words_and_examples_are_untouched(site, settings):
    settings.DOCS_ROOT = str(site)
    text = b"".join(Client().get("/docs/operations/").streaming_content).decode()
    errors = b"".join(Client().get("/docs/errors/").streaming_content).decode()

    assert "<code>batch<wbr>Create<wbr>Products</code>" in text
    assert "<code>GET /products/<wbr>{id}/<wbr>events</code>" in text
    assert "<code>python manage.py quickstart</code>" in text
    assert "<code>FAILED_<wbr>PRECONDITION</code>" in errors
    assert "<code>google.rpc.<wbr>Error<wbr>Info.<wbr>reason</code>" in errors
    assert [example for example in re.findall(r"<pre.*?</pre>", errors, re.DOTALL) if "<wbr>" in example] == []
