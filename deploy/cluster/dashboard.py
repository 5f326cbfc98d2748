"""What the Grafana dashboard shows of the cluster, read from its Prometheus."""

import json
from typing import Any
from urllib.parse import urlencode
from urllib.request import urlopen

from deploy.cluster.layout import HOST, PROMETHEUS, ROOT

INTERVAL = "$__rate_interval", "10s"  # Grafana's variable, and five scrapes of the cluster


def shown() -> str:
    """Return each panel's title with the present value of each of its series, a line each."""
    panels = json.loads((ROOT / "deploy/grafana/shop.json").read_text())["panels"]
    return "\n".join(line for panel in panels for line in [panel["title"], *_lines(panel)])


def _lines(panel: dict[str, list[dict[str, str]]]) -> list[str]:
    found = [series for target in panel["targets"] for series in _series(target["expr"].replace(*INTERVAL))]
    return [f"    {_labels(series['metric'])}{float(series['value'][1]):.6g}" for series in found] or ["    no data"]


def _series(query: str) -> list[dict[str, Any]]:
    url = f"http://{HOST}:{PROMETHEUS}/api/v1/query?{urlencode({'query': query})}"
    with urlopen(url, timeout=5) as answer:  # on loopback
        result: list[dict[str, Any]] = json.load(answer)["data"]["result"]
    return result


def _labels(labels: dict[str, str]) -> str:
    return "".join(f"{value}  " for value in labels.values())
