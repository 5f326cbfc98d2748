"""importretail: the encoding, separator, quotes, dates and decimal mark of a file, which no run guesses silently."""

import csv
import gzip
import io
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from orders.models import Order, OrderItem
from samples.retail.refusals import Reason
from tests.samples.retail import (
    HEADERS,
    SIBLING_HEADERS,
    everything,
    figures,
    forms,
    import_file,
    refused_path,
    refused_rows,
    row,
    write_file,
)

pytestmark = pytest.mark.django_db


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "retail.csv"


def text_of(*rows: list[str], headers: list[str] = HEADERS, **form: str) -> str:
    text = io.StringIO(newline="")
    csv.writer(text, **form).writerows([headers, *rows])
    return text.getvalue()


def names() -> list[str]:
    return list(OrderItem.objects.order_by("id").values_list("name", flat=True))


def moments() -> list[datetime]:
    return list(Order.objects.order_by("number").values_list("created_at", flat=True))


# -- Encodings --------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("packed", [False, True], ids=["plain", "gz"])
@pytest.mark.parametrize(
    ("encoding", "mark", "shown"),
    [
        ("utf-8", b"", "utf-8"),
        ("utf-8", b"\xef\xbb\xbf", "utf-8 (byte order mark)"),
        ("utf-16-le", b"\xff\xfe", "utf-16-le (byte order mark)"),
        ("utf-16-be", b"\xfe\xff", "utf-16-be (byte order mark)"),
        ("cp1252", b"", "windows-1252 (non-ASCII lines that are not UTF-8: 1, that are UTF-8: 0)"),
    ],
)
def test_an_encoding_is_found_and_printed(path: Path, encoding: str, mark: bytes, shown: str, packed: bool) -> None:
    content = mark + text_of(*[row() for _ in range(900)], row(name="£5 CAFÉ “BALL”")).encode(encoding)
    path.write_bytes(gzip.compress(content) if packed else content)

    printed = import_file(path)

    assert forms(printed)["Encoding"] == shown
    assert names() == ["GLASS BALL"] * 900 + ["£5 CAFÉ “BALL”"]


@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"], ids=["no mark", "a mark"])
@pytest.mark.parametrize("stray", [b"\xff", b"\xe9", b"\xc3"])
def test_a_stray_byte_in_utf_8_refuses_its_row_alone(path: Path, mark: bytes, stray: bytes) -> None:
    content = text_of(row(name="CAFÉ"), row(name="B@LL"), row(name="£5 BALL")).encode().replace(b"@", stray)
    path.write_bytes(mark + content)

    printed = import_file(path)

    assert refused_rows(path) == [(3, Reason.ENCODING)]
    assert names() == ["CAFÉ", "£5 BALL"]
    assert f"B\\x{stray.hex()}LL" in refused_path(path).read_text(encoding="utf-8")
    assert forms(printed)["Encoding"].startswith("utf-8 (")


def test_a_byte_that_is_rare_in_windows_1252_is_a_stray_one_in_ascii_too(path: Path) -> None:
    path.write_bytes(text_of(row(), row(country="Fr@nce"), row()).encode().replace(b"@", b"\xff"))

    printed = import_file(path)

    assert refused_rows(path) == [(3, Reason.ENCODING)]
    assert forms(printed)["Encoding"] == "utf-8 (lines that are not: 1; choose another with --encoding)"


def test_a_line_of_utf_8_in_windows_1252_is_refused_and_not_garbled(path: Path) -> None:
    content = text_of(row(name="CAFÉ"), row(name="@"), row(name="£5")).encode("cp1252")
    path.write_bytes(content.replace(b"@", "NAÏVE".encode()))

    import_file(path)

    assert refused_rows(path) == [(3, Reason.ENCODING)]
    assert names() == ["CAFÉ", "£5"]


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be"])
@pytest.mark.parametrize("change", ["lost", "added"])
def test_a_byte_lost_or_added_in_utf_16_refuses_its_row_alone(path: Path, encoding: str, change: str) -> None:
    text = text_of(row(), row(name="B@LL"), row(name="£5 BALL"), row())
    whole = "@".encode(encoding)
    content = text.encode(encoding).replace(whole, b"\x41" if change == "lost" else whole + b"\x41")
    path.write_bytes("\ufeff".encode(encoding) + content)

    import_file(path)

    assert refused_rows(path) == [(3, Reason.ENCODING)]
    assert names() == ["GLASS BALL", "£5 BALL", "GLASS BALL"]


