"""The admin list of endpoints, and the page of one endpoint."""

from collections.abc import Sequence
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db import OperationalError
from django.db.models import Count, IntegerField, OuterRef, QuerySet, Subquery
from django.db.models.functions import Coalesce
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.decorators import method_decorator
from django.utils.html import format_html
from django.views.decorators.http import require_POST
from unfold.contrib.filters.admin import BooleanRadioFilter
from unfold.decorators import display
from unfold.widgets import UnfoldAdminCheckboxSelectMultipleWidget

from core.admin.display import moment
from core.admin.options import Fieldsets, RefusableForm, ShopAdmin, as_refusal
from core.errors import DomainError, NotFound
from webhooks.actions import (
    OLD_SECRET_HOURS,
    WRITABLE,
    change_endpoint,
    create_endpoint,
    delete_endpoint,
    rotate_secret,
    send_test,
)
from webhooks.models import Delivery, Endpoint, EventType, every_type
from webhooks.permissions import can_manage_webhooks

SHOWN_ONCE = "webhook_secret"  # in the session, until the endpoint's page shows it
STATE_COLOURS = {"Active": "success", "Failing": "warning", "Paused": "info", "Off": "danger"}


class EndpointForm(RefusableForm):
    event_types = forms.MultipleChoiceField(
        label="Event types",
        choices=EventType.choices,
        initial=every_type,
        widget=UnfoldAdminCheckboxSelectMultipleWidget,
        error_messages={"required": "Choose at least one event type."},
    )

    class Meta:
        model = Endpoint
        fields = WRITABLE
        help_texts = {
            "url": "Events are sent here by POST. Use https and a public address, not one in a private network.",
            "is_active": "Events that happen while the endpoint is off are not sent later.",
        }


