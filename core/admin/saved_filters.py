"""Filters of a list that staff save under a name. Each member of staff sees only their own."""

from django import forms
from django.contrib import messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect

from core.admin.ids import id_in
from core.models import SavedFilter
from core.permissions import signed_in

SAVE, FORGET = "_save_filter", "_forget_filter"  # the names of the buttons
MAX_PER_PAGE = 20
PAGE = "p"  # the number of the list's page, which is not part of a filter


class SavedFilterForm(forms.ModelForm):  # type: ignore[type-arg]  # not generic at runtime
    class Meta:
        model = SavedFilter
        fields = ("name", "query")


def saved_filters(request: HttpRequest, page: str) -> QuerySet[SavedFilter]:
    return SavedFilter.objects.filter(user=request.user.pk, page=page).order_by("name")


def changed_filters(request: HttpRequest, page: str) -> HttpResponse | None:
    """Save or forget a filter if one of the two buttons was pressed, and redirect to the list; else return None."""
    if request.method != "POST" or not {SAVE, FORGET}.intersection(request.POST):
        return None
    if SAVE in request.POST:
        _save(request, page)
    elif pk := request.POST[FORGET]:
        saved_filters(request, page).filter(pk=id_in(pk)).delete()
    return HttpResponseRedirect(request.get_full_path())


def _save(request: HttpRequest, page: str) -> None:
    """Save the list's query under the given name; a filter of the same name is replaced."""
    kept = request.GET.copy()
    kept.pop(PAGE, None)
    form = SavedFilterForm({"name": request.POST.get("name"), "query": kept.urlencode()})
    if not form.is_valid():
        messages.error(request, " ".join(str(error) for errors in form.errors.values() for error in errors))
        return
    name, query = form.cleaned_data["name"], form.cleaned_data["query"]
    if saved_filters(request, page).exclude(name=name).count() >= MAX_PER_PAGE:
        messages.error(request, f"You have {MAX_PER_PAGE} saved filters for this list. Forget one first.")
        return
    SavedFilter.objects.update_or_create(user=signed_in(request.user), page=page, name=name, defaults={"query": query})
    messages.success(request, f"The filter “{name}” is saved.")
