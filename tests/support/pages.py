"""The form fields that a browser would send if the user submits a page unchanged."""

from html.parser import HTMLParser
from typing import Any

from django.contrib import admin
from django.contrib.admin.views.main import ChangeList
from django.contrib.messages import get_messages
from django.db.models import Model
from django.http import HttpResponse
from django.test import RequestFactory

from accounts.models import User


class _Form(HTMLParser):
    """Collects the successful controls of one form (HTML standard, 4.10.21.4), without buttons."""

    def __init__(self, form_id: str) -> None:
        super().__init__()
        self.form_id = form_id
        self.fields: dict[str, Any] = {}
        self.is_open = False
        self.textarea: str | None = None

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        names = {name: value or "" for name, value in attributes}
        if tag == "form":
            self.is_open = names.get("id") == self.form_id
        if not self.is_open or not names.get("name"):
            return
        if tag == "textarea":
            self.textarea = names["name"]
            self.fields[self.textarea] = ""
        if tag == "input" and names.get("type") not in ("submit", "button", "file"):
            self._take_input(names)

    def _take_input(self, names: dict[str, str]) -> None:
        is_choice = names.get("type") in ("checkbox", "radio")
        if is_choice and "checked" not in names:
            return
        value = _crlf(names.get("value", "on" if is_choice else ""))
        known = self.fields.get(names["name"])
        before = [known] if isinstance(known, str) else known
        self.fields[names["name"]] = value if before is None else [*before, value]

    def handle_data(self, text: str) -> None:
        if self.textarea:
            self.fields[self.textarea] += text

    def handle_endtag(self, tag: str) -> None:
        if tag == "textarea" and self.textarea:
            # A browser ignores a line feed directly after the tag.
            self.fields[self.textarea] = _crlf(self.fields[self.textarea].removeprefix("\n"))
            self.textarea = None
        if tag == "form":
            self.is_open = False


def _crlf(text: str) -> str:
    """Return the text with line ends as forms send them (HTML standard, 4.10.21.8)."""
    return "\r\n".join(text.replace("\r\n", "\n").split("\n"))


def fields_of(response: HttpResponse, form_id: str) -> dict[str, Any]:
    """Return the fields of the form with this id; a field that is sent several times is a list."""
    form = _Form(form_id)
    form.feed(response.content.decode())
    return form.fields


def messages_of(response: HttpResponse) -> list[str]:
    """Return the messages to the user when this request ended; after a redirect, the next page shows them."""
    return [str(message) for message in get_messages(response.wsgi_request)]


def list_of(model: type[Model], staff: User, text: str) -> ChangeList:
    """Return what a list of the admin finds for a text, without the page: rendering it takes ten times as long."""
    request = RequestFactory().get("/", {"q": text})
    request.user = staff
    return admin.site.get_model_admin(model).get_changelist_instance(request)
