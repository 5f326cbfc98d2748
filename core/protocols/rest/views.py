"""Base classes of REST views: they authenticate the caller, count the request and check the rule."""

from collections.abc import Collection, Sequence
from functools import cached_property, partial
from typing import Any, ClassVar

from django.db import models
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from rest_framework import viewsets
from rest_framework.exceptions import NotAcceptable
from rest_framework.renderers import BaseRenderer
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.serializers import Serializer
from rest_framework.versioning import BaseVersioning
from rest_framework.views import APIView

from core.budgets import Budget, rate_limit_fields
from core.errors import BadParameters, NotFound, Unauthenticated
from core.lists.filters import FilterBackend
from core.permissions import Rule, anyone, require
from core.plans.parents import Parent
from core.plans.plan import plan_of
from core.protocols.clients import address_of
from core.protocols.rest.caching import is_shared_by_caches, set_cache_headers
from core.protocols.rest.conditional import SAFE_METHODS, add_validators, conditional
from core.protocols.rest.deprecation import announce_deprecation, is_deprecated
from core.protocols.rest.errors import RefusalResponse
from core.protocols.rest.links import links_in
from core.protocols.rest.negotiation import VersionedNegotiation
from core.protocols.rest.pagination import PAGES, NumberedPages, Pages
from core.protocols.rest.versions import V1, UrlOrAccept
from core.querysets import ShopQuerySet
from core.rates import limits
from core.serializers import checked, in_version
from core.server.bridge.environ import COUNTED, FAILED
from core.server.negotiation import Negotiation


class ShopView(APIView):
    """Base of all REST views.

    `guarded_by` sets the rule of a method: which callers may call it. Without it, `default_rule` applies.
    `open_to_caches` names the actions whose response is the same for all callers. In a view that is no viewset, the
    action is the HTTP method in lower case.
    """

    open_to_caches: ClassVar[Collection[str]] = ()
    versioning_class: type[BaseVersioning] | None = UrlOrAccept
    content_negotiation_class: type[Negotiation] = VersionedNegotiation
    url_version: str | None = None
    budget: Budget | None = None  # the caller's remaining requests, once this request is counted

    def dispatch(
        self, request: HttpRequest, *args: object, version: str | None = None, **kwargs: object
    ) -> HttpResponseBase:
        """Remove the version in the URL from the arguments: each method serves all versions."""
        self.url_version = version
        return super().dispatch(request, *args, **kwargs)

    def determine_version(
        self, request: Request, *args: object, **kwargs: object
    ) -> tuple[str | None, BaseVersioning | None]:
        return super().determine_version(request, *args, **{"version": self.url_version, **kwargs})

    def initial(self, request: Request, *args: object, **kwargs: object) -> None:
        super().initial(request, *args, **kwargs)
        # The fast path has called the action already, and it raised this exception.
        failure: Exception | None = request.META.get(FAILED)
        if failure is not None:
            raise failure

    def perform_content_negotiation(self, request: Request, force: bool = False) -> tuple[BaseRenderer, str]:
        try:
            return super().perform_content_negotiation(request, force)
        except NotAcceptable:
            self.perform_authentication(request)  # a request refused here counts too
            raise

    def perform_authentication(self, request: Request) -> None:
        """Authenticate the caller and count the request. If the token is invalid, the address is counted."""
        try:
            user_id = request.user.pk
        except Unauthenticated:
            self.budget = limits.spend_request(user_id=None, address=address_of(request))
            raise
        counted: Budget | None = request.META.get(COUNTED)
        self.budget = counted or limits.spend_request(user_id=user_id, address=address_of(request))

    def check_permissions(self, request: Request) -> None:
        require(request.user, self.rule())

    def rule(self) -> Rule:
        """Return the rule of the requested action. OPTIONS and unknown methods have none: any caller may send them."""
        method = getattr(self, self.action_name(), None)
        return anyone if method is None else getattr(method, "rule", self.default_rule())

    def default_rule(self) -> Rule:
        return anyone

    def action_name(self) -> str:
        method = (self.request.method or "").lower()
        return getattr(self, "action", None) or ("get" if method == "head" else method)

    def finalize_response(self, request: Request, response: Response, *args: object, **kwargs: object) -> Response:
        response = super().finalize_response(request, response, *args, **kwargs)
        set_cache_headers(request, response, is_open=self.action_name() in self.open_to_caches)
        if is_deprecated(getattr(request, "version", None)):
            announce_deprecation(request, response)
        if response.status_code == 415 or (request.method == "OPTIONS" and response.status_code == 200):
            self._add_accepted_types(request, response)
        refusal = response.refusal if isinstance(response, RefusalResponse) else None
        if not is_shared_by_caches(response):
            # A shared cache must not report this caller's remaining requests to others.
            for name, text in rate_limit_fields(self.budget, refusal.budget if refusal else None).items():
                response[name] = text
        if isinstance(response, RefusalResponse):
            response.content_type = response.media_type(request.accepted_renderer.format)
        elif isinstance(response, Response):
            self._prepare_rendering(request, response)
        return response

    def _add_accepted_types(self, request: Request, response: HttpResponseBase) -> None:
        """Add the media types that a body may have (RFC 5789, 3.1; RFC 9110, 15.5.16).

        A refusal of the content coding has Accept-Encoding instead.
        """
        if "Accept-Encoding" in response:
            return
        negotiator: Any = self.get_content_negotiator()  # of `content_negotiation_class`
        types = ", ".join(negotiator.readable(request, self.get_parsers()))
        for method in {"PATCH", "POST"} & set(self.allowed_methods):
            response[f"Accept-{method.title()}"] = types
        if response.status_code == 415:
            response["Accept"] = types

    def _prepare_rendering(self, request: Request, response: Response) -> None:
        if self.versioning_class:
            response.content_type = request.accepted_media_type  # the vendor type if the client asked for it
        is_kept = response["Cache-Control"] != "no-store"
        if is_kept and request.method in SAFE_METHODS and response.status_code == 200:
            response.add_post_render_callback(partial(conditional, request))


