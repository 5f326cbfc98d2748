"""Images over real sockets: a gRPC server and a web server of one shop share the files."""

from io import BytesIO

import httpx
import pytest
from PIL import Image

from catalog.models import Product
from tests.support.api import access_token
from tests.support.factories import make_product, make_staff
from tests.support.images import image_file, opened
from tests.support.rpc import Client, GrpcServer

PREFIX = "https://cdn.example/files/"


@pytest.fixture(scope="module")
def shop(live_shops, tmp_path_factory):
    return live_shops(MEDIA_URL=PREFIX, MEDIA_ROOT=str(tmp_path_factory.mktemp("media")))


@pytest.fixture(scope="module")
def staff(shop):
    with shop.database():
        user = make_staff()
        return user, {"Authorization": f"Bearer {access_token(user)}"}


def noise(side: int) -> bytes:
    """Return a PNG of many bytes."""
    output = BytesIO()
    Image.effect_noise((side, side), 100).convert("RGB").save(output, "PNG")
    return output.getvalue()


def test_image_of_the_grpc_server_is_served_by_the_web_server(shop, staff, tmp_path):
    user, _ = staff
    with shop.database():
        product = make_product()
    server = GrpcServer(tmp_path, shop.env)
    try:
        server.wait_until_live()
        with shop.database():
            client = Client(server.port, user)
        changed = client.call("SetProductImage", id=product.pk, image=image_file("WEBP", (400, 300))).product
    finally:
        server.kill()

    file = httpx.get(f"{shop.url}/media/{changed.thumbnail.removeprefix(PREFIX)}")
    shown = httpx.get(f"{shop.url}/api/v1/products/{product.pk}").json()

    assert (file.status_code, file.headers["content-type"]) == (200, "image/webp")
    assert opened(file.content).size == (320, 240)
    assert (shown["image"], shown["thumbnail"]) == (changed.image, changed.thumbnail)


def test_large_file_is_sent_whole_and_then_known_by_its_tag(shop, staff):
    with shop.database():
        product = make_product()
    content, (_, headers) = noise(1000), staff
    assert len(content) > 1024 * 1024  # more than one block

    sent = httpx.put(
        f"{shop.url}/api/v2/products/{product.pk}/image",
        content=content,
        headers=headers | {"Content-Type": "image/png"},
    )
    url = f"{shop.url}/media/{sent.json()['image'].removeprefix(PREFIX)}"
    whole, head = httpx.get(url), httpx.head(url)
    known = httpx.get(url, headers={"If-None-Match": whole.headers["etag"]})

    assert opened(whole.content).size == (1000, 1000)
    assert int(head.headers["content-length"]) == len(whole.content) > 1024 * 1024
    assert (head.content, known.status_code, known.content) == (b"", 304, b"")
    for response in (whole, head, known):
        assert response.headers["cache-control"] == "public, max-age=31536000, immutable"
        assert response.headers["x-content-type-options"] == "nosniff"
        assert response.headers["cross-origin-resource-policy"] == "cross-origin"


def test_plans_of_both_fast_paths_show_the_urls(shop, staff):
    with shop.database():
        product = make_product()
        Product.objects.filter(pk=product.pk).update(image="x.png")
    query = {"query": "query($id: Int) { product(id: $id) { image thumbnail } }", "variables": {"id": product.pk}}

    rest = [httpx.get(f"{shop.url}/api/v1/products/{product.pk}", headers=h).json() for h in ({}, {"X-Other": "1"})]
    graphql = [httpx.post(f"{shop.url}/graphql", json=query).json()["data"]["product"] for _ in range(3)]

    expected = {"image": f"{PREFIX}images/x.png", "thumbnail": f"{PREFIX}thumbnails/x.png"}
    assert graphql == [expected] * 3
    assert [{name: body[name] for name in expected} for body in rest] == [expected] * 2


def test_body_over_the_limit_is_refused(shop, staff):
    with shop.database():
        product = make_product()
    _, headers = staff

    response = httpx.put(
        f"{shop.url}/api/v1/products/{product.pk}/image",
        content=bytes(6 * 1024 * 1024),
        headers=headers | {"Content-Type": "image/png"},
    )

    assert (response.status_code, response.json()["code"]) == (413, "too_large")
