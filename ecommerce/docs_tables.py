"""The tables of the documentation that are derived from the code: `manage.py builddocs --tables` writes them."""

from pathlib import Path

from django.conf import settings

from core.errors import CATALOGUE

BEGIN, END = "<!-- generated: begin -->", "<!-- generated: end -->"


def errors_table() -> str:
    """Return the error catalogue as a Markdown table, in the order of HTTP's status codes."""
    rows = [
        f"| `{code}` | {status.title} | {status.http} | `{code.upper()}` | `{status.grpc}` |"
        for code, status in CATALOGUE.items()
    ]
    return "\n".join(["| code | meaning | HTTP | GraphQL | gRPC |", "|---|---|---|---|---|", *rows])


def written(page: str, table: str) -> str:
    """Return the text of a page with the table between its markers."""
    before, begin, rest = page.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not (begin and end):
        raise ValueError(f"The page needs the lines {BEGIN} and {END}")
    return f"{before}{BEGIN}\n{table}\n{END}{after}"


def write_tables() -> Path:
    """Write the error catalogue into docs/errors.md, and return its path."""
    path: Path = settings.BASE_DIR / "docs/errors.md"
    path.write_text(written(path.read_text(), errors_table()))
    return path