@admin.register(Endpoint)
class EndpointAdmin(ShopAdmin):
    form = EndpointForm
    list_display = ("url", "description", "types", "state", "waiting", "created")
    list_filter = (("is_active", BooleanRadioFilter),)
    search_fields = ("url", "description")
    search_help_text = "URL or description"
    ordering = ("id",)
    readonly_fields = ("state", "problems", "key", "created", "sent")
    change_form_outer_before_template = "admin/webhooks/endpoint/verbs.html"

    @display(description="Events")
    def types(self, endpoint: Endpoint) -> str:
        return "All" if set(endpoint.event_types) == set(EventType) else ", ".join(endpoint.event_types)

    @display(description="State", label=STATE_COLOURS)
    def state(self, endpoint: Endpoint) -> str:
        if not endpoint.is_active:
            return "Off"
        if endpoint.paused_until and endpoint.paused_until > timezone.now():
            return "Paused"
        return "Failing" if endpoint.failing_since else "Active"

    @display(description="Problems")
    def problems(self, endpoint: Endpoint) -> str:
        facts = [
            f"Switched off automatically: {endpoint.off_reason}" if endpoint.off_reason else "",
            f"No attempt has succeeded since {moment(endpoint.failing_since)}." if endpoint.failing_since else "",
            f"Paused by receiver until {moment(endpoint.paused_until)}." if self.state(endpoint) == "Paused" else "",
        ]
        return " ".join(fact for fact in facts if fact) or "None"

    @display(description="Waiting")
    def waiting(self, endpoint: Endpoint) -> int:
        waiting: int = endpoint.waiting  # type: ignore[attr-defined]  # annotated by `get_queryset`
        return waiting

    @display(description="Secret")
    def key(self, endpoint: Endpoint) -> str:
        until = endpoint.previous_secret_until
        is_changing = until is not None and until > timezone.now()
        more = f" The previous secret stays valid until {moment(until)}." if is_changing else ""
        return f"Ends in {endpoint.secret[-5:]}. It is shown in full only once, when it is generated.{more}"

    @display(description="Created", ordering="id")
    def created(self, endpoint: Endpoint) -> str:
        return moment(endpoint.created_at)

    @display(description="Deliveries")
    def sent(self, endpoint: Endpoint) -> str:
        url = reverse("admin:webhooks_delivery_changelist")
        return format_html(
            '<a class="text-link" href="{}?endpoint__id__exact={}">All deliveries to this endpoint</a>',
            url,
            endpoint.pk,
        )

    # -- Permissions -------------------------------------------------------------------------------------------
    def has_module_permission(self, request: HttpRequest) -> bool:
        return can_manage_webhooks(request.user)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return can_manage_webhooks(request.user)

    def has_view_permission(self, request: HttpRequest, obj: Endpoint | None = None) -> bool:
        return can_manage_webhooks(request.user)

    has_change_permission = has_delete_permission = has_view_permission

    # -- Reads -------------------------------------------------------------------------------------------------
    def get_fieldsets(self, request: HttpRequest, obj: Endpoint | None = None) -> Fieldsets:
        fields: Fieldsets = [("Endpoint", {"fields": WRITABLE})]
        return [*fields, ("Record", {"fields": self.readonly_fields})] if obj else fields

    def get_queryset(self, request: HttpRequest) -> QuerySet[Endpoint]:
        pending = Delivery.objects.filter(endpoint=OuterRef("pk"), state=Delivery.State.PENDING).order_by()
        counted = Subquery(pending.values("endpoint").annotate(n=Count("pk")).values("n"), output_field=IntegerField())
        return super().get_queryset(request).visible_to(request.user).annotate(waiting=Coalesce(counted, 0))

    def render_change_form(self, request: HttpRequest, context: dict[str, Any], **kwargs: Any) -> HttpResponse:
        endpoint = kwargs.get("obj")
        if endpoint is not None and request.session.get(SHOWN_ONCE, {}).get("endpoint") == endpoint.pk:
            context["secret"] = request.session.pop(SHOWN_ONCE)["secret"]
        return super().render_change_form(request, context, **kwargs)

    # -- Writes ------------------------------------------------------------------------------------------------
    def save_model(self, request: HttpRequest, obj: Endpoint, form: Any, change: bool) -> None:
        if not change:
            made = create_endpoint(actor=request.user, values=form.cleaned_data)
            obj.pk = made.pk
            obj.refresh_from_db()
            _show_once(request, made)
        elif form.changed_data:
            changes = {name: form.cleaned_data[name] for name in form.changed_data}
            change_endpoint(actor=request.user, endpoint_id=obj.pk, changes=changes)

    def response_add(self, request: HttpRequest, obj: Endpoint, *args: object, **kwargs: object) -> HttpResponse:
        """Redirect to the endpoint's page, which shows the secret, whichever save button was pressed."""
        return HttpResponseRedirect(self._page(obj.pk))

    def delete_model(self, request: HttpRequest, obj: Endpoint) -> None:
        delete_endpoint(actor=request.user, endpoint_id=obj.pk)

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[Endpoint]) -> None:
        for endpoint_id in sorted(queryset.values_list("pk", flat=True)):
            delete_endpoint(actor=request.user, endpoint_id=endpoint_id)

    def get_deleted_objects(
        self, objs: Sequence[Endpoint], request: HttpRequest
    ) -> tuple[list[str], dict[str, int], set[str], list[str]]:
        """Count the deliveries that are deleted too; Django would list each of them."""
        deliveries = Delivery.objects.filter(endpoint__in=[endpoint.pk for endpoint in objs]).count()
        counts = {"endpoints": len(objs), "deliveries": deliveries}
        return [*map(str, objs), f"{deliveries} deliveries, with all attempts"], counts, set(), []

    # -- Buttons -----------------------------------------------------------------------------------------------
    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(self.verb_view)
        return [path("<int:endpoint_id>/do/", view, name="webhooks_endpoint_do"), *super().get_urls()]

    @method_decorator(require_POST)
    def verb_view(self, request: HttpRequest, endpoint_id: int) -> HttpResponse:
        if not can_manage_webhooks(request.user):
            raise PermissionDenied
        page = self._page(endpoint_id)
        try:
            self._do(request, request.POST.get("verb", ""), endpoint_id)
        except NotFound as refusal:
            messages.error(request, refusal.message)
            return HttpResponseRedirect(self.list_url())
        except (DomainError, OperationalError) as error:
            messages.error(request, as_refusal(error).message)
        return HttpResponseRedirect(page)

    def _do(self, request: HttpRequest, verb: str, endpoint_id: int) -> None:
        if verb == "rotate":
            _show_once(request, rotate_secret(actor=request.user, endpoint_id=endpoint_id))
            messages.success(request, f"The previous secret stays valid for {OLD_SECRET_HOURS} hours.")
        elif verb == "test":
            delivery = send_test(actor=request.user, endpoint_id=endpoint_id)
            url = reverse("admin:webhooks_delivery_change", args=[delivery.pk])
            messages.success(request, format_html('A test is queued. <a href="{}">See its delivery</a>.', url))
        else:
            messages.error(request, "Unknown action; nothing changed.")

    @staticmethod
    def _page(endpoint_id: int) -> str:
        return reverse("admin:webhooks_endpoint_change", args=[endpoint_id])


def _show_once(request: HttpRequest, endpoint: Endpoint) -> None:
    request.session[SHOWN_ONCE] = {"endpoint": endpoint.pk, "secret": endpoint.secret}
