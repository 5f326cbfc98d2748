"""The README and the list of settings keep up with the code."""

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
README = (ROOT / "README.md").read_text()
SETTINGS = (ROOT / "docs/settings.md").read_text()


def test_every_setting_from_the_environment_is_in_the_list():
    sources = [
        ROOT / "ecommerce/settings.py",
        ROOT / "core/server/serving.py",
        *ROOT.glob("*/management/commands/*.py"),
    ]
    read = re.compile(
        r"""(?:env\.\w+\(|environ\.get\(|environ\.setdefault\()"([A-Z_]+)"|"([A-Z_]+)" (?:not )?in os\.environ"""
    )
    names = {a or b for source in sources for a, b in read.findall(source.read_text())}

    assert {"DATABASE_URL", "DEMO_PASSWORD", "FORWARDED_ALLOW_IPS"} <= names
    assert [name for name in sorted(names) if f"`{name}`" not in SETTINGS] == []


def test_places_named_in_the_documentation_exist():
    texts = [README, *(page.read_text() for page in (ROOT / "docs").rglob("*.md"))]
    paths = {path for text in texts for path in re.findall(r"`([a-z_]+/[\w/]+\.\w+)`", text)}

    assert len(paths) >= 20
    assert [path for path in sorted(paths) if not (ROOT / path).exists()] == []
