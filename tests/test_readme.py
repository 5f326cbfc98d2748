"""The README and the list of settings keep up with the code."""

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
README = (ROOT / "README.md").read_text()
SETTINGS = (ROOT / "docs/settings.md").read_text()
UNREAD = {"tests", "benchmarks", ".venv"}


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


def test_list_of_settings_has_the_defaults_of_the_code():
    rows = [line.split("|")[1:3] for line in SETTINGS.splitlines() if line.startswith("| `")]
    defaults = {name: shown for names, shown in rows for name in re.findall(r"`([A-Z_0-9]+)`", names)}
    code = (ROOT / "ecommerce/settings.py").read_text()
    numbers = re.findall(r'env\.(?:whole|number)\(\s*"(\w+)", ([\d_]+)[,)]', code)

    assert len(numbers) > 25
    assert {name: n for name, n in numbers if n.replace("_", "") not in re.findall(r"\d+", defaults[name])} == {}


def test_every_setting_in_the_list_is_read():
    code = "".join(path.read_text() for path in ROOT.rglob("*.py") if path.parts[len(ROOT.parts)] not in UNREAD)
    names = re.findall(r"^\| (`.*?) \|", SETTINGS, re.MULTILINE)

    assert [name for row in names for name in re.findall(r"`(\w+)`", row) if f'"{name}"' not in code] == []


def test_places_named_in_the_documentation_exist():
    texts = [README, *(page.read_text() for page in (ROOT / "docs").rglob("*.md"))]
    paths = {path for text in texts for path in re.findall(r"`([a-z_]+/[\w/]+\.\w+)`", text)}

    assert len(paths) >= 20
    assert [path for path in sorted(paths) if not (ROOT / path).exists()] == []
