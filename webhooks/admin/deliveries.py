"""The admin list of deliveries, and the page of one delivery with all its attempts."""

import json

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db import OperationalError
from django.db.models import Case, CharField, OuterRef, Q, QuerySet, Subquery, Value, When
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import URLPattern, path, reverse
from django.utils.decorators import method_decorator
from django.utils.html import format_html
from django.views.decorators.http import require_POST
from unfold.admin import TabularInline
from unfold.contrib.filters.admin import RadioFilter, RelatedDropdownFilter
from unfold.decorators import action, display

from core.admin.display import moment
from core.admin.filters import DayRangeFilter
from core.admin.options import ShopAdmin, as_refusal
from core.errors import DomainError
from webhooks.actions import deliver_again
from webhooks.models import Attempt, Delivery, EventType
from webhooks.permissions import can_manage_webhooks

MAX_AT_ONCE = 1_000
PROGRESS = {  # by query parameter: the label and the condition; each delivery meets exactly one
    "untouched": ("Not sent yet", Q(state=Delivery.State.PENDING, last_tried_at=None)),
    "failing": ("Retrying", Q(state=Delivery.State.PENDING, last_tried_at__isnull=False, failures__gt=0)),
    "again": ("Queued again", Q(state=Delivery.State.PENDING, last_tried_at__isnull=False, failures=0)),
    "delivered": ("Delivered", Q(state=Delivery.State.DELIVERED)),
    "given_up": ("Failed", Q(state=Delivery.State.FAILED)),
}
PROGRESS_COLOURS = {"Retrying": "warning", "Queued again": "info", "Delivered": "success", "Failed": "danger"}
OUTCOME_COLOURS = {"Delivered": "success", "Failed": "danger", "No outcome": "warning"}


class ProgressFilter(RadioFilter):
    title = "state"
    parameter_name = "progress"

    def lookups(self, request: HttpRequest, model_admin: object) -> list[tuple[str, str]]:
        return [(name, label) for name, (label, _) in PROGRESS.items()]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Delivery]) -> QuerySet[Delivery]:
        _, condition = PROGRESS.get(self.value(), ("", Q()))
        return queryset.filter(condition)


class TypeFilter(RadioFilter):
    title = "event"
    parameter_name = "event"

    def lookups(self, request: HttpRequest, model_admin: object) -> list[tuple[str, str]]:
        return [*EventType.choices, ("webhook.test", "Test")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Delivery]) -> QuerySet[Delivery]:
        if self.value() not in {value for value, _ in self.lookup_choices}:
            return queryset
        topic, _, kind = self.value().partition(".")
        return queryset.filter(topic=topic, kind=kind)


class AttemptInline(TabularInline):
    model = Attempt
    fields = readonly_fields = ("number", "begun", "outcome", "what", "took", "reply")
    verbose_name_plural = "attempts"
    hide_title = True
    can_delete = False
    extra = 0
    per_page = 100

    @display(description="Started")
    def begun(self, attempt: Attempt) -> str:
        return moment(attempt.at, seconds=True)

    @display(description="Outcome", label=OUTCOME_COLOURS)
    def outcome(self, attempt: Attempt) -> str:
        if attempt.duration_ms is None:
            return "No outcome"
        return "Failed" if attempt.error else "Delivered"

    @display(description="Status or error")
    def what(self, attempt: Attempt) -> str:
        if attempt.duration_ms is None:
            return "In progress, or its process was killed during the attempt"
        return attempt.error or f"{attempt.status}"

    @display(description="Duration")
    def took(self, attempt: Attempt) -> str:
        return "-" if attempt.duration_ms is None else f"{attempt.duration_ms} ms"

    @display(description="Response body")
    def reply(self, attempt: Attempt) -> str:
        return format_html('<span class="answer">{}</span>', attempt.answer) if attempt.answer else "-"

    def has_view_permission(self, request: HttpRequest, obj: object = None) -> bool:
        return can_manage_webhooks(request.user)

    def has_add_permission(self, request: HttpRequest, obj: object = None) -> bool:
        return False

    has_change_permission = has_delete_permission = has_add_permission


