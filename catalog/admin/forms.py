"""Forms that carry the version of the product they show, so that no later change is overwritten."""

from typing import Any

from django import forms
from django.http import QueryDict
from django.utils.html import format_html
from django.utils.safestring import SafeString

from catalog.actions import WRITABLE
from catalog.admin.categories import CategoryField
from catalog.admin.pictures import ImageField, shown_image
from catalog.models import Product
from core.admin.options import RefusableForm

LONGEST_QUOTE = 60
LOST_ROW = "Nothing was saved: a product of this list was deleted in the meantime."


class VersionStamp(forms.HiddenInput):
    """Shows the version, and sends it back in a hidden input."""

    is_hidden = False  # the admin omits the columns and labels of hidden fields

    def render(self, name: str, value: Any, attrs: Any = None, renderer: Any = None) -> SafeString:
        return format_html(
            '<span class="version-stamp">{}{}</span>', value, super().render(name, value, attrs, renderer)
        )


class VersionField(forms.IntegerField):
    widget = VersionStamp

    def has_changed(self, initial: object, data: object) -> bool:
        """Return False: a newer version of the product is not a change by the user of this form."""
        return False


class VersionedForm(RefusableForm):
    """Detects changes by comparing the input with the values shown, not with the current values of the row."""

    data: QueryDict
    version_read = VersionField(label="Version", help_text="Increases with every change, sales included.")

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
        """Refuse the changes if the product changed since it was shown, and show its current values."""
        if not self.changed_data or "version_read" not in self.cleaned_data:
            return
        if present is None:
            self.add_error(None, "Not saved: this product was deleted in the meantime.")
        elif self.cleaned_data["version_read"] != present.version:
            self.add_error(None, self._show_current(present))

    def _show_current(self, present: Product) -> str:
        """Put the values that others changed into the fields, and return a message that lists these changes."""
        self.data = self.data.copy()
        texts = [self._show_current_field(name, getattr(present, name)) for name in self._names()]
        self.data[self.add_prefix("version_read")] = str(present.version)
        changes = " ".join(filter(None, texts)) or "None of these fields changed."
        return (
            f"Not saved: the product changed after you opened it, through a sale or a colleague. {changes} "
            "The fields now show its current values and your other entries. Check them and save again."
        )

    def _show_current_field(self, name: str, value: object) -> str:
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

    category_id = CategoryField(label="Category", none="None")
    image_file = ImageField(label="Image", required=False, help_text="JPEG, PNG or WebP.")
    names_of_fields = {"image": "image_file"}

    class Meta:
        model = Product
        fields = WRITABLE

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.initial.setdefault("category_id", self.instance.category_id)
        self.initial["image_file"] = shown_image(self.instance)

    def clean(self) -> dict[str, object] | None:
        cleaned = super().clean()
        if self.instance.pk is not None:
            # Without a lock, to show the current values early. The action checks again under the lock.
            self.refuse_if_stale(self.instance)
        return cleaned


class ProductRowForm(VersionedForm):
    """A row of the product list."""

    class Meta:
        model = Product
        fields = ("price", "stock")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name in self.Meta.fields:  # a row has no visible labels
            self.fields[name].widget.attrs["aria-label"] = f"{self.fields[name].label} of {self.instance.name}"


class ProductRowsFormSet(forms.BaseModelFormSet):  # type: ignore[type-arg]  # not generic at runtime
    """The product list. Saves all changed rows, or none."""

    def add_fields(self, form: Any, index: int | None) -> None:
        """Add the id of the row. Django's field for it would read each submitted product once more."""
        form.fields["id"] = forms.IntegerField(required=False, initial=form.instance.pk, widget=forms.HiddenInput)

    def clean(self) -> None:
        """Lock the changed products and compare their versions. Locks in id order, as placing an order does."""
        if self.has_lost_rows:
            raise forms.ValidationError(LOST_ROW)
        changed: list[Any] = [form for form in self.forms if form.has_changed() and form.instance.pk]
        wanted = Product.objects.filter(pk__in=[form.instance.pk for form in changed])
        present = {product.pk: product for product in wanted.locked()}
        for form in changed:
            form.refuse_if_stale(present.get(form.instance.pk))
        super().clean()

    @property
    def has_lost_rows(self) -> bool:
        """Whether a row that was shown has been deleted."""
        return self.is_bound and any(form.instance.pk is None for form in self.forms)


def _same_text(one: str, other: str) -> bool:
    # Browsers send CRLF, but the row may contain LF.
    return one.splitlines() == other.splitlines()


def _quoted(text: str | None) -> str:
    if not text:
        return "empty"
    return text if len(text) <= LONGEST_QUOTE else f"{text[:LONGEST_QUOTE]}..."
