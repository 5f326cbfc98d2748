"""The rows of the admin's lists, as unfold writes them, but what is the same in all rows is written once."""

from collections.abc import Callable, Iterator
from functools import lru_cache, reduce
from operator import add
from typing import Any, NamedTuple

from django.contrib.admin.templatetags.admin_urls import add_preserved_filters
from django.db.models import BooleanField
from django.template.loader import render_to_string
from django.utils.html import conditional_escape, format_html
from django.utils.safestring import SafeString
from unfold.templatetags.unfold_list import CHECKBOX_CLASSES, LINK_CLASSES, ROW_CLASSES
from unfold.utils import display_for_field, display_for_label, display_for_value

CHECKBOX = "action_checkbox"
START = '<{} class="{}" data-label="{}">'
ERRORS = "unfold/helpers/form_errors.html"


class ShownRow(NamedTuple):
    """The cells of a row, and the errors of its form that belong to none of them."""

    cells: SafeString
    errors: Any


class Column(NamedTuple):
    """A column: the HTML around each cell, also around a refused input, and a function that returns what a row has."""

    name: str
    start: SafeString
    start_of_refused: SafeString
    end: SafeString
    shown: Callable[[Any], Any]


def shown_rows(rows: Any) -> Iterator[ShownRow]:
    """Yield the rows of a list of the admin, a ShopList."""
    columns = [_column(rows, index, name) for index, name in enumerate(rows.list_display)]
    forms = rows.formset.forms if rows.formset else [None] * len(rows.result_list)
    for row, form in zip(rows.result_list, forms, strict=True):
        cells = reduce(add, (_cell(column, row, form) for column in columns))
        yield ShownRow(cells, form and form.non_field_errors())


def _column(rows: Any, index: int, name: str) -> Column:
    is_checkbox, is_link = name == CHECKBOX, name in rows.list_display_links
    classes = " ".join(CHECKBOX_CLASSES if is_checkbox else [f"field-{name}", *ROW_CLASSES])
    label = "Select record" if is_checkbox else rows.headers[index]["text"]
    shown, tag = _shown_by(rows, name), "th" if is_link else "td"
    start, refused = (format_html(START, tag, names, label) for names in (classes, f"{classes} group errors"))
    return Column(name, start, refused, format_html("</{}>", tag), _linked(rows, shown) if is_link else shown)


def _cell(column: Column, row: Any, form: Any) -> SafeString:
    if not form or column.name not in form.fields:
        return column.start + conditional_escape(column.shown(row)) + column.end
    field = form[column.name]
    if not field.errors:
        return column.start + conditional_escape(field) + column.end
    errors = render_to_string(ERRORS, {"errors": field.errors})
    return column.start_of_refused + conditional_escape(field) + errors + column.end


def _shown_by(rows: Any, name: str) -> Callable[[Any], Any]:
    """Return the function that shows a row's field, or what a method of the admin returns for the row."""
    empty = rows.model_admin.get_empty_value_display()
    field = next((field for field in rows.opts.fields if field.name == name), None)
    if isinstance(field, BooleanField):
        return lambda row: _icon(getattr(row, name), field)
    if field is not None:
        return lambda row: display_for_field(getattr(row, name), field, empty)
    method = getattr(rows.model_admin, name)
    empty, colours = getattr(method, "empty_value_display", empty), getattr(method, "label", None)
    if colours:
        return lambda row: _label(text := method(row), colours.get(text))
    return lambda row: display_for_value(method(row), empty)


@lru_cache(maxsize=128)
def _label(text: str, colour: str | None) -> SafeString:
    """Return a label. A list has few different ones."""
    return display_for_label(text, "", {text: colour})


@lru_cache(maxsize=16)
def _icon(value: bool | None, field: Any) -> str:
    return display_for_field(value, field, "")


def _linked(rows: Any, shown: Callable[[Any], Any]) -> Callable[[Any], SafeString]:
    """Return `shown` with a link to the page of its row, which leads back to this list with its filters."""
    start, end = _page_url(rows)
    classes, opener = " ".join(LINK_CLASSES), rows.to_field or rows.pk_attname

    def link(row: Any) -> SafeString:
        popup = format_html(' data-popup-opener="{}"', row.serializable_value(opener)) if rows.is_popup else ""
        return format_html('<a href="{}{}{}" class="{}" {}>{}</a>', start, row.pk, end, classes, popup, shown(row))

    return link


def _page_url(rows: Any) -> tuple[str, str]:
    """Return the URL of a row's page, before and after the id: for all rows, the URL is looked up once."""
    kept = {"preserved_filters": rows.preserved_filters, "opts": rows.opts}
    start, _, end = add_preserved_filters(kept, rows.url_for_result(rows.model(pk=0))).rpartition("/0/")
    return f"{start}/", f"/{end}"
