"""Where a browser may break a long identifier: after `_`, `/`, `::` and a dot, and before a capital of camelCase."""

import re

INLINE_CODE = re.compile(r"(?<!<pre>)<code>([^<]+)</code>")
BREAK = re.compile(r"(?<=\w[_/])(?=[\w{])|(?<=}/)|(?<=::)|(?<=\w\.)(?=\w{4})|(?<=[a-z])(?=[A-Z])")  # not in manage.py


def on_page_content(html: str, **_: object) -> str:
    """Return the HTML of a page with a `<wbr>` at each place. The generator calls it (hooks in properdocs.yml)."""
    return INLINE_CODE.sub(lambda match: f"<code>{BREAK.sub('<wbr>', match[1])}</code>", html)
