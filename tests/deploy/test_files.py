"""The files of deploy/ fit the shop: their commands, their settings, and nginx in front of real servers."""

import getpass
import json
import re
import shlex
import subprocess
import tomllib
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from pathlib import Path

import grpc
import httpx
import pytest
import yaml
from django.core.management import get_commands, load_command_class

from protos.product_pb2 import GetProductRequest, ListProductsRequest
from protos.product_pb2_grpc import ProductServiceStub
from tests.support.factories import make_product
from tests.support.images import image_file
from tests.support.live import ROOT, Server, free_port
from tests.support.rpc import GrpcServer
from tests.support.waiting import wait_until

DEPLOY = ROOT / "deploy"
IMAGE_HEADERS = {
    "content-type": "image/png",
    "cache-control": "public, max-age=31536000, immutable",
    "content-security-policy": "default-src 'none'; frame-ancestors 'none'",
    "cross-origin-resource-policy": "cross-origin",
    "x-content-type-options": "nosniff",
}
SETTINGS = (ROOT / "docs/settings.md").read_text()


def nodes_of(value: object) -> Iterator[object]:
    """Yield a value of YAML and all values in it."""
    yield value
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    for each in inner:
        yield from nodes_of(each)


def documents() -> Iterator[object]:
    for name in ("compose.yaml", "kubernetes/shop.yaml"):
        for document in yaml.safe_load_all((DEPLOY / name).read_text()):
            yield from nodes_of(document)


def command_lines() -> list[list[str]]:
    """Return the arguments of every `manage.py` in the files."""
    lists = [node for node in documents() if isinstance(node, list) and "manage.py" in node]
    lists += [json.loads(line) for line in re.findall(r"^CMD (.*)$", (DEPLOY / "Dockerfile").read_text(), re.MULTILINE)]
    for unit in (DEPLOY / "systemd").glob("*.service"):
        lists += [shlex.split(line) for line in re.findall(r"^ExecStart=(.*)$", unit.read_text(), re.MULTILINE)]
    return [each[each.index("manage.py") + 1 :] for each in lists]


def test_commands_exist_with_their_options():
    lines = command_lines()

    assert {name for name, *_ in lines} == {"serve", "grpcrunserver", "deliverwebhooks", "migrate", "prune"}
    for name, *options in lines:
        load_command_class(get_commands()[name], name).create_parser("manage.py", name).parse_args(options)


def test_image_builds_only_the_packages_without_a_wheel():
    dockerfile = (DEPLOY / "Dockerfile").read_text()
    required = set(re.findall(r"^([\w.-]+)==", (ROOT / "requirements.txt").read_text(), re.MULTILINE))
    packages = tomllib.loads((ROOT / "uv.lock").read_text())["package"]
    built = {each["name"] for each in packages if each["name"] in required and not each.get("wheels")}

    assert built == set(re.findall(r"--no-binary (\S+)", dockerfile))


def test_secrets_are_not_copied_into_the_image():
    assert "deploy/secrets" in (DEPLOY / "Dockerfile.dockerignore").read_text().splitlines()


def test_files_that_a_server_writes_are_in_the_image_or_in_a_writable_folder():
    assert {"collectstatic", "builddocs"} <= set(re.findall(r"manage\.py (\w+)", (DEPLOY / "Dockerfile").read_text()))
    unit = (DEPLOY / "systemd/shop-web.service").read_text()
    for setting in ("MEDIA_ROOT", "STATIC_ROOT", "DOCS_ROOT"):
        assert f"{setting}=/var/lib/shop/" in unit


def test_settings_are_documented():
    maps = [node for node in documents() if isinstance(node, dict) and "ALLOWED_HOSTS" in node]
    names = {name for each in maps for name in each}
    names |= set(re.findall(r"^([A-Z_]+)=", (DEPLOY / "shop.env.example").read_text(), re.MULTILINE))

    assert len(names) >= 8
    assert [name for name in sorted(names) if f"`{name}`" not in SETTINGS] == []


# -- nginx ------------------------------------------------------------------------------------------------------


