"""The history of a row in the admin: each change with its origin, and the old and new values."""

from typing import Any

from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse

from core.admin.options import ShopAdmin
from core.permissions import is_unlimited_staff

CHANGES_PER_PAGE = 50
TEMPLATE = "admin/row_history.html"


class HistoryAdmin(ShopAdmin):
    """Shows the changes that triggers keep, instead of Django's log, which knows only this admin's own forms."""

    object_history_template = TEMPLATE

    def changes_of(self, request: HttpRequest, pk: int) -> Any:
        """Return the changes of a row, the newest first."""
        raise NotImplementedError

    def revert_url(self, pk: int) -> str | None:
        """Return where a form posts the id of a change to revert; None if changes can't be reverted."""
        return None

    def history_view(self, request: HttpRequest, object_id: str, extra_context: object = None) -> HttpResponse:
        row = self.get_object(request, object_id)
        if row is None:
            return HttpResponseRedirect(self.list_url())
        if not self.has_view_permission(request, row):
            raise PermissionDenied
        changes = self.changes_of(request, row.pk).select_related("actor")
        page = self.paginator(changes, CHANGES_PER_PAGE).get_page(request.GET.get("p", 1))
        context = {
            **self.admin_site.each_context(request),
            "title": f"History of {row}",
            "opts": self.opts,
            "original": row,
            "page": page,
            "log_url": reverse("admin:ecommerce_loggedrequest_changelist") if is_unlimited_staff(request.user) else "",
            "revert_url": self.revert_url(row.pk) if self.has_change_permission(request, row) else None,
        }
        return TemplateResponse(request, TEMPLATE, context)
