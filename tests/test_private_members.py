"""Private members of a library are used in one module, which names the version that it was tried on."""

import ast
import importlib
import inspect
import re
from collections.abc import Iterator
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType

import pytest

pytestmark = pytest.mark.same_everywhere

ROOT = Path(__file__).resolve().parent.parent
OURS = ("core", "accounts", "catalog", "orders", "webhooks", "samples", "ecommerce")
ADAPTERS = {
    "core.django_internals": "django",
    "core.sqlite.base": "django",  # Django finds its database backend by the name of the module
    "core.rest_framework_internals": "djangorestframework",
    "core.openapi.documents": "drf-spectacular",
    "core.postgresql.base": "psycopg",
    "core.postgresql.reader": "psycopg",
    "core.admin.sign_in": "django-otp",
    "core.protocols.rpc.wire": "grpcio",
    "core.protocols.rpc.health": "grpcio-health-checking",
    "core.server.connections": "uvicorn",
}
DOCUMENTED = {
    "_meta",  # Django documents it
    "UserManager._db",  # Django's manual on managers uses it
    "Command._exit",  # os._exit
    "Command._serve",  # djangogrpcframework's command has one method, and the shop's replaces it
    "Encoding._missing_",  # the hook of enum
    "django.contrib.auth.models._User",  # these two only django-stubs has
    "django.db.models.sql.compiler._AsSqlType",
}
TRACING = "core.server.tracing."
MODULES = {
    path.relative_to(ROOT).with_suffix("").as_posix().replace("/", ".").removesuffix(".__init__"): path
    for room in OURS
    for path in (ROOT / room).rglob("*.py")
    if "migrations" not in path.parts
}


def not_installed() -> set[str]:
    """Return the modules that need deploy/tracing.txt, if that is not installed. CI has it."""
    return set() if find_spec("opentelemetry.sdk") else {name for name in MODULES if name.startswith(TRACING)}


def is_private(name: str) -> bool:
    return name.startswith("_") and not name.startswith("__") and name not in DOCUMENTED


def private_imports(path: Path) -> Iterator[str]:
    """Yield what a module imports from the private modules, or under the private names, of libraries."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom):
            names = [f"{node.module}.{each.name}" for each in node.names]
        else:
            names = [each.name for each in node.names] if isinstance(node, ast.Import) else []
        yield from (name for name in names if any(map(is_private, name.split("."))) and not name.startswith(OURS))


def inherited_private_members(module: ModuleType) -> Iterator[str]:
    """Yield the private members of libraries' classes that classes of a module override or use."""
    for kind in vars(module).values():
        if inspect.isclass(kind) and kind.__module__ == module.__name__:
            foreign = [base for base in kind.__mro__[1:] if not base.__module__.startswith((*OURS, "builtins"))]
            members = set().union(*(vars(base).keys() | names_used_by(base) for base in foreign))
            yield from (f"{kind.__name__}.{name}" for name in sorted(names_used_by(kind) & members))


@cache
def names_used_by(kind: type) -> set[str]:
    """Return the private names that the methods of a class have or use."""
    members = [inspect.unwrap(getattr(member, "fget", member)) for member in vars(kind).values()]
    methods = [each for each in members if inspect.isfunction(each) and each.__module__ == kind.__module__]
    return {name for each in methods for name in (each.__name__, *each.__code__.co_names) if is_private(name)}


def test_private_names_of_libraries_are_imported_only_by_their_adapters() -> None:
    found = [
        f"{name}: {imported}"
        for name in sorted(MODULES.keys() - ADAPTERS.keys())
        for imported in private_imports(MODULES[name])
        if imported not in DOCUMENTED
    ]

    assert found == []


def test_private_members_of_base_classes_are_used_only_by_adapters() -> None:
    found = [
        f"{name}: {member}"
        for name in sorted(MODULES.keys() - ADAPTERS.keys() - not_installed())
        for member in inherited_private_members(importlib.import_module(name))
        if member not in DOCUMENTED
    ]

    assert found == []


@pytest.mark.parametrize("name", ADAPTERS)
def test_adapter_names_the_locked_version_of_its_library(name: str) -> None:
    library = ADAPTERS[name]
    locked = re.search(rf"^{library}==(\S+)", (ROOT / "requirements.txt").read_text(), re.MULTILINE)

    assert locked is not None
    assert f"Tried on {library} {locked[1]}." in (importlib.import_module(name).__doc__ or "")
