"""XML: what is written is read back as the same, and what is hostile is refused."""

import time
from typing import Any
from xml.etree import ElementTree

import pytest

from core.errors import InvalidInput, UnsupportedMediaType
from core.protocols.rest import markup

XSI = 'xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"'
DECLARATION = '<?xml version="1.0" encoding="utf-8"?>\n'


@pytest.mark.parametrize(
    ("value", "written"),
    [
        ({"name": "Tea"}, "<name>Tea</name>"),
        ({"price": 19.99, "stock": 3}, "<price>19.99</price><stock>3</stock>"),
        ({"yes": True, "no": False}, "<yes>true</yes><no>false</no>"),
        ({"text": ""}, "<text/>"),
        ({"items": [{"id": 1}, {"id": 2}]}, "<items><item><id>1</id></item><item><id>2</id></item></items>"),
        ({"products": []}, "<products/>"),
        ({"kin": [1]}, "<kin><item>1</item></kin>"),
        ({"_links": {"self": "http://a/?b=1&c"}}, "<_links><self>http://a/?b=1&amp;c</self></_links>"),
        ({"left": {"7": 2}}, '<left><entry name="7">2</entry></left>'),
        ({"errors": {"items[0].a": "<b>"}}, '<errors><error field="items[0].a">&lt;b&gt;</error></errors>'),
        ({"errors": {'"\n': "x"}}, "<errors><error field='\"&#10;'>x</error></errors>"),
        ({"text": "a\x00\x1b\ufffe\ud800b"}, "<text>a\ufffd\ufffd\ufffd\ufffdb</text>"),
        ({"text": "a\r\n\tb"}, "<text>a&#13;\n\tb</text>"),
    ],
)
def test_values_are_written_as_a_reader_of_xml_expects(value, written):
    assert markup.write("root", value).decode() == f"{DECLARATION}<root>{written}</root>"


def test_null_is_nil_and_declares_what_it_takes():
    document = markup.write("product", {"sku": None}, "urn:x").decode()

    assert document == f'{DECLARATION}<product xmlns="urn:x" {XSI}><sku xsi:nil="true"/></product>'


@pytest.mark.parametrize(
    "value",
    [
        {"name": "Tea", "sku": None, "description": ""},
        {"name": " <a> & ]]> \"'\r\n\t\u00e9\U0001f375 "},
        {"price": {"amount": "19.99", "currency": "USD"}},
        {"items": [{"product_id": "1", "quantity": "2"}], "user_id": None},
        {"products": [{"name": "A"}], "product": "B"},
    ],
)
def test_what_is_written_is_read_back_and_so_by_others(value):
    document = markup.write("root", value)

    assert ElementTree.fromstring(document).tag == "root"
    if "product" not in value:
        assert markup.read_xml(document) == value


@pytest.mark.parametrize(
    ("document", "value"),
    [
        ("<a/>", {}),
        ("<a>  </a>", "  "),
        ("<products><product/></products>", [""]),
        ("<b><items>\n <item>1</item>\n <item>2</item>\n</items></b>", {"items": ["1", "2"]}),
        ("<b><items><item>1</item><n>2</n></items></b>", {"items": {"item": "1", "n": "2"}}),
        ("<b><a><![CDATA[<x> & y]]></a><!-- c --><?p i?></b>", {"a": "<x> & y"}),
        ('<x:b xmlns:x="urn:x"><x:a>1</x:a></x:b>', {"a": "1"}),
        (f'<b {XSI}><a xsi:nil="1"/><c xsi:nil="false">2</c></b>', {"a": None, "c": "2"}),
        ('<b><a id="7" b="c">1</a></b>', {"a": "1"}),
        ("<b><a>&#233;&lt;&amp;</a></b>", {"a": "é<&"}),
    ],
)
def test_document_is_read(document, value):
    assert markup.read_xml(document.encode()) == value


@pytest.mark.parametrize(
    ("content", "encoding"),
    [
        ('<?xml version="1.0" encoding="iso-8859-1"?><b><a>é</a></b>'.encode("latin-1"), None),
        ("<b><a>é</a></b>".encode("utf-16"), None),
        ("<b><a>é</a></b>".encode("latin-1"), "iso-8859-1"),
        ("<b><a>é</a></b>".encode(), "utf-8"),
    ],
)
def test_encodings_are_read(content, encoding):
    assert markup.read_xml(content, encoding) == {"a": "é"}


BOMB = "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10 if n else "lol"}">' for n in range(10))


@pytest.mark.parametrize(
    ("document", "message"),
    [
        ("", "no element found at line 1 column 1"),
        ("{}", "not well-formed (invalid token) at line 1 column 1"),
        ("<a><b></a>", "mismatched tag at line 1 column 9"),
        ("<a/><b/>", "junk after document element at line 1 column 5"),
        ("<a>&nope;</a>", "undefined entity at line 1 column 4"),
        ("<a>\x01</a>", "not well-formed (invalid token) at line 1 column 4"),
        ("<a>&#1;</a>", "reference to invalid character number at line 1 column 4"),
        ("<x:a/>", "unbound prefix at line 1 column 1"),
        ("<a>text<b/></a>", "a holds both text and elements"),
        ("<a><b/>text</a>", "a holds both text and elements"),
        ("<a><b>1</b><b>2</b></a>", "b occurs twice in a"),
        ("<items><item/><item/><id/></items>", "item occurs twice in items"),
        ("<a>" * 33, "nested too deep"),
        ("<a>" * 1_000_000, "nested too deep"),
        ("<!DOCTYPE a><a/>", "document types are not allowed"),
        (f"<!DOCTYPE a [{BOMB}]><a>&l9;</a>", "document types are not allowed"),
        ('<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]><a>&x;</a>', "document types are not allowed"),
        ('<!DOCTYPE a SYSTEM "http://evil.example/a.dtd"><a/>', "document types are not allowed"),
        ('<?xml version="1.0" encoding="x-none"?><a/>', "unknown encoding"),
    ],
)
def test_document_that_can_not_be_or_is_hostile_is_refused_at_once(document, message):
    start = time.monotonic()

    with pytest.raises(InvalidInput) as refusal:
        markup.read_xml(document.encode())

    assert refusal.value.message.startswith(f"Invalid XML: {message}")
    assert time.monotonic() - start < 5


@pytest.mark.parametrize("encoding", ["x-none", "shift_jis", "utf-7"])
def test_encoding_that_is_not_read_is_refused(encoding):
    with pytest.raises(UnsupportedMediaType, match=f"charset {encoding} is not supported"):
        markup.read_xml(b"<a>\x81\x40</a>", encoding)
    with pytest.raises(InvalidInput, match="Invalid XML: unknown encoding"):
        markup.read_xml(f'<?xml version="1.0" encoding="{encoding}"?><a/>'.encode())


def test_bytes_that_are_no_text_are_refused():
    content: Any = b"<a>\xff\xfe\xfa</a>"

    with pytest.raises(InvalidInput, match="not well-formed"):
        markup.read_xml(content)