@pytest.mark.parametrize(
    ("option", "name"), [("windows-1252", "CAFÃ‰"), ("cp1252", "CAFÃ‰"), ("utf-8", "CAFÉ"), ("UTF8", "CAFÉ")]
)
def test_an_option_decides_the_encoding(path: Path, option: str, name: str) -> None:
    path.write_bytes(text_of(row(name="CAFÉ")).encode())

    printed = io.StringIO()
    call_command("importretail", str(path), f"--refused={refused_path(path)}", f"--encoding={option}", stdout=printed)

    assert names() == [name]
    assert forms(printed.getvalue())["Encoding"].endswith(" (--encoding)")


def test_utf_16_without_a_mark_needs_the_option(path: Path) -> None:
    path.write_bytes(text_of(row(name="CAFÉ")).encode("utf-16-be"))

    with pytest.raises(CommandError, match="choose --encoding utf-16-le or utf-16-be"):
        import_file(path)
    import_file(path, encoding="utf-16-be")

    assert names() == ["CAFÉ"]


# -- Separators and line ends -----------------------------------------------------------------------------------
@pytest.mark.parametrize(("name", "char"), [("comma", ","), ("semicolon", ";"), ("tab", "\t"), ("pipe", "|")])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"], ids=["LF", "CRLF", "CR"])
def test_the_headers_name_the_separator_whatever_ends_the_lines(path: Path, name: str, char: str, end: str) -> None:
    rows = row(name="A, B; C\tD|E"), row(code="POST"), row(name="BALL")
    path.write_bytes(text_of(*rows, delimiter=char, lineterminator=end).encode())

    printed = import_file(path)

    assert names() == ["A, B; C\tD|E", "BALL"]
    assert refused_rows(path) == [(3, Reason.POSTAGE)]
    assert forms(printed)["Separator"] == name


@pytest.mark.parametrize("option", ["semicolon", ";"])
def test_an_option_decides_the_separator(path: Path, option: str) -> None:
    path.write_bytes(text_of(row(), delimiter=";").encode())

    printed = import_file(path, delimiter=option)

    assert forms(printed)["Separator"] == "semicolon (--delimiter)"
    with pytest.raises(CommandError, match="its first line does not name Invoice or InvoiceNo"):
        import_file(path, delimiter="comma")
    assert OrderItem.objects.count() == 1


# -- Quotes -----------------------------------------------------------------------------------------------------
def broken(place: int, old: str, new: str, count: int = 5) -> bytes:
    """Return a file of rows on lines 2, 3 and so on, with a change in the row at that place."""
    lines = text_of(*[row(name=f"BALL, {number}") for number in range(count)]).splitlines(keepends=True)
    assert old in lines[place + 1]
    lines[place + 1] = lines[place + 1].replace(old, new, 1)
    return "".join(lines).encode()


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        ('"BALL, 1"', '"BALL 1', Reason.UNCLOSED_QUOTE),
        ("France", '"France', Reason.UNCLOSED_QUOTE),
        ("489434", '"489434', Reason.MISPLACED_QUOTE),
        ('"BALL, 1"', '"BALL" 1', Reason.MISPLACED_QUOTE),
        ('"BALL, 1"', "BALL, 1", Reason.COLUMNS),
        ("France", "x" * 100_000, Reason.LONG_ROW),
        ("France", '"' + "x" * 140_000 + '"', Reason.LONG_ROW),
    ],
)
def test_a_fault_of_one_row_leaves_the_others_whole(path: Path, old: str, new: str, reason: Reason) -> None:
    path.write_bytes(broken(1, old, new))

    printed = figures(import_file(path))

    assert refused_rows(path) == [(3, reason)]
    assert names() == ["BALL, 0", "BALL, 2", "BALL, 3", "BALL, 4"]
    assert (printed["Rows read"], printed["sale lines"], printed["refused"]) == (5, 4, 1)


def test_an_unclosed_quote_that_a_later_row_closes_swallows_no_row(path: Path) -> None:
    lines = text_of(*[row(name=f"BALL {number}") for number in range(1_000)]).splitlines(keepends=True)
    lines[1] = lines[1].replace("BALL", '"BALL')
    lines[900] = lines[900].replace("BALL 899", '12" BALL, 7"')  # the quote before the comma would end the field
    path.write_bytes("".join(lines).encode())

    printed = figures(import_file(path))

    assert refused_rows(path) == [(2, Reason.UNCLOSED_QUOTE), (901, Reason.COLUMNS)]
    assert names() == [f"BALL {number}" for number in range(1_000) if number not in (0, 899)]
    assert (printed["Rows read"], printed["sale lines"], printed["refused"]) == (1_000, 998, 2)