class ShopViewSet(ShopView, viewsets.GenericViewSet[Any]):
    """A resource in every version. Only serializers and pages differ between versions.

    `visible_to` limits `queryset` to rows that the caller may see. Lists are also filtered and paginated. If a method
    has no rule of its own, only the readers of `queryset` may call it.
    """

    queryset: ShopQuerySet[Any]
    row_serializer_class: ClassVar[type[Serializer[Any]] | None] = None  # for `list`; None: as for `retrieve`
    sends_validators: ClassVar[bool] = False  # whether a response with one row has its ETag and Last-Modified
    parent: ClassVar[Parent | None] = None  # the list has only the rows of the parent whose id is in the path
    lookup_value_converter = "id"  # the converter in `routes`
    pagination_class: type[Pages] | None = NumberedPages  # `paginator` replaces it by the pages of the version
    filter_backends = [FilterBackend]

    def list(self, request: Request, pk: int = 0) -> Response:
        self.serializer_class = self.row_serializer_class or self.serializer_class
        if self.parent is None:
            return self.page_of(self.get_queryset())
        self.parent.rows.one(request.user, pk)
        response = self.page_of(self.parent.below(self.get_queryset(), pk))
        response.data = {self.parent.column: pk, **response.data}
        return response

    def retrieve(self, request: Request, pk: int) -> Response:
        return self.shown(self.get_object())

    def shown(self, row: Any, status: int = 200, headers: dict[str, str] | None = None) -> Response:
        """Return a row as the response."""
        response = Response(self.represented([row])[0], status=status, headers=headers)
        return add_validators(self.request, response, row) if self.sends_validators else response

    def represented(self, rows: Sequence[Any]) -> Sequence[Any]:
        """Return the representations of rows, by the serializer's plan if it has one."""
        plan = plan_of(self.get_serializer_class())
        if plan is None:
            shown: Sequence[Any] = self.get_serializer(rows, many=True).data
            return shown
        return plan.from_objects(rows, links_in(self.request))

    def get_queryset(self) -> Any:
        rows: Any = super().get_queryset()  # the model's own queryset class, with its methods
        return rows.visible_to(self.request.user)

    def default_rule(self) -> Rule:
        return self.queryset.readers

    def get_object(self) -> Any:
        return self.get_queryset().existing(self.kwargs["pk"])

    def get_serializer_class(self) -> type[Serializer[Any]]:
        kind: Any = super().get_serializer_class()
        return in_version(self.request.version, kind)

    def checked(self, serializer_class: type[Serializer[Any]], *, partial: bool = False) -> dict[str, Any]:
        """Return the valid values of the body. Raises InvalidInput."""
        return checked(in_version(self.request.version, serializer_class), self.request.data, partial=partial)

    @cached_property
    def paginator(self) -> Any:
        return PAGES[self.request.version or V1]() if self.pagination_class else None

    def page_of(self, queryset: models.QuerySet[Any]) -> Response:
        """Return one page of the rows that pass the filters. Raises InvalidInput that names all bad parameters."""
        bad = BadParameters()
        with bad:
            queryset = self.filter_queryset(queryset) if hasattr(self, "filterset_class") else queryset
        self.paginator.read(self.request, self, bad)
        bad.check()
        plan = plan_of(self.get_serializer_class())
        page = self.paginate_queryset(plan.narrowed(queryset) if plan else queryset) or []
        return self.get_paginated_response(self.represented(page))


class UnknownPath(ShopView):
    """Responds to every unknown path under /api with NotFound."""

    schema = None

    def initial(self, request: Request, *args: object, **kwargs: object) -> None:
        super().initial(request, *args, **kwargs)
        raise NotFound()
