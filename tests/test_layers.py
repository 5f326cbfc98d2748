"""Imports go one way, names say the thing, and nothing grows too long: the rules of the house, read from the source."""

import ast
from collections import defaultdict
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from statistics import median
from typing import NamedTuple

import pytest
from django.conf import settings

pytestmark = pytest.mark.same_everywhere

ROOT = Path(__file__).resolve().parent.parent
# From the ground up: each storey may import itself and those before it. A module belongs to the longest name that fits.
STOREYS = [
    "core.text",
    "core.sqlite",
    "core",
    "core.postgresql",
    "core.plans",
    "core.admin",
    "core.templatetags",
    "core.server",
    "core.feed",
    "core.doctor",
    "core.protocols",
    "core.protocols.live",
    "core.protocols.rest",
    "core.openapi",
    "core.protocols.graph",
    "core.protocols.rpc",
    "core.protocols.connect",
    "core.management",
    *settings.SHOP_APPS,
    "samples",
    "ecommerce",
]
APPS = [storey for storey in STOREYS if "." not in storey]

# Rooms from the inside out: each may import its own layer and those before it.
LAYERS = [
    {"models", "querysets", "errors", "triggers", "validators", "moments"},
    {"permissions", "actions", "transitions", "cleaning", "idempotency", "limits"},
    {"filters", "serializers"},
    {"views", "schema", "services", "sockets", "admin", "openapi"},
]
INNER = {"models", "querysets", "actions", "permissions", "errors"}
FACES = {"views", "schema", "services", "sockets", "admin"}  # one for each protocol; none knows another
PROTOCOLS = {
    "rest_framework", "rest_framework_simplejwt", "drf_spectacular", "django_filters",
    "graphene", "graphene_django", "graphql", "graphql_relay",
    "grpc", "grpc_status", "django_grpc_framework", "google", "protos",
    "unfold",
}  # fmt: skip
NAMELESS = {"utils", "helpers", "common", "misc"}
SHADOWING = {"grpc", "graphql"}  # run from its folder, such a module hides the library
# Every app or command may have these. All other public names stand for one thing in the whole project.
REPEATED = {"Query", "Mutation", "Subscription", "Meta", "Command", "Migration", "main"}
REPEATED_ENDS = ("Admin", "Config")
ALLOWED_TWICE = {
    "DatabaseWrapper": ["core.postgresql.base", "core.sqlite.base"],  # Django finds a database backend by this name
}
MAX_FUNCTION_LINES, MAX_MODULE_LINES = 60, 500


class Module(NamedTuple):
    name: str
    path: Path

    @property
    def app(self) -> str:
        return self.name.split(".")[0]

    @property
    def room(self) -> str:
        return room_of(self.name)


def room_of(name: str) -> str:
    """Return the part after the app: `catalog.admin.forms` is of the room `admin`."""
    return ([*name.split("."), ""])[1]


def storey_of(name: str) -> int:
    """Return the place of a module's storey in STOREYS."""
    fitting = [n for n, storey in enumerate(STOREYS) if f"{name}.".startswith(f"{storey}.")]
    return max(fitting, key=lambda n: len(STOREYS[n]))


def layer_of(name: str) -> int | None:
    if name.startswith("core.permissions"):
        return 0  # its rules are about the caller alone; those of an app may be about its rows
    return next((n for n, rooms in enumerate(LAYERS) if room_of(name) in rooms), None)


def source_files(*folders: str) -> Iterator[Path]:
    for folder in folders:
        for path in sorted((ROOT / folder).rglob("*.py")):
            if "migrations" not in path.parts and not path.stem.endswith(("_pb2", "_pb2_grpc")):
                yield path


@cache
def tree_of(path: Path) -> ast.Module:
    return ast.parse(path.read_text())


@cache
def modules() -> dict[str, Module]:
    found = {}
    for path in source_files(*APPS):
        parts = path.relative_to(ROOT).with_suffix("").parts
        name = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
        found[name] = Module(name, path)
    return found


def imports_in(tree: ast.AST, package: str = "") -> set[str]:
    """Return every module that is imported, and every name that is imported from one: it may be a module too."""
    names: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            base = ".".join(package.split(".")[: -node.level + 1 or None]) if node.level else ""
            source = ".".join(part for part in (base, node.module) if part)
            names |= {source} | {f"{source}.{alias.name}" for alias in node.names}
    return names


@cache
def imports_of(name: str) -> frozenset[str]:
    module = modules()[name]
    package = name if module.path.stem == "__init__" else name.rpartition(".")[0]
    return frozenset(imports_in(tree_of(module.path), package))


def own_imports_of(name: str) -> set[str]:
    """Return the project's own modules that a module imports."""
    return {wanted for wanted in imports_of(name) if wanted in modules() and wanted != name}


