"""Renders inputs and options without a template: a list of 50 products has 300 inputs, and an option for each category.

Their templates would take half of the time of the page.
"""

from collections.abc import Iterable, Iterator, Mapping
from html import escape
from typing import Any

from django.forms.renderers import DjangoTemplates
from django.utils.html import conditional_escape

INPUTS = ("input", "text", "number", "hidden", "checkbox", "date")
PLAIN = frozenset(f"django/forms/widgets/{name}.html" for name in INPUTS)
SELECTS = frozenset(("django/forms/widgets/select.html", "unfold/widgets/select.html"))
UNFOLD = "unfold/widgets/text.html"
ICONS = ("prefix_icon", "suffix_icon")
SIDE = '<span class="absolute {side}-3 top-0 bottom-0 flex items-center justify-center">{text}</span>'


class PlainInputs(DjangoTemplates):
    """Django's renderer of forms. It writes inputs as the templates of Django and unfold do."""

    def render(self, template_name: str, context: Mapping[str, Any], request: object = None) -> str:
        widget = context.get("widget", {})
        if template_name in PLAIN:
            return _input(widget)
        if template_name == UNFOLD and not any(widget.get(icon) for icon in ICONS):
            sides = _side("left", widget.get("prefix")), _input(widget), _side("right", widget.get("suffix"))
            return f'<div class="max-w-2xl relative w-full">{"".join(sides)}</div>'
        if template_name in SELECTS:
            without_options: str = super().render(template_name, {"widget": {**widget, "optgroups": ()}})
            return without_options.replace("</select>", f"{''.join(_options(widget['optgroups']))}</select>", 1)
        rendered: str = super().render(template_name, context, request)  # type: ignore[arg-type]  # as its caller gave it
        return rendered


def _input(widget: Mapping[str, Any]) -> str:
    facts = {"type": widget["type"], "name": widget["name"]}
    if widget["value"] is not None:
        facts["value"] = widget["value"]
    return f"<input{''.join(_attributes(facts | widget['attrs']))}>"


def _options(groups: Iterable[tuple[Any, list[Mapping[str, Any]], int]]) -> Iterator[str]:
    for name, options, _ in groups:
        if name:
            yield f'<optgroup label="{_escaped(name)}">'
        for option in options:
            attributes = {"value": str(option["value"])} | option["attrs"]
            yield f"<option{''.join(_attributes(attributes))}>{_escaped(option['label'])}</option>"
        if name:
            yield "</optgroup>"


def _attributes(attrs: Mapping[str, Any]) -> Iterator[str]:
    for name, value in attrs.items():
        if value is True:
            yield f" {_escaped(name)}"
        elif value is not False:
            yield f' {_escaped(name)}="{_escaped(value)}"'


def _escaped(value: Any) -> str:
    return escape(value) if type(value) is str else conditional_escape(value)


def _side(side: str, text: Any) -> str:
    return SIDE.format(side=side, text=conditional_escape(text)) if text else ""
