"""The form for comparing texts without case: names in searches, usernames, e-mails, SKUs."""

import unicodedata


def folded(text: str) -> str:
    """Return casefold(NFKC(text)): equal for texts that differ only in case or in Unicode form."""
    return unicodedata.normalize("NFKC", text).casefold()