def reach_of(name: str) -> set[str]:
    """Return a module and all of the project's that it brings along."""
    reached: set[str] = set()
    waiting = [name]
    while waiting:
        current = waiting.pop()
        if current not in reached:
            reached.add(current)
            waiting += own_imports_of(current)
    return reached


def public_names() -> Iterator[tuple[str, str]]:
    """Yield the module and the name of each public class and function at module level."""
    for module in modules().values():
        for node in tree_of(module.path).body:
            if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef) and node.name[0] != "_":
                yield module.name, node.name


@cache
def functions() -> dict[str, int]:
    """Return the length in lines of every function by its place, those of the tests included."""
    return {
        f"{path.relative_to(ROOT)}:{node.lineno} {node.name}": (node.end_lineno or node.lineno) - node.lineno + 1
        for path in source_files(*APPS, "tests")
        for node in ast.walk(tree_of(path))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    }


# -- The reader itself ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("import grpc", {"grpc"}),
        ("import orders.actions as verbs", {"orders.actions"}),
        ("from catalog import actions, views", {"catalog", "catalog.actions", "catalog.views"}),
        ("from . import forms", {"catalog.admin", "catalog.admin.forms"}),
        ("from ..models import Product", {"catalog.models", "catalog.models.Product"}),
        ("def late():\n    from rest_framework import views", {"rest_framework", "rest_framework.views"}),
    ],
)
def test_every_kind_of_import_is_read(line: str, expected: set[str]) -> None:
    assert imports_in(ast.parse(line), package="catalog.admin") == expected


def test_all_apps_and_their_rooms_are_read() -> None:
    assert {module.app for module in modules().values()} == set(APPS)
    assert {module.room for module in modules().values()} >= INNER
    assert "catalog.models" in own_imports_of("orders.models")
    assert "catalog.querysets" in reach_of("orders.actions")


# -- One way ----------------------------------------------------------------------------------------------------


def test_storeys_import_only_storeys_below_them() -> None:
    upward = [
        f"{module.name} imports {wanted}"
        for module in modules().values()
        for wanted in own_imports_of(module.name)
        if storey_of(wanted) > storey_of(module.name)
    ]

    assert upward == []


def test_rooms_import_only_rooms_further_in() -> None:
    outward = [
        f"{module.name} imports {wanted}"
        for module in modules().values()
        if (layer := layer_of(module.name)) is not None
        for wanted in own_imports_of(module.name)
        if (layer_of(wanted) or 0) > layer
    ]

    assert outward == []


def test_faces_do_not_know_each_other() -> None:
    sideways = [
        f"{module.name} imports {wanted}"
        for module in modules().values()
        if module.room in FACES
        for wanted in own_imports_of(module.name)
        if room_of(wanted) in FACES and room_of(wanted) != module.room
    ]

    assert sideways == []


def test_inner_rooms_know_no_protocol_however_far_they_reach() -> None:
    leaks = [
        f"{module.name} reaches {wanted} by {through}"
        for module in modules().values()
        if module.room in INNER
        for through in reach_of(module.name)
        for wanted in imports_of(through)
        if wanted.split(".")[0] in PROTOCOLS
    ]

    assert leaks == []


# -- Names and sizes --------------------------------------------------------------------------------------------


def test_no_module_is_named_for_nothing_or_hides_a_library() -> None:
    named = [
        str(path.relative_to(ROOT))
        for path in source_files(*APPS, "tests")
        if path.stem in NAMELESS | SHADOWING or set(path.relative_to(ROOT).parent.parts) & NAMELESS
    ]

    assert named == []


def test_a_public_name_is_defined_in_one_module_only() -> None:
    places = defaultdict(set)

    for module, name in public_names():
        if name not in REPEATED and not name.endswith(REPEATED_ENDS):
            places[name].add(module)
    repeated = {name: sorted(found) for name, found in places.items() if len(found) > 1}

    assert repeated == ALLOWED_TWICE


def test_no_function_is_longer_than_60_lines() -> None:
    assert [f"{place} has {length}" for place, length in functions().items() if length > MAX_FUNCTION_LINES] == []


def test_nine_functions_in_ten_are_under_30_lines_and_half_around_10() -> None:
    lengths = sorted(length for place, length in functions().items() if not place.startswith("tests"))

    assert lengths[int(len(lengths) * 0.9)] < 30
    assert median(lengths) <= 12


def test_no_module_is_longer_than_500_lines() -> None:
    lengths = {
        str(path.relative_to(ROOT)): path.read_text().count("\n") for path in source_files(*APPS, "tests", "protos")
    }

    assert {path: length for path, length in lengths.items() if length > MAX_MODULE_LINES} == {}


def test_no_error_is_passed_over_in_silence() -> None:
    silent = [
        f"{path.relative_to(ROOT)}:{node.lineno}"
        for path in source_files(*APPS, "tests")
        for node in ast.walk(tree_of(path))
        if isinstance(node, ast.ExceptHandler) and all(isinstance(line, ast.Pass) for line in node.body)
    ]

    assert silent == []
