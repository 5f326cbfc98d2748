"""The base of the shop's admins: writes are actions, refusals are form errors and messages."""

from typing import Any

from django import forms
from django.contrib import messages
from django.contrib.admin import ShowFacets
from django.db import OperationalError, transaction
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from unfold.admin import ModelAdmin
from unfold.views import ChangeList

from ecommerce.databases import is_lock_timeout
from ecommerce.errors import DomainError, Unavailable


def as_refusal(error: DomainError | OperationalError) -> DomainError:
    """Return what staff are told; an error that is none of theirs is raised again."""
    if isinstance(error, DomainError):
        return error
    if is_lock_timeout(error):
        return Unavailable("Somebody else is changing this just now. Nothing was saved; try again.")
    raise error


class RefusableForm(forms.ModelForm):
    """A form that can be shown again with the refusal of the action it led to."""

    refusal: DomainError | None = None

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean()
        if self.refusal is not None:
            for name, text in (self.refusal.fields or {"": self.refusal.message}).items():
                self.add_error(name if name in self.fields else None, text)
        return cleaned

    def _post_clean(self) -> None:
        # Constraints are left to the action, whose refusal names the field.
        self.instance.validate_constraints = lambda exclude=None: None
        super()._post_clean()
        del self.instance.validate_constraints


class ShopList(ChangeList):
    def get_results(self, request: HttpRequest) -> None:
        super().get_results(request)
        if not (self.query or self.has_active_filters):
            self.full_result_count = self.result_count


class ShopAdmin(ModelAdmin):
    """Forms given by `form` must be RefusableForms."""

    show_full_result_count = False  # it would count the whole table a second time
    show_facets = ShowFacets.NEVER  # they count it once for each choice of each filter
    list_per_page = 50
    list_filter_submit = True
    warn_unsaved_form = True

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[ShopList]:
        return ShopList

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any) -> Any:
        form = super().get_form(request, obj, change=change, **kwargs)
        form.refusal = getattr(request, "refusal", None)
        return form

    def changeform_view(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        try:
            return super().changeform_view(request, *args, **kwargs)
        except (DomainError, OperationalError) as error:
            # Rolled back. The second pass shows what was typed, and the refusal.
            request.refusal = as_refusal(error)
            return super().changeform_view(request, *args, **kwargs)

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        if request.method != "POST":
            return super().changelist_view(request, extra_context)
        try:
            with transaction.atomic():
                return super().changelist_view(request, extra_context)
        except (DomainError, OperationalError) as error:
            messages.error(request, as_refusal(error).message)
            return HttpResponseRedirect(request.get_full_path())

    def delete_view(self, request: HttpRequest, object_id: str, *args: Any, **kwargs: Any) -> HttpResponse:
        try:
            return super().delete_view(request, object_id, *args, **kwargs)
        except (DomainError, OperationalError) as error:
            messages.error(request, as_refusal(error).message)
            return HttpResponseRedirect(self.list_url())

    def list_url(self) -> str:
        return reverse(f"admin:{self.opts.app_label}_{self.opts.model_name}_changelist")
