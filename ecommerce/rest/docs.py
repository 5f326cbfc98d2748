"""The OpenAPI documents, the page to try them on, and what a problem's type stands for."""

from functools import cache
from typing import Any

from drf_spectacular.generators import SchemaGenerator
from drf_spectacular.renderers import OpenApiJsonRenderer, OpenApiJsonRenderer2
from drf_spectacular.views import SpectacularSwaggerView
from rest_framework.negotiation import DefaultContentNegotiation
from rest_framework.request import Request
from rest_framework.response import Response

from ecommerce.errors import CATALOGUE, InvalidInput, NotFound
from ecommerce.rest.caching import say_who_may_keep
from ecommerce.rest.versions import V1, VERSIONS
from ecommerce.rest.views import ShopView


class Schema(ShopView):
    """The OpenAPI 3.1 document of a version: the one in the URL, or `?version=`, or the first."""

    schema = None
    open_to_caches = ("get",)
    versioning_class = None
    content_negotiation_class = DefaultContentNegotiation
    renderer_classes = [OpenApiJsonRenderer2, OpenApiJsonRenderer]

    def get(self, request: Request) -> Response:
        version = self.url_version or request.query_params.get("version") or V1
        if version not in VERSIONS:
            raise InvalidInput(f"version must be one of {', '.join(VERSIONS)}")
        return Response(_document(version))


class SwaggerUI(SpectacularSwaggerView):
    """Swagger UI, all of it from this server, for the version chosen by `?version=`."""

    authentication_classes: list[Any] = []
    http_method_names = ["get", "head"]
    template_name = "swagger.html"

    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        response = super().get(request, *args, **kwargs)
        asked = request.GET.get("version")
        current = asked if asked in VERSIONS else V1
        response.data |= {"current": current, "versions": [(each, f"?version={each}") for each in VERSIONS]}
        say_who_may_keep(request, response, is_open=False)  # the page is for this session of a browser
        return response


class Problem(ShopView):
    """What a code means, in every protocol: the `type` of a problem document leads here.

    Whoever was given the address can read it: as JSON, where nothing that is accepted can be had.
    """

    schema = None
    open_to_caches = ("get",)
    versioning_class = None

    def perform_content_negotiation(self, request: Request, force: bool = False) -> Any:
        return super().perform_content_negotiation(request, force=True)

    def get(self, request: Request, code: str) -> Response:
        status = CATALOGUE.get(code)
        if status is None:
            raise NotFound()
        names = {"http": status.http, "graphql": code.upper(), "grpc": status.grpc}
        return Response({"code": code, "title": status.title, **names})


@cache
def _document(version: str) -> dict[str, Any]:
    # Generating takes half a second, and it can't change while the process lives.
    return SchemaGenerator(api_version=version).get_schema(public=True)
