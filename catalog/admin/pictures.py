"""The image of a product in the admin: its input with a preview, and its place in the list."""

from typing import Any, NamedTuple

from django import forms
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from unfold.widgets import UnfoldAdminImageFieldWidget

from catalog.models import THUMBNAILS, Product


class ShownImage(NamedTuple):
    """The current image, with the attribute that the file widget reads."""

    url: str

    def __str__(self) -> str:
        return self.url


def shown_image(product: Product) -> ShownImage | None:
    # Not at MEDIA_URL, which may be of another origin: the Content-Security-Policy of the admin allows only its own.
    return ShownImage(reverse("media", args=[THUMBNAILS + product.image])) if product.image else None


def picture(product: Product) -> SafeString | None:
    image = shown_image(product)
    # Empty alternative text: the name of the product is beside the image.
    return image and format_html('<img class="product-picture" src="{}" alt="" loading="lazy">', image.url)


class ImageInput(UnfoldAdminImageFieldWidget):
    clear_checkbox_label = "Remove"

    def __init__(self, attrs: dict[str, Any] | None = None) -> None:
        super().__init__({"accept": "image/*", **(attrs or {})})  # the template shows a preview for this value only


class ImageField(forms.FileField):
    """A file; the action checks that it is an image. Its value is False if the user removes the current image."""

    widget = ImageInput
