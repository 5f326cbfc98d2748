"""XML for what JSON writes as objects, lists and values; read back, it gives the same.

An object is an element with an element for each name. A list is an element that holds an element of its name without
the last letter for each item: `<items><item>...</item></items>`. null is `xsi:nil="true"`, true and false are words,
numbers and moments are the text that JSON has. A name that XML can't hold is `<entry name="...">`, and in a refusal
the texts by field are `<error field="...">`.
"""

import re
from typing import Any
from xml.parsers import expat
from xml.sax.saxutils import escape, quoteattr

from ecommerce.errors import InvalidInput

XSI = "http://www.w3.org/2001/XMLSchema-instance"
MAX_DEPTH = 32
NIL = 'xsi:nil="true"'
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]*")
_UNSPEAKABLE = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
# A reader takes a carriage return that is not written so for a line feed.
_RETURN = {"\r": "&#13;"}


# -- Writing ----------------------------------------------------------------------------------------------------
def write(name: str, value: Any, namespace: str = "") -> bytes:
    """Return a document with the root `name`. Characters that XML 1.0 has not become U+FFFD."""
    content = _element(name, value)
    spaces = f' xmlns="{namespace}"' if namespace else ""
    spaces += f' xmlns:xsi="{XSI}"' if NIL in content else ""
    return f'<?xml version="1.0" encoding="utf-8"?>\n<{name}{spaces}{content[len(name) + 1 :]}'.encode()


def item_name(list_name: str) -> str:
    """Return what an item of a list is called: `products` has `product`."""
    return list_name[:-1] if len(list_name) > 1 and list_name.endswith("s") else "item"


def _element(name: str, value: Any, attribute: str = "") -> str:
    tag = f"{name}{attribute}"
    if value is None:
        return f"<{tag} {NIL}/>"
    if isinstance(value, dict):
        content = "".join(_entry(name, key, inner) for key, inner in value.items())
    elif isinstance(value, list | tuple):
        content = "".join(_element(item_name(name), inner) for inner in value)
    else:
        content = _text(value)
    return f"<{tag}>{content}</{name}>" if content else f"<{tag}/>"


def _entry(parent: str, key: Any, value: Any) -> str:
    key = str(key)
    if parent == "errors":
        return _element("error", value, f" field={_attribute(key)}")
    if _NAME.fullmatch(key):
        return _element(key, value)
    return _element("entry", value, f" name={_attribute(key)}")


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return escape(_UNSPEAKABLE.sub("\ufffd", str(value)), _RETURN)


def _attribute(text: str) -> str:
    return quoteattr(_UNSPEAKABLE.sub("\ufffd", text))


# -- Reading ----------------------------------------------------------------------------------------------------
def read(content: bytes, encoding: str | None = None) -> Any:
    """Read a document; its root's name says nothing. Raises InvalidInput.

    A document type is refused, and with it every entity of its own: none can grow, or be fetched from elsewhere.
    """
    reader = _Reader()
    try:
        parser = expat.ParserCreate(encoding, namespace_separator=" ")
        parser.buffer_text = True
        parser.StartDoctypeDeclHandler = reader.doctype
        parser.StartElementHandler, parser.EndElementHandler = reader.start, reader.end
        parser.CharacterDataHandler = reader.text
        parser.Parse(content, True)
    except expat.ExpatError as error:
        place = f"at line {error.lineno} column {error.offset + 1}"
        raise InvalidInput(f"Invalid XML: {expat.ErrorString(error.code)} {place}") from error
    except (LookupError, ValueError) as error:
        raise InvalidInput("Invalid XML: unknown encoding") from error
    return reader.value


class _Element:
    def __init__(self, name: str, is_nil: bool) -> None:
        self.name, self.is_nil = name, is_nil
        self.item_name = item_name(name)
        self.fields: dict[str, Any] = {}
        self.items: list[Any] = []
        self.texts: list[str] = []

    def add(self, name: str, value: Any) -> None:
        if name == self.item_name:
            self.items.append(value)
        elif name in self.fields:
            raise InvalidInput(f"Invalid XML: {name} stands twice in {self.name}")
        else:
            self.fields[name] = value

    def check_text(self) -> None:
        if "".join(self.texts).strip():
            raise InvalidInput(f"Invalid XML: {self.name} holds both text and elements")
        self.texts.clear()

    @property
    def value(self) -> Any:
        if self.is_nil:
            return None
        if self.items and not self.fields:
            return self.items
        if len(self.items) > 1:
            raise InvalidInput(f"Invalid XML: {self.item_name} stands twice in {self.name}")
        if self.items:
            self.fields[self.item_name] = self.items[0]
        return self.fields or "".join(self.texts)


class _Reader:
    """Makes the value while expat reads."""

    value: Any = None

    def __init__(self) -> None:
        self._open: list[_Element] = []

    def doctype(self, *declared: Any) -> None:
        raise InvalidInput("Invalid XML: a document type is not read")

    def start(self, name: str, attributes: dict[str, str]) -> None:
        if len(self._open) >= MAX_DEPTH:
            raise InvalidInput("Invalid XML: nested too deep")
        if self._open:
            self._open[-1].check_text()
        is_nil = attributes.get(f"{XSI} nil", "").strip() in ("true", "1")
        self._open.append(_Element(name.rpartition(" ")[2], is_nil))

    def text(self, text: str) -> None:
        self._open[-1].texts.append(text)

    def end(self, name: str) -> None:
        element = self._open.pop()
        if element.fields or element.items:
            element.check_text()
        if self._open:
            self._open[-1].add(element.name, element.value)
        else:
            self.value = {} if element.value == "" else element.value
