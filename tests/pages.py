"""Reading built pages in tests: numbers, links and what a strict policy forbids."""

import base64
import hashlib
import json
import math
import statistics
from collections.abc import Mapping
from dataclasses import dataclass, field
from html.parser import HTMLParser
from typing import Any
from urllib.parse import unquote

from site_builder.i18n import said


@dataclass
class Shown:
    """One number as a page shows it."""

    sources: list[str]
    op: str
    scale: float
    text: str = ""

    def says(self, value: float | str) -> bool:
        """Whether it is this value, in the language that is being rendered, rounded to the digits that it has."""
        if isinstance(value, str):
            return self.text == said(value)
        text = self.text.replace("\u2212", "-").replace("\u2009", "").replace(",", "")
        digits = len(text.partition(".")[2])
        return math.isclose(float(text), value * self.scale, abs_tol=0.5001 * 10**-digits, rel_tol=6e-4)


@dataclass
class Document(HTMLParser):
    """What tests look at in one page."""

    numbers: list[Shown] = field(default_factory=list)
    links: list[str] = field(default_factory=list)
    ids: list[str] = field(default_factory=list)
    headings: list[str] = field(default_factory=list)
    targets: list[str] = field(default_factory=list)
    forbidden: list[str] = field(default_factory=list)
    csp: str = ""
    head: dict[str, str] = field(default_factory=dict)
    _open: Shown | None = None
    _script: str | None = None  # an inline one that is being read

    def __post_init__(self) -> None:
        super().__init__()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        a = {name: value or "" for name, value in attrs}
        if a.get("class") == "num" and "data-src" in a:
            self._open = Shown(a["data-src"].split(), a.get("data-op", "is"), float(a.get("data-scale", "1")))
            self.numbers.append(self._open)
        if tag in ("h1", "h2", "h3"):
            self.headings.append(tag)
        self.links += [a[name] for name in ("href", "src") if name in a]
        self.targets += [a[name] for name in ("popovertarget", "aria-controls", "aria-labelledby") if name in a]
        if tag == "use":
            self.targets.append(a["href"].removeprefix("#"))
        if "id" in a:
            self.ids.append(a["id"])
        self.forbidden += [f"{tag} {name}" for name in a if name == "style" or name.startswith("on")]
        if tag == "style":
            self.forbidden.append("inline style")
        if tag == "script" and "src" not in a and "json" not in a.get("type", ""):
            self._script = ""
        if tag == "meta":
            if a.get("http-equiv") == "Content-Security-Policy":
                self.csp = a["content"]
            self.head[a.get("name") or a.get("property") or ""] = a.get("content", "")

    def handle_endtag(self, tag: str) -> None:
        if tag == "script" and self._script is not None:
            digest = base64.b64encode(hashlib.sha256(self._script.encode()).digest()).decode()
            if f"'sha256-{digest}'" not in self.csp:
                self.forbidden.append(f"inline script {self._script}")
            self._script = None
        if tag == "span":  # numbers hold text alone
            self._open = None

    def handle_data(self, data: str) -> None:
        if self._script is not None:
            self._script += data
        if self._open is not None:
            self._open.text += data


def read(html: bytes) -> Document:
    """Parse one page."""
    document = Document()
    document.feed(html.decode())
    return document


def at(files: Mapping[str, bytes], source: str, cache: dict[str, Any]) -> Any:
    """What a source (address#pointer) leads to in the published files."""
    path, _, pointer = unquote(source).partition("#")
    if path not in cache:
        cache[path] = json.loads(files[path])
    value = cache[path]
    for part in pointer.split("/")[1:]:
        key = part.replace("~1", "/").replace("~0", "~")
        value = value[int(key)] if isinstance(value, list) else value[key]
    return value


def _snr(flux: list[float], instrument: dict[str, Any], magnitude: float) -> float:
    """The median signal-to-noise ratio of a flux at a magnitude: see InstrumentFile."""
    scale = 10 ** (-0.4 * (magnitude - instrument["magnitude_zero"]))
    ratios = [
        f * s * scale / math.sqrt((b + s * scale * f) / instrument["n_exposures"])
        for f, s, b in zip(flux, instrument["signal_e"], instrument["background_e2"], strict=True)
    ]
    return statistics.median(ratios)


def derive(files: Mapping[str, bytes], shown: Shown, cache: dict[str, Any]) -> float | str:
    """The value that a page should show, from the published files."""
    values = [at(files, source, cache) for source in shown.sources]
    rule, _, parameter = shown.op.partition(" ")
    if rule in ("files", "bytes"):
        below = tuple(name if "." in name else f"{name.rstrip('/')}/" for name in parameter.split(" "))
        found = [e["bytes"] for e in values[0] if e["path"].startswith(below)]
        return len(found) if rule == "files" else sum(found)
    if rule in ("where", "needed"):
        field, value = parameter.split("=")
        tests = [e for e in values[0 if rule == "where" else 2] if e[field] == value]
        return len(tests) if rule == "where" else math.ceil(values[0] / values[1] * len(tests) / values[3] - 1e-9)
    if rule == "pixel":
        where = values[0]["start"] + values[0]["step"] * float(parameter)
        return round(10**where if values[0]["scale"] == "log10" else where, 4)
    if rule == "pooled":
        (layer, has_cls), patch = values, int(parameter)
        heads = [head[0][patch + 1] if has_cls else sum(row[patch] for row in head) / len(head) for head in layer]
        return round(sum(heads) / len(heads), 6)
    if rule == "between":
        return values[0] + float(parameter) * (values[1] - values[0])
    if rule in ("first", "last"):
        return (int(parameter) + (rule == "last")) * values[0] + (rule == "first")
    if rule in ("mean", "sd"):
        column = [row[int(parameter)] for row in values[0]]
        return statistics.mean(column) if rule == "mean" else statistics.stdev(column)
    if rule == "snr":
        return _snr(values[0], values[1], float(parameter))
    match shown.op:
        case "even":
            return values[0] * len(at(files, shown.sources[0].rpartition("/")[0], cache))
        case "pull":
            return (values[0] - values[1]) / values[2]
        case "least-sum" | "most-sum":
            sums = [sum(row) for layer in values[0] for head in layer for row in head]
            return min(sums) if shown.op == "least-sum" else max(sums)
        case "count":
            return len(values)
        case "none":
            return 0 if values else "nothing to count among"
        case "place":
            return int(shown.sources[0].rpartition("/")[2]) + 1
        case "next":
            return values[0] + 1
        case "others":
            return len(values[0]) - 1
        case "uniform":
            return (values[1] - values[0]) / math.sqrt(12)
        case "reached":
            return round(int(100 * min(map(max, values))) / 100 - 0.01, 2)
        case "is":
            return values[0]
        case "sub":
            return values[0] - values[1]
        case "ratio":
            return values[0] / values[1]
        case "ratio2":
            return float((values[0] / values[1]) ** 2)
        case "len":
            return len(values[0])
    raise AssertionError(f"unknown operation {shown.op}")