@pytest.fixture
def proxied(live_shop, tmp_path, requires_nginx, requires_openssl):
    """The port of nginx with deploy/nginx.conf, in front of a web and a gRPC server."""
    shop = live_shop()
    with shop.database():
        make_product(stock=3)
    env = {**shop.env, "HTTPS": "on", "TRUST_PROXY": "on", "FORWARDED_ALLOW_IPS": "127.0.0.1"}
    plain, tls = free_port(), free_port()
    with ExitStack() as stack:
        web, rpc = Server(tmp_path, env), GrpcServer(tmp_path, env)
        stack.callback(web.kill)
        stack.callback(rpc.kill)
        certificate_in(tmp_path)
        ports = {"web:8000": web.port, "grpc:50051": rpc.port, "listen 8080": plain, "listen 8443": tls}
        (tmp_path / "nginx.conf").write_text(adapted(tmp_path, ports))
        for server in (web, rpc):
            server.wait_until_live()
        # As root, nginx would switch to a user who may not read the test's folder.
        options = f"daemon off; user {getpass.getuser()};"
        nginx = subprocess.Popen(["nginx", "-c", f"{tmp_path}/nginx.conf", "-g", options])
        stack.callback(nginx.wait)
        stack.callback(nginx.terminate)
        wait_until(lambda: _answers(f"https://localhost:{tls}"))
        yield plain, tls, (tmp_path / "tls.crt").read_bytes()


def certificate_in(folder: Path) -> None:
    files = ["-keyout", f"{folder}/tls.key", "-out", f"{folder}/tls.crt", "-subj", "/CN=localhost"]
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", *files]
    subprocess.run(command, check=True, capture_output=True)


def adapted(folder: Path, ports: dict[str, int]) -> str:
    """Return deploy/nginx.conf with the ports and the files of this test."""
    here = {
        name: f"{'listen ' if name.startswith('listen') else ''}127.0.0.1:{port}" for name, port in ports.items()
    } | {
        "/etc/nginx/tls": f"{folder}/tls",
        "/tmp/nginx.pid": f"{folder}/nginx.pid",  # noqa: S108  # a text of the file
        "mime.types": "/etc/nginx/mime.types",
        "root /srv;": f"root {folder}/srv;",
    }
    text = (DEPLOY / "nginx.conf").read_text()
    for theirs, ours in here.items():
        assert theirs in text
        text = text.replace(theirs, ours)
    return text


def _answers(url: str) -> bool:
    with suppress(httpx.TransportError):
        return httpx.get(f"{url}/health/live", verify=False, timeout=5).status_code == 200  # noqa: S501  # its own certificate
    return False


@pytest.mark.live
def test_nginx_serves_the_images_of_its_folder_and_asks_the_shop_for_others(proxied, media_folder, tmp_path):
    _, tls, _ = proxied
    for folder, name in ((media_folder, "of-the-shop.png"), (tmp_path / "srv" / "media", "of-nginx.png")):
        (folder / "images").mkdir(parents=True, exist_ok=True)
        (folder / "images" / name).write_bytes(image_file("PNG"))

    with httpx.Client(base_url=f"https://localhost:{tls}/media/images/", verify=False) as client:  # noqa: S501  # its own certificate
        found = [client.get(name) for name in ("of-nginx.png", "of-the-shop.png")]
        missing = client.get("none.png")

    assert ("x-request-id" in found[0].headers, "x-request-id" in found[1].headers) == (False, True)
    assert missing.status_code == 404
    for response in found:
        assert response.content == image_file("PNG")
        assert {name: response.headers[name] for name in IMAGE_HEADERS} == IMAGE_HEADERS


@pytest.mark.live
def test_nginx_passes_on_every_protocol(proxied, requires_curl):
    plain, tls, ca = proxied
    url = f"https://localhost:{tls}"
    redirect = httpx.get(f"http://localhost:{plain}/api/v1/products")
    curl = ["curl", "-sk", "--http2", "-o", "/dev/null", "-w", "%{http_version} %{http_code}", f"{url}/api/v1/products"]
    with httpx.Client(base_url=url, verify=False, timeout=30) as client:  # noqa: S501  # its own certificate
        graphql = client.post("/graphql", json={"query": "{allProducts(first: 1) {edges {node {pk}}}}"}).json()
        connect = client.post("/ecommerce.ProductService/GetProduct", json={"id": 1}).json()
        with client.stream("GET", "/api/v1/products/events") as stream:
            first = next(stream.iter_lines())
    with grpc.secure_channel(f"localhost:{tls}", grpc.ssl_channel_credentials(ca)) as channel:
        service = ProductServiceStub(channel)
        listed = service.ListProducts(ListProductsRequest(), timeout=30).products
        with pytest.raises(grpc.RpcError) as refused:
            service.GetProduct(GetProductRequest(id=99), timeout=30)

    assert (redirect.status_code, redirect.headers["location"]) == (301, "https://localhost/api/v1/products")
    assert subprocess.run(curl, capture_output=True, text=True, check=True, timeout=30).stdout == "2 200"
    assert (len(graphql["data"]["allProducts"]["edges"]), connect["product"]["id"], first) == (1, 1, "retry: 2000")
    assert ([product.id for product in listed], refused.value.code()) == ([1], grpc.StatusCode.NOT_FOUND)
