"""What every REST view does: name the caller, count the request, ask the rule."""

from collections.abc import Callable, Collection, Mapping
from functools import partial
from typing import Any, ClassVar

from django.db import models
from rest_framework import viewsets
from rest_framework.exceptions import NotAcceptable
from rest_framework.generics import get_object_or_404
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.serializers import Serializer
from rest_framework.views import APIView

from ecommerce import limits
from ecommerce.budgets import Budget, fields_of
from ecommerce.errors import NotFound, Unauthenticated
from ecommerce.filters import FilterBackend
from ecommerce.permissions import require
from ecommerce.rest.caching import is_kept_by_others, say_who_may_keep
from ecommerce.rest.conditional import SAFE_METHODS, conditional
from ecommerce.rest.deprecation import is_deprecated, say_that_it_ends
from ecommerce.rest.errors import Refused
from ecommerce.rest.pagination import PAGES, NumberedPages
from ecommerce.rest.versions import Negotiation, UrlOrAccept
from ecommerce.serializers import checked, in_version

Rule = Callable[[Any], bool]


class ShopView(APIView):
    """`rules` maps an action, or outside a viewset a method in lower case, to who may; what it leaves out is open.

    `open_to_caches` names those actions whose answer is the same for all.
    """

    rules: ClassVar[Mapping[str, Rule]] = {}
    open_to_caches: ClassVar[Collection[str]] = ()
    versioning_class = UrlOrAccept
    content_negotiation_class = Negotiation
    url_version: str | None = None
    budget: Budget | None = None  # what is left of it, once the request is counted

    def dispatch(self, request: Any, *args: Any, version: str | None = None, **kwargs: Any) -> Any:
        """Keep the version that the URL names from the methods, which are the same for all."""
        self.url_version = version
        return super().dispatch(request, *args, **kwargs)

    def determine_version(self, request: Request, *args: Any, **kwargs: Any) -> Any:
        return super().determine_version(request, *args, **{"version": self.url_version, **kwargs})

    def perform_content_negotiation(self, request: Request, force: bool = False) -> Any:
        try:
            return super().perform_content_negotiation(request, force)
        except NotAcceptable:
            self.perform_authentication(request)  # what is refused here is a request too
            raise

    def perform_authentication(self, request: Request) -> None:
        """Name the caller and count the request; one with a bad token counts for its address."""
        try:
            user_id = request.user.pk
        except Unauthenticated:
            self.budget = limits.spend_request(user_id=None, address=address_of(request))
            raise
        self.budget = limits.spend_request(user_id=user_id, address=address_of(request))

    def check_permissions(self, request: Request) -> None:
        rule = self.rules.get(self.action_name())
        if rule is not None:
            require(request.user, rule(request.user))

    def action_name(self) -> str:
        method = (self.request.method or "").lower()
        return getattr(self, "action", None) or ("get" if method == "head" else method)

    def finalize_response(self, request: Request, response: Any, *args: Any, **kwargs: Any) -> Any:
        response = super().finalize_response(request, response, *args, **kwargs)
        say_who_may_keep(request, response, is_open=self.action_name() in self.open_to_caches)
        if is_deprecated(getattr(request, "version", None)):
            say_that_it_ends(request, response)
        refusal = response.refusal if isinstance(response, Refused) else None
        if not is_kept_by_others(response):
            # An answer that others are given must not say what this caller has left.
            for name, text in fields_of(self.budget, refusal.budget if refusal else None).items():
                response[name] = text
        if refusal:
            response.content_type = response.media_type(request.accepted_renderer.format)
        elif isinstance(response, Response):
            self._finish(request, response)
        return response

    def _finish(self, request: Request, response: Response) -> None:
        if self.versioning_class:
            response.content_type = request.accepted_media_type  # the vendor type, to who asked for it
        is_kept = response["Cache-Control"] != "no-store"
        if is_kept and request.method in SAFE_METHODS and response.status_code == 200:
            response.add_post_render_callback(partial(conditional, request))


class ShopViewSet(ShopView, viewsets.GenericViewSet):
    """A resource in every version: the serializers and the pages are the version's, the rest is the same.

    `queryset` is read through `visible_to`, and lists through the filter and the page.
    """

    lookup_value_converter = "int"
    pagination_class = NumberedPages  # or the version's own
    filter_backends = [FilterBackend]

    def get_queryset(self) -> models.QuerySet[Any]:
        return super().get_queryset().visible_to(self.request.user)

    def get_object(self) -> Any:
        return get_object_or_404(self.get_queryset(), pk=self.kwargs["pk"])

    def get_serializer_class(self) -> type[Serializer]:
        return in_version(self.request.version, super().get_serializer_class())

    def checked(self, serializer_class: type[Serializer], *, partial: bool = False) -> dict[str, Any]:
        """Return the valid values of the body. Raises InvalidInput."""
        return checked(in_version(self.request.version, serializer_class), self.request.data, partial=partial)

    @property
    def paginator(self) -> Any:
        if not hasattr(self, "_paginator"):
            self._paginator = PAGES[self.request.version]() if self.pagination_class else None
        return self._paginator

    def page_of(self, queryset: models.QuerySet[Any]) -> Response:
        """Answer with one page of the rows that pass the filters."""
        queryset = self.filter_queryset(queryset) if hasattr(self, "filterset_class") else queryset
        page = self.paginate_queryset(queryset)
        return self.get_paginated_response(self.get_serializer(page, many=True).data)


class UnknownPath(ShopView):
    """The answer to every path under /api that nothing else answers."""

    schema = None

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        super().initial(request, *args, **kwargs)
        raise NotFound()


def address_of(request: Request) -> str:
    return request.META.get("REMOTE_ADDR") or "unknown"
