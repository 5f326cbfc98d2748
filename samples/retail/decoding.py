"""Detects the encoding of a file, and decodes its bytes to physical lines of text."""

import codecs
import io
import re
from collections.abc import Iterable, Iterator
from enum import StrEnum
from typing import Any

PIECE_BYTES = 1 << 20
UNDECODED = re.compile("[\ud800-\udfff]")
# Matches lines of the letters, currency signs and punctuation that product names use in Windows-1252. Its other
# characters, such as ÿ and þ, are so rare in names that a stray byte is more likely.
USUAL_WINDOWS_1252 = re.compile(
    rb"[\x00-\x80\x82\x84\x85\x89-\x8c\x8e\x91-\x97\x99-\x9c\x9e-\xa1\xa3\xa5\xa7\xa9-\xab\xae\xb0-\xb5\xb7\xb9-\xcf"
    rb"\xd1-\xdd\xdf-\xef\xf1-\xf6\xf8-\xfd]*"
)


class Encoding(StrEnum):
    UTF_8 = "utf-8"
    UTF_16_LE = "utf-16-le"
    UTF_16_BE = "utf-16-be"
    WINDOWS_1252 = "windows-1252"

    @classmethod
    def _missing_(cls, name: object) -> "Encoding | None":
        """Return the encoding with this alias, such as cp1252."""
        try:
            codec = codecs.lookup(str(name)).name
        except LookupError:
            return None
        return next((encoding for encoding in cls if codecs.lookup(encoding).name == codec), None)


MARKS = {
    codecs.BOM_UTF8: Encoding.UTF_8,
    codecs.BOM_UTF16_LE: Encoding.UTF_16_LE,
    codecs.BOM_UTF16_BE: Encoding.UTF_16_BE,
}
LINE_ENDS = {
    Encoding.UTF_16_LE: re.compile(rb"\r\0\n\0|\r\0|\n\0"),
    Encoding.UTF_16_BE: re.compile(rb"\0\r\0\n|\0\r|\0\n"),
}


class Decoder:
    """Decodes lines and detects the encoding: from a byte order mark, else UTF-8, else Windows-1252.

    A byte that is invalid in the encoding becomes a lone surrogate, which decoded text never has: see `is_undecoded`.
    """

    def __init__(self, given: Encoding | None = None) -> None:
        self.encoding = given or Encoding.UTF_8
        self._given = given
        self._reason = "--encoding" if given else ""
        self._utf_8 = self._windows_1252 = self._neither = 0  # number of non-ASCII lines, by the encoding that they fit

    def __str__(self) -> str:
        broken = self._windows_1252 + self._neither
        if self._reason or not broken:
            return f"{self.encoding} ({self._reason})" if self._reason else self.encoding
        return f"{self.encoding} (lines that are not: {broken}; choose another with --encoding)"

    def lines(self, file: Any) -> Iterator[str]:
        """Yield the lines of a binary file, each with its LF, CRLF or CR."""
        self._utf_8 = self._windows_1252 = self._neither = 0
        beginning = file.peek(3)
        mark = next((mark for mark in MARKS if beginning.startswith(mark)), b"")
        if mark and self._given is None:
            self.encoding, self._reason = MARKS[mark], "byte order mark"
        if mark and MARKS[mark] == self.encoding:
            file.read(len(mark))
        if self.encoding in LINE_ENDS:
            return _utf_16_lines(file, self.encoding)
        return self._judged(io.TextIOWrapper(file, encoding=self.encoding, errors="surrogateescape", newline=""))

    def settled(self) -> bool:
        """Return whether the assumed encoding is right, after every line was read. If not, switch to Windows-1252."""
        if self._reason or self._windows_1252 <= self._utf_8 + self._neither:
            return True
        self.encoding = Encoding.WINDOWS_1252
        broken = self._windows_1252 + self._neither
        self._reason = f"non-ASCII lines that are not UTF-8: {broken}, that are UTF-8: {self._utf_8}"
        return False

    def _judged(self, lines: Iterable[str]) -> Iterator[str]:
        for line in lines:
            yield line if line.isascii() else self._judge(line)

    def _judge(self, line: str) -> str:
        raw = line.encode(self.encoding, "surrogateescape")
        if not is_undecoded(raw.decode(errors="surrogateescape")):
            self._utf_8 += 1
            if self.encoding == Encoding.WINDOWS_1252 and self._given is None:
                return raw.decode("ascii", "surrogateescape")  # as Windows-1252 the text would be wrong but readable
        elif USUAL_WINDOWS_1252.fullmatch(raw):
            self._windows_1252 += 1
        else:
            self._neither += 1
        return line


def is_undecoded(text: str) -> bool:
    """Return whether the text has a byte that is invalid in the encoding of its file."""
    return not text.isascii() and UNDECODED.search(text) is not None


def _utf_16_lines(file: Any, encoding: Encoding) -> Iterator[str]:
    """Yield the lines. Line ends may be at odd offsets, so after a missing byte the next line is complete again."""
    rest = b""
    while piece := file.read(PIECE_BYTES):
        rest += piece
        if rest.endswith("\r".encode(encoding)):
            rest += file.read(2)  # the LF, if it is a CRLF
        position = 0
        for match in LINE_ENDS[encoding].finditer(rest):
            yield rest[position : match.end()].decode(encoding, "bytes as surrogates")
            position = match.end()
        rest = rest[position:]
    if rest:
        yield rest.decode(encoding, "bytes as surrogates")


def _bytes_as_surrogates(error: UnicodeError) -> tuple[str, int]:
    """Act like `surrogateescape`, but for every byte and every encoding, not only for bytes above 127."""
    assert isinstance(error, UnicodeDecodeError)  # noqa: S101  # for the type
    return "".join(chr(0xDC00 + byte) for byte in error.object[error.start : error.end]), error.end


def _surrogates_in_hex(error: UnicodeError) -> tuple[str, int]:
    assert isinstance(error, UnicodeEncodeError)  # noqa: S101  # for the type
    return "".join(f"\\x{ord(char) & 0xFF:02x}" for char in error.object[error.start : error.end]), error.end


codecs.register_error("bytes as surrogates", _bytes_as_surrogates)
codecs.register_error("surrogates in hex", _surrogates_in_hex)