@admin.register(Delivery)
class DeliveryAdmin(ShopAdmin):
    list_display = ("event", "about", "to", "status", "last_error", "tries", "next_try", "made")
    list_select_related = ("endpoint",)
    list_filter = (
        ProgressFilter,
        TypeFilter,
        ("endpoint", RelatedDropdownFilter),
        ("created_at", DayRangeFilter),
    )
    search_fields = ("=message_id", "=object_id")
    search_help_text = "Message id, or the id of a product or order"
    fields = readonly_fields = (
        "event",
        "to",
        "status",
        "last_error",
        "message_id",
        "cursor",
        "made",
        "next_try",
        "body",
    )
    inlines = (AttemptInline,)
    actions = ("again",)
    sortable_by = ("made",)
    change_form_outer_before_template = "admin/webhooks/delivery/again.html"

    @display(description="Event")
    def event(self, delivery: Delivery) -> str:
        return delivery.event_type

    @display(description="Object id", empty_value="-")
    def about(self, delivery: Delivery) -> str | None:
        """Return the id without thousands separators, as the search expects it."""
        return str(delivery.object_id) if delivery.object_id else None

    @display(description="Endpoint")
    def to(self, delivery: Delivery) -> str:
        url = reverse("admin:webhooks_endpoint_change", args=[delivery.endpoint_id])
        return format_html('<a class="text-link" href="{}">{}</a>', url, delivery.endpoint.url)

    @display(description="State", label=PROGRESS_COLOURS)
    def status(self, delivery: Delivery) -> str:
        progress: str = delivery.progress  # type: ignore[attr-defined]  # annotated by `get_queryset`
        return progress

    @display(description="Last error", empty_value="-")
    def last_error(self, delivery: Delivery) -> str | None:
        error: str | None = delivery.error  # type: ignore[attr-defined]  # annotated by `get_queryset`
        return error

    @display(description="Next attempt")
    def next_try(self, delivery: Delivery) -> str:
        if delivery.state == Delivery.State.PENDING and not delivery.endpoint.is_active:
            return "When the endpoint is switched on"
        return moment(delivery.next_attempt_at, seconds=True)

    @display(description="Attempts")
    def tries(self, delivery: Delivery) -> int:
        return delivery.attempts

    @display(description="Cursor", empty_value="None (a test)")
    def cursor(self, delivery: Delivery) -> int | None:
        return delivery.seq

    @display(description="Created", ordering="id")
    def made(self, delivery: Delivery) -> str:
        return moment(delivery.created_at, seconds=True)

    @display(description="Payload")
    def body(self, delivery: Delivery) -> str:
        return format_html('<pre class="payload">{}</pre>', json.dumps(json.loads(delivery.payload), indent=2))

    # -- Permissions -------------------------------------------------------------------------------------------
    def has_module_permission(self, request: HttpRequest) -> bool:
        return can_manage_webhooks(request.user)

    def has_view_permission(self, request: HttpRequest, obj: Delivery | None = None) -> bool:
        return can_manage_webhooks(request.user)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Delivery | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Delivery | None = None) -> bool:
        return False

    def get_queryset(self, request: HttpRequest) -> QuerySet[Delivery]:
        """Annotate the progress, and the error of the last failed attempt unless the delivery has succeeded."""
        failed = Attempt.objects.filter(delivery=OuterRef("pk")).exclude(error="").order_by("-number").values("error")
        labels = [When(condition, then=Value(label)) for label, condition in PROGRESS.values()]
        return (
            super()
            .get_queryset(request)
            .visible_to(request.user)
            .annotate(
                progress=Case(*labels, output_field=CharField()),
                error=Case(When(state=Delivery.State.DELIVERED, then=None), default=Subquery(failed[:1])),
            )
        )

    def render_change_form(self, request: HttpRequest, context: dict[str, object], **kwargs: object) -> HttpResponse:
        context["show_history"] = False  # the attempts are the history
        return super().render_change_form(request, context, **kwargs)

    # -- Deliver again -----------------------------------------------------------------------------------------
    @action(description="Deliver again", permissions=["view"])
    def again(self, request: HttpRequest, queryset: QuerySet[Delivery]) -> None:
        ids = list(queryset.values_list("pk", flat=True)[: MAX_AT_ONCE + 1])
        if len(ids) > MAX_AT_ONCE:
            messages.error(request, f"At most {MAX_AT_ONCE} at once. Narrow the list with a search or a filter.")
            return
        self._again(request, ids)

    def _again(self, request: HttpRequest, ids: list[int]) -> None:
        count = deliver_again(actor=request.user, delivery_ids=ids)
        skipped = f"; {len(ids) - count} skipped, because in progress or deleted" if count < len(ids) else ""
        messages.success(request, f"{count} queued for retry{skipped}.")
        if Delivery.objects.filter(pk__in=ids, endpoint__is_active=False).exists():
            messages.warning(
                request, "Some belong to an endpoint that is switched off. They wait until it is switched on."
            )

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(self.again_view)
        return [path("<int:delivery_id>/again/", view, name="webhooks_delivery_again"), *super().get_urls()]

    @method_decorator(require_POST)
    def again_view(self, request: HttpRequest, delivery_id: int) -> HttpResponse:
        if not can_manage_webhooks(request.user):
            raise PermissionDenied
        try:
            self._again(request, [delivery_id])
        except (DomainError, OperationalError) as error:
            messages.error(request, as_refusal(error).message)
        return HttpResponseRedirect(reverse("admin:webhooks_delivery_change", args=[delivery_id]))