def test_two_rows_whose_quotes_would_make_one_row_of_them_are_told_apart(path: Path) -> None:
    lines = text_of(row(name="BALL"), row(name='7"')).replace('"7"""', '7"').splitlines(keepends=True)
    lines[1] = lines[1].replace("BALL", '"BALL')
    path.write_bytes("".join(lines).encode())

    import_file(path)

    assert refused_rows(path) == [(2, Reason.UNCLOSED_QUOTE)]
    assert names() == ['7"']


def test_fields_over_lines_and_doubled_quotes_still_load(path: Path) -> None:
    write_file(path, [row(name='12" BALL\r\n\r\n1, 2'), row(name="A\nB", country="X\nY"), row()])

    import_file(path)

    assert names() == ['12" BALL\r\n\r\n1, 2', "A\nB", "GLASS BALL"]


def test_a_quote_open_at_the_end_of_the_file_is_refused_line_by_line(path: Path) -> None:
    path.write_bytes(text_of(row(), row()).encode() + b'489434,85048,"BALL\nof glass\n')

    printed = figures(import_file(path))

    assert refused_rows(path) == [(4, Reason.UNCLOSED_QUOTE), (5, Reason.COLUMNS)]
    assert (printed["Rows read"], printed["sale lines"], printed["refused"]) == (4, 2, 2)


# -- Dates ------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("headers", "dates", "expected", "shown"),
    [
        (HEADERS, ["2010-12-01 08:26:00", "2010-12-02 08:26:00"], (12, 1), "iso"),
        (
            HEADERS,
            ["01/12/2010 8:26", "13/12/2010 8:26"],
            (12, 1),
            'day-first ("13/12/2010 8:26" has no other meaning)',
        ),
        (
            HEADERS,
            ["01.12.2010 8:26", "13.12.2010 8:26"],
            (12, 1),
            'day-first ("13.12.2010 8:26" has no other meaning)',
        ),
        (HEADERS, ["12-01-10 08:26", "12-13-10 08:26"], (12, 1), 'month-first ("12-13-10 08:26" has no other meaning)'),
        (SIBLING_HEADERS, ["12/1/10 8:26", "12/2/10 8:26"], (12, 1), "month-first (the known form of files with"),
        (
            SIBLING_HEADERS,
            ["1/12/10 8:26", "13/12/10 8:26"],
            (12, 1),
            'day-first ("13/12/10 8:26" has no other meaning)',
        ),
        (HEADERS, ["12/12/10 8:26", "2010-12-13 08:26:00"], (12, 12), "iso"),  # one meaning, whichever comes first
        (HEADERS, ["1/12/10 8:26", "2010-12-13 08:26:00", "13/12/10 8:26"], (12, 1), "iso and day-first"),
    ],
)
def test_dates_that_have_one_meaning_decide_the_form(
    path: Path, headers: list[str], dates: list[str], expected: tuple[int, int], shown: str
) -> None:
    write_file(path, [row(number, at=at) for number, at in enumerate(dates, 1)], headers)

    printed = import_file(path)

    assert moments()[0] == datetime(2010, *expected, 8, 26, tzinfo=UTC)
    assert len(moments()) == len(dates)
    assert forms(printed)["Dates"].startswith(shown)


@pytest.mark.parametrize(
    ("headers", "dates", "why"),
    [
        (HEADERS, ["1/2/10 8:26", "3/4/10 8:26"], '"1/2/10 8:26", fit day-first and month-first alike'),
        (HEADERS, ["1/2/10 8:26", "2010-01-13 08:26:00"], '"1/2/10 8:26", fit day-first and month-first alike'),
        (HEADERS, ["13/2/10 8:26", "2/14/10 8:26"], '"13/2/10 8:26" can only be day-first, "2/14/10 8:26" only month-'),
        (SIBLING_HEADERS, ["13/2/10 8:26", "2/14/10 8:26"], '"13/2/10 8:26" can only be day-first, "2/14/10 8:26"'),
    ],
    ids=["ambiguous", "ambiguous beside ISO", "mixed", "mixed under known headers"],
)
def test_dates_without_one_meaning_stop_the_import_until_an_option_decides(
    path: Path, headers: list[str], dates: list[str], why: str
) -> None:
    write_file(path, [row(number, at=at) for number, at in enumerate(dates, 1)], headers)

    with pytest.raises(CommandError) as refusal:
        import_file(path)

    message = str(refusal.value)
    assert why in message
    assert ("--date-format" in message, "\n" in message, refusal.value.returncode) == (True, False, 1)
    assert [len(table) for table in everything()] == [0] * len(everything())
    assert refused_path(path).read_text().count("\n") == 1  # the headers alone


