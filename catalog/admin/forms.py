"""Forms that carry the version a product was read at, so that nothing done since is overwritten."""

from typing import Any

from django import forms
from django.utils.html import format_html
from django.utils.safestring import SafeString

from catalog.actions import WRITABLE
from catalog.models import Product
from ecommerce.admin.options import RefusableForm

LONGEST_QUOTE = 60


class VersionStamp(forms.HiddenInput):
    """The version to read, and the version to send back."""

    is_hidden = False  # the admin leaves out the columns and labels of hidden fields

    def render(self, name: str, value: Any, attrs: Any = None, renderer: Any = None) -> SafeString:
        return format_html(
            '<span class="version-stamp">{}{}</span>', value, super().render(name, value, attrs, renderer)
        )


class VersionField(forms.IntegerField):
    widget = VersionStamp

    def has_changed(self, initial: Any, data: Any) -> bool:
        """Never: a version that moved on is no change by whoever fills in the form."""
        return False


class VersionedForm(RefusableForm):
    """Knows what staff changed, as against what they were shown, not as against what the row holds by now."""

    version_read = VersionField(label="Version", help_text="Goes up with every change, sales included.")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if self.instance.pk is None:
            del self.fields["version_read"]
            return
        self.initial["version_read"] = self.instance.version
        for name in self._names():
            self.fields[name].show_hidden_initial = True

    @property
    def changes(self) -> dict[str, Any]:
        return {name: self.cleaned_data[name] for name in self.changed_data if name in WRITABLE}

    def refuse_if_stale(self, present: Product | None) -> None:
        """Refuse changes of a product that is no more as it was shown, and show it as it is now."""
        if not self.changed_data or "version_read" not in self.cleaned_data:
            return
        if present is None:
            self.add_error(None, "Not saved: this product was deleted in the meantime.")
        elif self.cleaned_data["version_read"] != present.version:
            self.add_error(None, self._take_over(present))

    def _take_over(self, present: Product) -> str:
        """Put what others changed into the fields, and say what that is."""
        self.data = self.data.copy()
        news = [self._take_over_field(name, getattr(present, name)) for name in self._names()]
        self.data[self.add_prefix("version_read")] = str(present.version)
        told = " ".join(text for text in news if text) or "None of these fields did."
        return (
            f"Not saved: the product changed after you opened it, by a sale or a colleague. {told} "
            "The fields show how it stands now, with your other entries: check them and save again."
        )

    def _take_over_field(self, name: str, value: Any) -> str:
        shown = self.data.get(self.add_initial_prefix(name))
        now = "" if value is None else str(value)
        if _same_text(shown or "", now):
            return ""
        entered = self.data.get(self.add_prefix(name), "")
        self.data[self.add_prefix(name)] = self.data[self.add_initial_prefix(name)] = now
        mine = f"; you entered {_quoted(entered)}" if name in self.changed_data else ""
        return f"{self.fields[name].label} was {_quoted(shown)} and is {_quoted(now)} now{mine}."

    def _names(self) -> list[str]:
        return [name for name in self.fields if name in WRITABLE]


class ProductForm(VersionedForm):
    """The page of one product."""

    class Meta:
        model = Product
        fields = WRITABLE

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean()
        if self.instance.pk is not None:
            # Without a lock: the action looks again under one, and its refusal leads back here.
            self.refuse_if_stale(self.instance)
        return cleaned


class ProductRowForm(VersionedForm):
    """A row of the list."""

    class Meta:
        model = Product
        fields = ("price", "stock")


class ProductRowsFormSet(forms.BaseModelFormSet):
    """The list: all that was changed is saved, or nothing is."""

    def clean(self) -> None:
        """Lock the products that were changed, in id order as an order does, and compare their versions."""
        changed = [form for form in self.forms if form.has_changed() and form.instance.pk]
        wanted = Product.objects.filter(pk__in=[form.instance.pk for form in changed])
        present = {product.pk: product for product in wanted.locked()}
        for form in changed:
            form.refuse_if_stale(present.get(form.instance.pk))
        super().clean()

    @property
    def has_lost_rows(self) -> bool:
        """Whether a row that was shown is not there any more."""
        return self.is_bound and any(form.instance.pk is None for form in self.forms)


def _same_text(one: str, other: str) -> bool:
    # Browsers send CRLF where the row may hold LF.
    return one.splitlines() == other.splitlines()


def _quoted(text: str | None) -> str:
    if not text:
        return "empty"
    return text if len(text) <= LONGEST_QUOTE else f"{text[:LONGEST_QUOTE]}..."
