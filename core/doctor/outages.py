"""What an operator can do about a database that can't be reached."""

from django.db import Error

from core import databases
from core.server.start.preflight import one_line

# Part of libpq's message -> what to do. The first that fits counts.
MENDS = (
    ("unsupported startup parameter", "it leads to PgBouncer: also set DATABASE_DIRECT_URL, to PostgreSQL itself"),
    ("password authentication failed", "correct the user name and the password in DATABASE_URL"),
    ("no password supplied", "add the password to DATABASE_URL"),
    ("no pg_hba.conf entry", "allow this machine in PostgreSQL's pg_hba.conf"),
    ("does not exist", "create the role and the database, or correct their names in DATABASE_URL"),
    ("permission denied", "grant the tables to the role in DATABASE_URL, or write the role that owns them"),
    ("Connection refused", "start PostgreSQL, or correct the host and the port in DATABASE_URL"),
    ("resolve host", "correct the host in DATABASE_URL"),
    ("timeout", "check the network between this machine and PostgreSQL, and the host in DATABASE_URL"),
    ("too many", "raise max_connections of PostgreSQL, or put PgBouncer in front of it"),
    ("unable to open database file", "create the file's folder, and let this user write there"),
    ("readonly database", "let this user write the file and its folder"),
    ("not a database", "choose another file in DATABASE_URL"),
)


def mend_of(error: Exception, setting: str = "DATABASE_URL") -> str:
    """Return what to do about a database whose address is in `setting`."""
    text = str(error)
    mend = next((mend for part, mend in MENDS if part in text), "check DATABASE_URL")
    return mend.replace("DATABASE_URL", setting)


def line_of(error: Error) -> str | None:
    """Return `DATABASE_URL: what is wrong; what to do`, or None if the database is not down."""
    if databases.outage(error) is None:
        return None
    return f"DATABASE_URL: {one_line(error)}; {mend_of(error)}"
