"""Clients that others' generators write from the shop's own documents: each signs in, orders, and is refused.

The documents are those that a running shop serves: OpenAPI, GraphQL by introspection, and the .proto files. TypeScript
is compiled in strict mode. Each client reports the same facts.
"""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.support.connect import WebShop
from tests.support.factories import make_product, make_user
from tests.support.live import ROOT

HERE = Path(__file__).parent
USERNAME, PASSWORD = "ada", "correct horse battery"
FACTS = {"product": "Tea", "total": 19, "status": "pending", "ordered": True}
REFUSALS = {"refusals": ["unauthenticated", "out_of_stock"]}
STATUSES = {"refusals": ["unauthenticated", "failed_precondition"]}
TIMEOUT_S = 120
CODEGEN = {
    "documents": "shop.graphql",
    "generates": {
        "graphql_codegen_types.ts": {
            "plugins": ["typescript-operations", "typed-document-node"],
            "config": {"scalars": {"DateTime": "string"}, "strictScalars": True},
        }
    },
}
TSCONFIG = {
    "compilerOptions": {
        "strict": True,
        "noEmit": True,
        "skipLibCheck": True,
        "noUncheckedIndexedAccess": True,
        "target": "es2022",
        "module": "esnext",
        "moduleResolution": "bundler",
        "types": ["node"],
    },
    "include": ["*.ts"],
}
ARIADNE = """
[tool.ariadne-codegen]
remote_schema_url = "{url}/graphql"
queries_path = "shop.graphql"
target_package_name = "ariadne_client"
async_client = false

[tool.ariadne-codegen.scalars.DateTime]
type = "datetime.datetime"
"""


@pytest.fixture(scope="module")
def shop(web_shop: WebShop) -> WebShop:
    with web_shop.database():
        make_product(name="Tea", price="9.50", stock=100)
        make_user(username=USERNAME, password=PASSWORD)
    return web_shop


@pytest.fixture(scope="module")
def folder(shop: WebShop, tmp_path_factory) -> Path:
    """Where the clients are, and the OpenAPI documents."""
    folder: Path = tmp_path_factory.mktemp("clients")
    for file in (*HERE.glob("*.ts"), *HERE.glob("*.graphql"), *set(HERE.glob("*.py")) - set(HERE.glob("test_*.py"))):
        shutil.copy(file, folder)
    for version in ("v1", "v2"):
        document = httpx.get(f"{shop.web.url}/api/{version}/schema").raise_for_status()
        (folder / f"{version}.json").write_bytes(document.content)
    return folder


def run(*command: str | Path, folder: Path, **env: str) -> str:
    """Run a program in the folder of the clients; return its output, or fail with it."""
    ran = subprocess.run(
        [*map(str, command)],
        cwd=folder,
        env={**os.environ, **env},
        capture_output=True,
        text=True,
        timeout=TIMEOUT_S,
        check=False,
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
    return ran.stdout


def reported(shop: WebShop, *command: str | Path, folder: Path) -> Any:
    """Run a client; return what it reports."""
    env = {"SHOP": shop.web.url, "GRPC": f"127.0.0.1:{shop.servers[0].port}", "PROTOS": str(ROOT / "protos")}
    env |= {"USERNAME": USERNAME, "PASSWORD": PASSWORD, "PYTHONPATH": f"{folder}:{folder / 'grpc_modules'}"}
    return json.loads(run(*command, folder=folder, **env).splitlines()[-1])


# -- TypeScript -------------------------------------------------------------------------------------------------
@pytest.fixture(scope="module")
def tools(npm_packages: str, folder: Path) -> Path:
    modules = Path(npm_packages) / "node_modules"
    (folder / "node_modules").symlink_to(modules)
    (folder / "package.json").write_text('{"type": "module"}')
    return modules / ".bin"


@pytest.fixture(scope="module")
def generated(shop: WebShop, tools: Path, folder: Path) -> Path:
    """The folder with the TypeScript of all generators."""
    (folder / "codegen.json").write_text(json.dumps({"schema": f"{shop.web.url}/graphql", **CODEGEN}))
    (folder / "tsconfig.json").write_text(json.dumps(TSCONFIG))
    for version in ("v1", "v2"):
        run(tools / "openapi-ts", "-i", f"{version}.json", "-o", f"hey_api_{version}", folder=folder)
        run(tools / "openapi-typescript", f"{version}.json", "-o", f"openapi_typescript_{version}.ts", folder=folder)
    run(tools / "graphql-codegen", "--config", "codegen.json", folder=folder)
    protos = [f"{name}.proto" for name in ("product", "order", "account")]
    options = ["--grpcLib=@grpc/grpc-js", "--outDir=grpc_types", f"-I={ROOT / 'protos'}"]
    run(tools / "proto-loader-gen-types", *protos, *options, folder=folder)
    return folder


@pytest.mark.parametrize("version", ["v1", "v2"])
def test_openapi_document_has_no_finding_of_redocly(tools: Path, folder: Path, version: str) -> None:
    found = json.loads(run(tools / "redocly", "lint", "--format=json", f"{version}.json", folder=folder, **QUIET))

    assert found["problems"] == []


QUIET = {"REDOCLY_TELEMETRY": "off", "REDOCLY_SUPPRESS_UPDATE_NOTICE": "true"}


def test_typescript_of_all_generators_is_of_strict_types(tools: Path, generated: Path) -> None:
    assert run(tools / "tsc", folder=generated) == ""


@pytest.mark.parametrize(
    ("client", "refusals"),
    [("hey_api", REFUSALS), ("openapi_fetch", REFUSALS), ("graphql_codegen", REFUSALS), ("grpc_js", STATUSES)],
)
def test_typescript_client_signs_in_orders_and_is_refused(shop, tools, generated, client, refusals) -> None:
    options = ["--bundle", "--platform=node", "--format=esm", "--packages=external", "--log-level=error"]
    run(tools / "esbuild", f"{client}.ts", *options, f"--outfile={client}.mjs", folder=generated)

    assert reported(shop, "node", f"{client}.mjs", folder=generated) == FACTS | refusals


# -- Python -----------------------------------------------------------------------------------------------------
def test_python_client_of_rest_signs_in_orders_and_is_refused(shop, python_generators: Path, folder: Path) -> None:
    command = ["generate", "--meta", "none", "--path", "v1.json", "--output-path", "openapi_python"]
    path = f"{python_generators}:{os.environ['PATH']}"  # it formats the code with ruff
    run(python_generators / "openapi-python-client", *command, folder=folder, PATH=path)

    assert reported(shop, python_generators / "python", "openapi_client.py", folder=folder) == FACTS | REFUSALS


def test_python_client_of_graphql_signs_in_orders_and_is_refused(shop, python_generators: Path, folder: Path) -> None:
    (folder / "pyproject.toml").write_text(ARIADNE.format(url=shop.web.url))
    run(python_generators / "ariadne-codegen", folder=folder)

    assert reported(shop, python_generators / "python", "ariadne.py", folder=folder) == FACTS | REFUSALS


def test_python_stubs_of_grpc_sign_in_order_and_are_refused(shop, folder: Path) -> None:
    modules = folder / "grpc_modules"
    modules.mkdir()
    outputs = [f"--python_out={modules}", f"--grpc_python_out={modules}", f"-I{ROOT / 'protos'}"]
    protos = [f"{name}.proto" for name in ("product", "order", "account")]
    run(sys.executable, "-m", "grpc_tools.protoc", *outputs, *protos, folder=folder)

    assert reported(shop, sys.executable, "grpc_python.py", folder=folder) == FACTS | STATUSES
