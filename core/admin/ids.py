"""The ids that forms and URLs of the admin send."""

import re

_ID = re.compile(r"[1-9][0-9]{0,8}", re.ASCII)


def id_in(text: str) -> int:
    """Parse an id. Returns 0, which no row has, if the text is not an id."""
    return int(text) if _ID.fullmatch(text) else 0
