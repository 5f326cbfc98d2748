"""The README keeps up with the code."""

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
README = (ROOT / "README.md").read_text()


def test_every_setting_from_the_environment_is_in_the_readme():
    sources = [
        ROOT / "ecommerce/settings.py",
        ROOT / "ecommerce/serving.py",
        *ROOT.glob("orders/management/commands/*.py"),
    ]
    read = re.compile(
        r"""(?:env\.\w+\(|environ\.get\(|environ\.setdefault\()"([A-Z_]+)"|"([A-Z_]+)" (?:not )?in os\.environ"""
    )
    names = {a or b for source in sources for a, b in read.findall(source.read_text())}

    assert {"DATABASE_URL", "DEMO_PASSWORD", "FORWARDED_ALLOW_IPS"} <= names
    assert [name for name in sorted(names) if f"`{name}`" not in README] == []


def test_places_named_in_the_readme_exist():
    paths = re.findall(r"`([a-z_]+/[\w/]+\.\w+)`", README)

    assert len(paths) >= 5
    assert [path for path in paths if not (ROOT / path).exists()] == []
