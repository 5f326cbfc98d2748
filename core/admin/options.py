"""The base of the shop's admins: actions do the writes, and refusals become form errors and messages."""

from collections.abc import Iterator, Mapping
from typing import Any, ClassVar, TypeVar

from django import forms
from django.contrib import messages
from django.contrib.admin import ShowFacets
from django.contrib.admin.utils import get_fields_from_path
from django.core.exceptions import FieldDoesNotExist
from django.db import OperationalError, transaction
from django.db.models import Model, QuerySet
from django.db.models.constants import LOOKUP_SEP
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from unfold.admin import ModelAdmin

from core.admin.paging import DeepPaginator, ShopList
from core.admin.saved_filters import changed_filters, saved_filters
from core.admin.searching import searched
from core.databases import is_lock_timeout
from core.errors import DomainError, InvalidInput, Unavailable

Row = TypeVar("Row", bound=Model)
Fieldsets = list[tuple[str | None, Any]]
ListFilter = type[Any] | tuple[str, type[Any]]  # as in `list_filter`


def as_refusal(error: DomainError | OperationalError) -> DomainError:
    """Return the refusal to show to staff. Raises the error again if it is not one."""
    if isinstance(error, DomainError):
        return error
    if is_lock_timeout(error):
        return Unavailable("Another change of this data is in progress. Nothing was saved. Try again.")
    raise error


class RefusableForm(forms.ModelForm):  # type: ignore[type-arg]  # not generic at runtime
    """A form that can be shown again with the refusal of its action."""

    refusal: DomainError | None = None
    names_of_fields: ClassVar[Mapping[str, str]] = {}  # by the name in a refusal, if it differs

    def clean(self) -> dict[str, object] | None:
        cleaned = super().clean()
        if self.refusal is not None:
            for name, text in (self.refusal.fields or {"": self.refusal.message}).items():
                name = self.names_of_fields.get(name, name)
                self.add_error(name if name in self.fields else None, text)
        return cleaned

    def full_clean(self) -> None:
        # Skip the constraints: the action checks them, and its refusal names the field.
        self.instance.validate_constraints = lambda exclude=None: None
        super().full_clean()
        del self.instance.validate_constraints


def parameters_of(list_filter: ListFilter, model: type[Model]) -> Iterator[str]:
    """Yield the names of the query parameters that a list's filter may use: equality, null and range."""
    if isinstance(list_filter, type):
        yield list_filter.parameter_name
        return
    path, _ = list_filter
    field: Any = get_fields_from_path(model, path)[-1]  # the stubs lack a relation's `target_field`
    yield f"{path}__{field.target_field.name}__exact" if field.is_relation else f"{path}__exact"
    yield from (f"{path}{suffix}" for suffix in ("__isnull", "_from", "_to"))


def _names_field(model: type[Model], name: str) -> bool:
    try:
        model._meta.get_field(name)  # relations of other models to this one are fields too
    except FieldDoesNotExist:
        return name == "pk"
    return True


class ShopAdmin(ModelAdmin):
    """The base class of all admins of the shop. The attribute `form`, if set, must be a RefusableForm."""

    paginator: type[Any] = DeepPaginator
    show_full_result_count = False  # if True, Django counts the whole table a second time
    show_facets = ShowFacets.NEVER  # if on, Django counts the table once for each choice of each filter
    list_per_page = 50
    list_filter_submit = True
    list_before_template = "admin/saved_filters.html"
    warn_unsaved_form = True

    def get_changelist(self, request: HttpRequest, **kwargs: object) -> type[ShopList]:
        return ShopList

    def note_if_empty(self) -> str:
        """Return the text of a list that has no rows, although it has no search and no filters."""
        return ""

    def get_object(self, request: HttpRequest, object_id: str, from_field: str | None = None) -> Any:
        return super().get_object(request, object_id, from_field or None)  # Django would look for a field named ""

    def lookup_allowed(self, lookup: str, value: str, request: HttpRequest | None = None) -> bool:
        """Whether a filter of this list uses the parameter, or the parameter names no field and so has no effect.

        Django allows lookups of every field: `?secret__startswith=a` would reveal a secret letter by letter.
        """
        filters = self.list_filter if request is None else self.get_list_filter(request)
        if any(lookup in parameters_of(each, self.model) for each in filters):
            return True
        return not _names_field(self.model, lookup.partition(LOOKUP_SEP)[0])

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Row], search_term: str
    ) -> tuple[QuerySet[Row], bool]:
        try:
            return searched(queryset, self.get_search_fields(request), search_term), False
        except InvalidInput as refusal:
            # No rows instead of all: an action on the whole list must not change rows that the search excludes.
            messages.error(request, refusal.message)
            return queryset.none(), False

    def get_form(
        self, request: HttpRequest, obj: Model | None = None, change: bool = False, **kwargs: object
    ) -> type[RefusableForm]:
        form: type[RefusableForm] = super().get_form(request, obj, change=change, **kwargs)
        form.refusal = getattr(request, "refusal", None)
        return form

    def changeform_view(self, request: HttpRequest, *args: object, **kwargs: object) -> HttpResponse:
        try:
            return super().changeform_view(request, *args, **kwargs)
        except (DomainError, OperationalError) as error:
            # The transaction is rolled back. The second call shows the submitted values and the refusal.
            request.refusal = as_refusal(error)  # type: ignore[attr-defined]  # for `get_form` to read
            return super().changeform_view(request, *args, **kwargs)

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, object] | None = None) -> HttpResponse:
        page = self.opts.label_lower
        if self.has_view_or_change_permission(request) and (response := changed_filters(request, page)):
            return response
        extra_context = {**(extra_context or {}), "saved_filters": saved_filters(request, page)}
        if request.method != "POST":
            return super().changelist_view(request, extra_context)
        try:
            with transaction.atomic():
                return super().changelist_view(request, extra_context)
        except (DomainError, OperationalError) as error:
            messages.error(request, as_refusal(error).message)
            return HttpResponseRedirect(request.get_full_path())

    def delete_view(self, request: HttpRequest, object_id: str, *args: object, **kwargs: object) -> HttpResponse:
        try:
            return super().delete_view(request, object_id, *args, **kwargs)
        except (DomainError, OperationalError) as error:
            messages.error(request, as_refusal(error).message)
            return HttpResponseRedirect(self.list_url())

    def list_url(self) -> str:
        return reverse(f"admin:{self.opts.app_label}_{self.opts.model_name}_changelist")
