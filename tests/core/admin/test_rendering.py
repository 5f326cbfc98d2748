"""Inputs and options are written without a template, and as their template writes them."""

import re
from copy import deepcopy
from typing import Any

import pytest
from django import forms
from django.forms.renderers import DjangoTemplates, get_default_renderer
from django.utils.safestring import mark_safe
from unfold.widgets import (
    UnfoldAdminSelectWidget,
    UnfoldAdminSingleDateWidget,
    UnfoldAdminTextInputWidget,
    UnfoldBooleanWidget,
)

from core.admin.display import MoneyInput
from core.admin.rendering import PlainInputs

ATTRS = {"id": "a&b", "required": True, "disabled": False, "data-n": 3, "title": mark_safe("&lt;"), "class": 'x "y"'}
GROUP = [(True, mark_safe("&amp;")), (1234567, "x")]
CHOICES = [("", "---"), ("12.50", '<b>"&'), (0, "Zero"), ("A & B", GROUP), (None, "")]
WIDGETS: dict[str, forms.Widget] = {
    "hidden": forms.HiddenInput(),
    "number": forms.NumberInput(),
    "text": forms.TextInput(),
    "unfold": UnfoldAdminTextInputWidget(),
    "prefix and suffix": UnfoldAdminTextInputWidget({"prefix": "<", "suffix": "%"}),
    "icon": UnfoldAdminTextInputWidget({"prefix_icon": "search"}),
    "money": MoneyInput(),
    "checkbox": UnfoldBooleanWidget(),
    "date": UnfoldAdminSingleDateWidget(),
    "select": UnfoldAdminSelectWidget(choices=CHOICES),
    "plain select": forms.Select(choices=CHOICES),
    "another template": forms.Textarea(),
}


def parts(html: str) -> list[str]:
    """Split HTML into tags and texts, so that spaces between them do not count."""
    return [part.strip() for part in re.split(r"(<[^>]*>)", html) if part.strip()]


@pytest.mark.parametrize("value", [None, "", "12.50", "<script>\"'&", 0, 1234567, True, False])
@pytest.mark.parametrize("widget", WIDGETS.values(), ids=WIDGETS)
def test_input_is_as_its_template_has_it(widget: Any, value: object) -> None:
    templates, plain = (
        parts(deepcopy(widget).render("na<me", value, ATTRS, renderer))  # rendered once, as by a form
        for renderer in (DjangoTemplates(), PlainInputs())
    )

    assert plain == templates
    assert any("<script>" in part for part in plain) is False


def test_forms_of_the_shop_use_it() -> None:
    assert type(get_default_renderer()) is PlainInputs