@pytest.mark.parametrize(
    ("option", "names"),
    [
        ("--encoding", "utf-8, utf-16-le, utf-16-be, windows-1252"),
        ("--delimiter", "comma, semicolon, tab, pipe"),
        ("--date-format", "iso, day-first, month-first"),
        ("--decimal", "point, comma"),
    ],
)
def test_a_form_that_is_none_is_refused_with_the_names_of_all(path: Path, option: str, names: str) -> None:
    with pytest.raises(CommandError) as refusal:
        call_command("importretail", path, option, "nope")

    assert str(refusal.value) == f"Error: argument {option}: 'nope' is not one of {names}"


@pytest.mark.parametrize(
    ("option", "expected", "refused"),
    [
        ("day-first", [datetime(2010, 2, 1, 8, 26, tzinfo=UTC), datetime(2010, 2, 13, 8, 26, tzinfo=UTC)], [4]),
        ("month-first", [datetime(2010, 1, 2, 8, 26, tzinfo=UTC), datetime(2010, 2, 14, 8, 26, tzinfo=UTC)], [3]),
        ("iso", [], [2, 3, 4]),
    ],
)
def test_an_option_decides_the_dates_and_the_others_are_refused(
    path: Path, option: str, expected: list[datetime], refused: list[int]
) -> None:
    dates = ["1/2/10 8:26", "13/2/10 8:26", "2/14/10 8:26"]
    write_file(path, [row(number, at=at) for number, at in enumerate(dates, 1)])

    printed = import_file(path, date_format=option)

    assert moments() == expected
    assert refused_rows(path) == [(line, Reason.DATE) for line in refused]
    assert forms(printed)["Dates"] == f"{option} (--date-format)"


# -- Decimal mark -----------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("prices", "expected", "shown"),
    [
        (["2.5", "1.500", "18"], ["2.50", "1.50", "18.00"], "point"),
        (["2,5", "1,500", "18"], ["2.50", "1.50", "18.00"], "comma"),
        (["2,5", "0,125", "3,75", "2.25"], ["2.50", "3.75"], "comma"),
        (["2.5", "3,75"], ["2.50"], "point"),
        (["1,500", "2,000"], [], "point"),  # thousands, or decimals: refused
    ],
)
def test_most_prices_decide_the_decimal_mark(path: Path, prices: list[str], expected: list[str], shown: str) -> None:
    path.write_bytes(text_of(*[row(price=price) for price in prices], delimiter=";").encode())

    printed = import_file(path)

    assert list(OrderItem.objects.order_by("id").values_list("unit_price", flat=True)) == [*map(Decimal, expected)]
    assert figures(printed)["refused"] == len(prices) - len(expected)
    assert forms(printed)["Decimal mark"] == shown


def test_in_a_file_with_decimal_commas_a_quantity_with_a_point_is_refused(path: Path) -> None:
    rows = row(price="2,50", units="6,0"), row(price="2,50", units="1.000")
    path.write_bytes(text_of(*rows, delimiter=";").encode())

    import_file(path)

    assert refused_rows(path) == [(3, Reason.QUANTITY)]
    assert OrderItem.objects.get().quantity == 6


def test_an_option_decides_the_decimal_mark(path: Path) -> None:
    write_file(path, [row(price="1,500"), row(price="2.50")])

    printed = import_file(path, decimal="comma")

    assert OrderItem.objects.get().unit_price == Decimal("1.50")
    assert refused_rows(path) == [(3, Reason.PRICE)]
    assert forms(printed)["Decimal mark"] == "comma (--decimal)"


def test_encoding_decimal_mark_and_dates_are_found_together(path: Path) -> None:
    rows = row(1, name="CAFÉ", price="2,50", at="1.2.2010 8:26"), row(2, price="3,75", at="13.2.2010 8:26")
    path.write_bytes(text_of(*rows, delimiter=";").encode("cp1252"))

    import_file(path)

    assert moments() == [datetime(2010, 2, day, 8, 26, tzinfo=UTC) for day in (1, 13)]
    assert list(OrderItem.objects.order_by("id").values_list("name", "unit_price")) == [
        ("CAFÉ", Decimal("2.50")),
        ("GLASS BALL", Decimal("3.75")),
    ]


# -- Nothing in it ----------------------------------------------------------------------------------------------
def test_a_file_of_headers_alone_has_no_rows(path: Path) -> None:
    write_file(path, [])

    printed = import_file(path)

    assert figures(printed)["Rows read"] == 0
    assert forms(printed)["Dates"] == "none seen"
    assert [len(table) for table in everything()] == [0] * len(everything())
