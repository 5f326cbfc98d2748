"""schema.graphql, for clients that generate code from it."""

from pathlib import Path

from django.core.management import call_command
from graphql import build_schema

from tests.support.live import ROOT

COMMITTED = ROOT / "schema.graphql"


def test_committed_schema_is_what_the_command_writes(tmp_path: Path) -> None:
    written = tmp_path / "schema.graphql"

    call_command("graphql_schema", out=str(written))

    assert COMMITTED.read_text() == written.read_text(), "Write it anew: python manage.py graphql_schema"


def test_committed_schema_is_one_that_clients_can_read() -> None:
    types = build_schema(COMMITTED.read_text()).type_map

    assert {"User", "Product", "Order", "OrderItem", "OrderItemInput", "Node"} <= types.keys()
    assert {face.name for name in ("User", "Product", "Order", "OrderItem") for face in types[name].interfaces} == {
        "Node"
    }
