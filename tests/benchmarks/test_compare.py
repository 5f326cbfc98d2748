"""The parts of `benchmarks.compare` that compute. Nothing here starts a server or measures time."""

import xml.etree.ElementTree as ET

import pytest

from benchmarks.compare.chart import chart
from benchmarks.compare.contestants import CONTESTANTS, members
from benchmarks.compare.dialects import PeerDialect, ShopDialect, product_of
from benchmarks.compare.environments import REQUIREMENTS
from benchmarks.compare.figures import Figure, Row, Table
from benchmarks.compare.operations import OPERATIONS, operations_in
from benchmarks.compare.report import number, report
from benchmarks.compare.samples import Caller, Sample
from benchmarks.compare.sql import bound, script

pytestmark = pytest.mark.same_everywhere

SVG = "{http://www.w3.org/2000/svg}"


def row(name: str, role: str, *rates: float, cpu_us: float = 100) -> Row:
    return Row(name, role, [Figure(rate, 2, 9, cpu_us, 80, 0) for rate in rates])


@pytest.fixture
def table() -> Table:
    rows = [
        row("this shop", "shop", 900, 1_000, 1_100),
        row("stock DRF", "stock", 100, 90, 125, cpu_us=1_250),
        row("slow & old", "peer", 50),
        row("FastAPI", "peer", 250),
        row("bare", "bare", 4_000),
        row("pgbench", "reference", 9_000),
    ]
    return Table("REST product detail", "req/s", rows)


@pytest.fixture
def sample() -> Sample:
    callers = [Caller(user_id, f"token-{user_id}") for user_id in (7, 8)]
    return Sample(range(1, 301), callers[:1], callers[1:], Caller(1, "staff"))


def test_medians_and_spread_are_those_of_the_rounds(table):
    shop = table.best("shop")

    assert (shop.median.rate, shop.median.cpu_us, shop.spread) == (1_000, 100, 0.2)


def test_ratios_are_to_the_fastest_of_each_role(table):
    ratios = {role: table.ratio(table.best(role)) for role in ("stock", "peer", "bare", "unknown")}

    assert ratios == {"stock": 10, "peer": 4, "bare": 0.25, "unknown": None}
    assert table.cpu_ratio(table.best("stock")) == 12.5


def test_report_has_ratios_failures_and_every_contestant(table):
    text = report(["# Title"], {"10,000 products": [table]}, {"django-bolt": "needs Python 3.12"}, ["The method."])

    assert "| REST product detail | 1,000 req/s | 100 | 10.0 | 4.00 (FastAPI) | 0.25 |" in text
    assert "| stock DRF | 100 | 35% | 2.00 | 9.00 | 1,250 | 80.0 | 0 | 10.0 | 12.5 |" in text
    assert "- django-bolt: needs Python 3.12" in text
    assert [name for name in ("slow & old", "pgbench") if f"| {name} |" not in text] == []


def test_report_without_the_shop_has_no_ratios(table):
    text = report([], {"10,000 products": [table._replace(rows=table.rows[1:])]}, {}, [])

    assert "| stock DRF | 100 | 35% | 2.00 | 9.00 | 1,250 | 80.0 | 0 |  |  |" in text
    assert "Not measured" not in text


@pytest.mark.parametrize(
    ("value", "text"), [(12_345.6, "12,346"), (123.4, "123"), (12.34, "12.3"), (1.234, "1.23"), (0.04, "0.04")]
)
def test_numbers_have_no_more_digits_than_they_are_worth(value, text):
    assert number(value) == text


def test_chart_has_a_labelled_bar_for_the_fastest_of_each_role(table):
    root = ET.fromstring(chart("Shop & peers", [table, table]))
    texts = [text.text for text in root.iter(f"{SVG}text")]
    bars = [(bar.get("class"), int(bar.get("width"))) for bar in root.iter(f"{SVG}rect") if bar.get("height") == "14"]

    assert texts[0] == "Shop & peers"
    assert [texts.count(text) for text in ("REST product detail, req/s", "250 (4.00 x)", "slow & old")] == [2, 2, 0]
    assert bars == [("shop", 98), ("peer", 24), ("stock", 10), ("bare", 390)] * 2
    assert "prefers-color-scheme: dark" in root.find(f"{SVG}style").text


def test_every_operation_is_served_by_the_shop_and_known():
    assert {name for contestant in CONTESTANTS for name in contestant.operations} == OPERATIONS.keys()
    assert {name for contestant in CONTESTANTS if contestant.is_shop for name in contestant.operations} == (
        OPERATIONS.keys()
    )
    assert {contestant.requirements for contestant in CONTESTANTS} <= REQUIREMENTS.keys()


def test_batches_come_last():
    assert [operations[-1] for contestant, operations in members("REST", on_sqlite=False) if contestant.is_shop] == (
        ["batch"]
    )


def test_requirements_are_pinned():
    lines = [line for file in REQUIREMENTS.values() for line in file.read_text().splitlines() if line[:1] != "#"]

    assert [line for line in lines if "==" not in line] == []


def test_operations_are_named_by_themselves_or_by_their_group():
    assert operations_in(["gRPC", "detail"]) == {"grpc_get", "grpc_list", "grpc_batch", "detail"}
    with pytest.raises(ValueError, match="unknown: soap"):
        operations_in(["REST", "soap"])


def test_shop_and_peers_are_asked_for_the_same_products(sample):
    asked = [
        {request.path.rstrip("/").rpartition("/")[2] for request in dialect.requests("detail", sample)}
        for dialect in (ShopDialect(), PeerDialect())
    ]

    assert all(len(ids) > 100 and ids <= {str(number) for number in sample.product_ids} for ids in asked)


def test_product_is_read_from_either_dialect():
    shop = {"pk": 5, "id": "UHJvZHVjdDo1", "name": "Tea", "price": 4.5, "stock": 3}
    peer = {"id": "5", "name": "Tea", "price": "4.50", "stock": 3}

    assert product_of(shop) == product_of(peer)


def test_pgbench_scripts_bind_every_parameter(sample):
    scripts = {name: script(name, sample) for name in ("detail", "list", "nested", "order")}

    assert bound("select $2, $1, $2", ":a", "7") == "select 7, :a, 7;"
    assert [name for name, text in scripts.items() if "$" in text] == []
    assert "select id, username, email from shop_user where id = :id;" in scripts["nested"]
