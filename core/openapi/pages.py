"""The OpenAPI documents, Swagger UI, and the resources that the types of problems link to."""

from functools import cache
from typing import Any

from django.conf import settings
from drf_spectacular.generators import SchemaGenerator
from drf_spectacular.renderers import OpenApiJsonRenderer, OpenApiJsonRenderer2
from drf_spectacular.views import SpectacularSwaggerView
from rest_framework.authentication import BaseAuthentication
from rest_framework.renderers import BaseRenderer
from rest_framework.request import Request
from rest_framework.response import Response

from core.errors import CATALOGUE, InvalidInput, NotFound
from core.protocols.rest.caching import set_cache_headers
from core.protocols.rest.versions import V1, VERSIONS
from core.protocols.rest.views import ShopView
from core.server.negotiation import Negotiation


class SchemaView(ShopView):
    """The OpenAPI 3.1 document of the version in the URL, else in `?version=`, else of v1."""

    schema = None
    open_to_caches = ("get",)
    versioning_class = None
    content_negotiation_class = Negotiation
    renderer_classes = [OpenApiJsonRenderer2, OpenApiJsonRenderer]

    def get(self, request: Request) -> Response:
        version = self.url_version or request.query_params.get("version") or V1
        if version not in VERSIONS:
            raise InvalidInput(f"version must be one of {', '.join(VERSIONS)}")
        # Absolute, so that it still names this server in a copy of the document.
        servers = [{"url": request.build_absolute_uri("/").removesuffix("/"), "description": settings.STORE_NAME}]
        return Response({**_document(version), "servers": servers})


class SwaggerUI(SpectacularSwaggerView):
    """Swagger UI for the version in `?version=`. All its files come from this server.

    The page has no inline script or style, because its Content-Security-Policy allows none.
    """

    authentication_classes: list[type[BaseAuthentication]] = []
    content_negotiation_class = Negotiation
    http_method_names = ["get", "head"]
    template_name = "swagger.html"

    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        response: Response = super().get(request, *args, **kwargs)
        del response["Cross-Origin-Opener-Policy"]  # opened for windows of OAuth, which the shop has none of
        asked = request.GET.get("version")
        current = asked if asked in VERSIONS else V1
        response.data |= {"current": current, "versions": [(each, f"?version={each}") for each in VERSIONS]}
        set_cache_headers(request, response, is_open=False)  # the page belongs to one browser session
        return response


class Problem(ShopView):
    """The meaning of an error code in every protocol; the `type` of a problem document links to it.

    If the client accepts none of the formats, the response is JSON, so that every client can follow the link.
    """

    schema = None
    open_to_caches = ("get",)
    versioning_class = None

    def perform_content_negotiation(self, request: Request, force: bool = False) -> tuple[BaseRenderer, str]:
        return super().perform_content_negotiation(request, force=True)

    def get(self, request: Request, code: str) -> Response:
        status = CATALOGUE.get(code)
        if status is None:
            raise NotFound()
        names = {"http": status.http, "graphql": code.upper(), "grpc": status.grpc}
        return Response({"code": code, "title": status.title, **names})


@cache
def _document(version: str) -> dict[str, object]:
    # Generating the document takes half a second, and it does not change while the process runs.
    document: dict[str, object] = SchemaGenerator(api_version=version).get_schema(public=True)
    return document
