"""The OpenAPI document and the page to try it on."""

from functools import cache
from typing import Any

from drf_spectacular.generators import SchemaGenerator
from drf_spectacular.renderers import OpenApiJsonRenderer, OpenApiJsonRenderer2
from drf_spectacular.views import SpectacularSwaggerView
from rest_framework.request import Request
from rest_framework.response import Response

from ecommerce.rest.views import ShopView


class Schema(ShopView):
    """The OpenAPI 3.1 document of REST."""

    schema = None
    renderer_classes = [OpenApiJsonRenderer2, OpenApiJsonRenderer]

    def get(self, request: Request) -> Response:
        return Response(_document())


class SwaggerUI(SpectacularSwaggerView):
    """Swagger UI, all of it from this server."""

    authentication_classes: list[Any] = []


@cache
def _document() -> dict[str, Any]:
    # Generating takes half a second, and it can't change while the process lives.
    return SchemaGenerator().get_schema(public=True)
