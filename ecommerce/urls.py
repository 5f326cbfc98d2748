"""Every route of the HTTP server, and every service of the gRPC server."""

from typing import Any

from django.contrib import admin
from django.urls import include, path, re_path

from core.openapi import pages
from core.protocols.graph.view import GraphQLView
from core.protocols.rest import versions
from core.protocols.rest.routes import ShopRouter
from core.protocols.rest.views import UnknownPath
from core.server import media_files
from ecommerce import docs_site, fallbacks, probes
from ecommerce.app_modules import app_modules
from samples.compare import front_page

router = ShopRouter()  # the viewsets of all apps
for module in app_modules("urls"):
    router.registry += module.router.registry
resources = [route for module in app_modules("urls") for route in module.urlpatterns]
urlpatterns = [
    path("graphql", GraphQLView.as_view(), name="graphql"),
    path("", front_page.show, name="front"),
    path("compare/", include(front_page.routes(lambda: grpc_services()))),
    path("media/<path:name>", media_files.image_file, name="media"),
    path("admin/", admin.site.urls),
    path("docs/<path:path>", docs_site.documentation),
    path("docs/", docs_site.documentation, {"path": ""}, name="documentation"),
    path("health/live", probes.live),
    path("health/ready", probes.ready),
    re_path(rf"^api/(?P<version>{versions.URL})/", include(resources)),
    path("api/", include(resources)),  # the version that Accept names, or the first
    re_path(rf"^api/(?:(?P<version>{versions.URL})/)?schema$", pages.SchemaView.as_view(), name="schema"),
    path("api/docs", pages.SwaggerUI.as_view(url_name="schema"), name="docs"),
    path("api/problems/<slug:code>", pages.Problem.as_view(), name="problem"),
    re_path(rf"^(?:/+)?api/(?P<version>{versions.URL})(?:/.*)?$", UnknownPath.as_view()),
    re_path(r"^(?:/+)?api(?:/.*)?$", UnknownPath.as_view()),  # //api too, because clients join URLs carelessly
    path("favicon.ico", fallbacks.favicon),
    path("*", fallbacks.whole_server),
]

handler400 = fallbacks.bad_request
handler403 = fallbacks.permission_denied
handler404 = fallbacks.page_not_found
handler500 = fallbacks.server_error


def grpc_services() -> tuple[type[Any], ...]:
    """Return every gRPC service: each subclass of Service in a `services` module, in both versions.

    The HTTP origin serves them too.
    """
    # Imported late: not every process that reads the routes serves gRPC.
    from core.protocols.rpc.service import Service
    from ecommerce.second_version import second_version

    first = tuple(
        kind
        for module in app_modules("services")
        for kind in vars(module).values()
        if isinstance(kind, type) and issubclass(kind, Service) and kind.__module__ == module.__name__
    )
    return (*first, *map(second_version, first))


def grpc_handlers(server: object) -> None:
    """Add every service to a gRPC server."""
    from core.protocols.rpc.service import add_services

    add_services(server, *grpc_services())
