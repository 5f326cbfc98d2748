"""Writes objects, lists and values as XML, and reads them back.

An object is an element with a child element for each name. A list is an element with a child element for each item. If
the list's name ends with s, the item has the singular (`<items><item>...</item></items>`), else it is `item`.
null is `xsi:nil="true"`. Booleans, numbers and times have the same text as in JSON, and are read back as text. If a
name is not a valid XML name, the element is `<entry name="...">`. In a refusal, the text of each field is
`<error field="...">`.
"""

import re
from typing import Any
from xml.parsers import expat
from xml.sax.saxutils import escape, quoteattr

from core.errors import InvalidInput, TooComplex, UnsupportedMediaType

XSI = "http://www.w3.org/2001/XMLSchema-instance"
MAX_DEPTH = 32
MAX_ELEMENTS = 100_000  # enough for a batch of 10,000 rows; reading an element takes some microseconds
NIL = 'xsi:nil="true"'
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]*")
_NOT_IN_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
# XML parsers read a carriage return as a line feed unless it is escaped.
_RETURN = {"\r": "&#13;"}


# -- Writing ----------------------------------------------------------------------------------------------------
def write(name: str, value: object, namespace: str = "") -> bytes:
    """Return a document with the root `name`. Characters that XML 1.0 does not allow become U+FFFD."""
    content = _element(name, value)
    namespaces = f' xmlns="{namespace}"' if namespace else ""
    namespaces += f' xmlns:xsi="{XSI}"' if NIL in content else ""
    return f'<?xml version="1.0" encoding="utf-8"?>\n<{name}{namespaces}{content[len(name) + 1 :]}'.encode()


def item_name(list_name: str) -> str:
    """Return the element name of a list's items: `product` for `products`, `category` for `categories`."""
    if len(list_name) > 3 and list_name.endswith("ies"):
        return f"{list_name[:-3]}y"
    return list_name[:-1] if len(list_name) > 1 and list_name.endswith("s") else "item"


def _element(name: str, value: object, attribute: str = "") -> str:
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


def _entry(parent: str, key: object, value: object) -> str:
    name = str(key)
    if parent == "errors":
        return _element("error", value, f" field={_attribute(name)}")
    if _NAME.fullmatch(name):
        return _element(name, value)
    return _element("entry", value, f" name={_attribute(name)}")


def _text(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return escape(_NOT_IN_XML.sub("\ufffd", str(value)), _RETURN)


def _attribute(text: str) -> str:
    return quoteattr(_NOT_IN_XML.sub("\ufffd", text))


# -- Reading ----------------------------------------------------------------------------------------------------
def read_xml(content: bytes, encoding: str | None = None) -> object:
    """Return the value of a document; the name of its root is ignored. Raises InvalidInput, TooComplex.

    Raises UnsupportedMediaType if `encoding` is unknown.
    Document types are refused, so a document can't define entities that expand or are fetched from another place.
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
        where = f"at line {error.lineno} column {error.offset + 1}"
        raise InvalidInput(f"Invalid XML: {expat.ErrorString(error.code)} {where}") from error
    except (LookupError, ValueError) as error:
        if encoding:
            raise UnsupportedMediaType(f"charset {encoding} is not supported") from error
        raise InvalidInput("Invalid XML: unknown encoding") from error
    return reader.value


class _Element:
    def __init__(self, name: str, is_nil: bool) -> None:
        self.name, self.is_nil = name, is_nil
        self.item_name = item_name(name)
        self.fields: dict[str, Any] = {}
        self.items: list[Any] = []
        self.texts: list[str] = []

    def add(self, name: str, value: object) -> None:
        if name == self.item_name:
            self.items.append(value)
        elif name in self.fields:
            raise InvalidInput(f"Invalid XML: {name} occurs twice in {self.name}")
        else:
            self.fields[name] = value

    def check_text(self) -> None:
        if "".join(self.texts).strip():
            raise InvalidInput(f"Invalid XML: {self.name} holds both text and elements")
        self.texts.clear()

    @property
    def value(self) -> object:
        if self.is_nil:
            return None
        if self.items and not self.fields:
            return self.items
        if len(self.items) > 1:
            raise InvalidInput(f"Invalid XML: {self.item_name} occurs twice in {self.name}")
        if self.items:
            self.fields[self.item_name] = self.items[0]
        return self.fields or "".join(self.texts)


class _Reader:
    """Builds the value from expat's callbacks."""

    value: object = None

    def __init__(self) -> None:
        self._open: list[_Element] = []
        self._count = 0

    def doctype(self, *declared: object) -> None:
        raise InvalidInput("Invalid XML: document types are not allowed")

    def start(self, name: str, attributes: dict[str, str]) -> None:
        self._count += 1
        if self._count > MAX_ELEMENTS:
            raise TooComplex(f"elements max is {MAX_ELEMENTS}")
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
