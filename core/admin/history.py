"""The history of a row in the admin: each change with its origin, and the old and new values."""

from collections.abc import Iterable
from typing import Any, NamedTuple

from django.core.exceptions import PermissionDenied
from django.db.models import Model
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.text import capfirst

from core.admin.ids import id_in
from core.admin.options import ShopAdmin
from core.errors import NotFound
from core.permissions import is_unlimited_staff

CHANGES_PER_PAGE = 50
TEMPLATE = "admin/row_history.html"


class ShownField(NamedTuple):
    """A field of a change: its label, and the old and new texts; None if there is none."""

    label: str
    old: str | None
    new: str | None


class HistoryAdmin(ShopAdmin):
    """Shows the changes that triggers keep, instead of Django's log, which has only changes by forms of the admin."""

    object_history_template = TEMPLATE

    def changes_of(self, request: HttpRequest, pk: int) -> Any:
        """Return the changes of a row, the newest first."""
        raise NotImplementedError

    def revert_url(self, pk: int) -> str | None:
        """Return where a form posts the id of a change to revert; None if changes can't be reverted."""
        return None

    def page_url(self, pk: int, name: str) -> str:
        return reverse(f"admin:{self.opts.app_label}_{self.opts.model_name}_{name}", args=[pk])

    def history_view(self, request: HttpRequest, object_id: str, extra_context: object = None) -> HttpResponse:
        """Show the history of a row, also of a deleted one."""
        row = self.get_object(request, object_id)
        if not self.has_view_permission(request, row):
            raise PermissionDenied
        pk = id_in(object_id) if row is None else row.pk
        try:
            changes = self.changes_of(request, pk).select_related("actor")
        except NotFound:
            return HttpResponseRedirect(self.list_url())
        page = self.paginator(changes, CHANGES_PER_PAGE).get_page(request.GET.get("p", 1))
        deleted = f"{self.opts.verbose_name} {pk}, which was deleted"
        context = {
            **self.admin_site.each_context(request),
            "title": f"History of {deleted if row is None else row}",
            "opts": self.opts,
            "original": row,
            "page": page,
            "changes": with_shown_fields(self.model, page),
            "log_url": reverse("admin:ecommerce_loggedrequest_changelist") if is_unlimited_staff(request.user) else "",
            "revert_url": self.revert_url(pk) if row and self.has_change_permission(request, row) else None,
            "back_url": self.page_url(pk, "change") if row else self.list_url(),
        }
        return TemplateResponse(request, TEMPLATE, context)


def with_shown_fields(model: type[Model], changes: Iterable[Any]) -> list[tuple[Any, list[ShownField]]]:
    """Return each change with its fields as staff read them. One query for each relation among them."""
    found = list(changes)
    columns: dict[str, Any] = {field.attname: field for field in model._meta.concrete_fields}
    names = _names_of_related(columns, [field for change in found for field in change.fields])
    return [(change, [_shown(columns, names, field) for field in change.fields]) for change in found]


def _names_of_related(columns: dict[str, Any], fields: list[dict[str, Any]]) -> dict[tuple[str, str], str]:
    """Return the name of each related row by its column and id. A deleted row has none."""
    ids: dict[str, set[str]] = {}
    for field in fields:
        if (column := field["field"]) in columns and columns[column].is_relation:
            ids.setdefault(column, set()).update(filter(None, (field["old"], field["new"])))
    found = {column: columns[column].related_model._default_manager.in_bulk(ids[column]) for column in ids}
    return {(column, str(pk)): str(row) for column, rows in found.items() for pk, row in rows.items()}


def _shown(columns: dict[str, Any], names: dict[tuple[str, str], str], field: dict[str, Any]) -> ShownField:
    column = field["field"]
    label = columns[column].verbose_name if column in columns else column  # a column that the table no longer has
    old, new = (names.get((column, field[side]), field[side]) for side in ("old", "new"))
    return ShownField(capfirst(label), old, new)
