"""The one place where text becomes trusted markup: numbers, source marks, a script, SVG and MathML.

ruff's S704 (unsafe use of Markup) is switched off here and nowhere else.

Everything else that reaches a page is escaped by Jinja. What is marked here as safe is either
built by ``Markup.format`` (which escapes its arguments) or made by matplotlib and latex2mathml from
our own code; a test bans ``Markup`` and ``|safe`` elsewhere.
"""

# ruff: noqa: S704

import re
from collections.abc import Sequence
from functools import cache, partial
from urllib.parse import quote
from xml.sax.saxutils import escape, unescape

from markupsafe import Markup
from markupsafe import escape as html

from site_builder import i18n
from site_builder.design import CJK, LIGHT, paint, stand_ins
from site_builder.results import PUBLISHED_BELOW, Measured, Quantity
from site_builder.svg_paths import moved, shortened

MINUS, THIN, NBSP = "\u2212", "\u2009", "\u00a0"
BESIDE = ("data/", "CITATION.cff", "static/")  # sources that are no results: in the site, or in the repository


def format_number(value: float | int | str, digits: int | None = None, sign: bool = False) -> str:
    """A number as the pages set it: true minus sign, thin spaces between thousands.

    ``digits`` is the number of decimals; None keeps integers whole, gives other numbers four
    significant digits, and leaves text as it is.
    """
    if isinstance(value, str):
        return value
    kind = f".{digits}f" if digits is not None else ".0f" if float(value).is_integer() else ".4g"
    text = f"{value:+,{kind}}" if sign else f"{value:,{kind}}"
    if re.fullmatch(r"[+-]0(\.0*)?", text):
        text = text[1:]
    return text.replace("-", MINUS).replace(",", THIN)


def number(q: Quantity, digits: int | None = None, unit: str = "", sign: bool = False, scale: float = 1.0) -> Markup:
    """A number of the results: shown rounded, with the place it was read from, where its full value stands.

    ``scale`` only changes the unit (100 for per cent); ``data-scale`` says so.
    """
    shown = i18n.said(q.value) if isinstance(q.value, str) else format_number(q.value * scale, digits, sign)
    extra = "" if q.op == "is" else f' data-op="{html(q.op)}"'
    if scale != 1.0:
        extra += f' data-scale="{scale:g}"'
    source = html(" ".join(map(_address, q.sources)))
    tail = f"<span class=unit>{html(NBSP + i18n._(unit))}</span>" if unit else ""
    # Pages hold thousands of these, and Markup.format is slow; so each part is escaped by itself here.
    return Markup(f'<span class=num data-src="{source}"{extra}>{html(shown)}</span>{tail}')


@cache
def _address(source: str) -> str:
    below = "" if source.startswith(BESIDE) else PUBLISHED_BELOW
    return quote(below + source, safe="/#~")


def addresses(*things: Quantity | str) -> str:
    """Sources of the numbers of an element that can hold no others (an option), in their order, for ``data-src``."""
    sources = [s for thing in things for s in ((thing,) if isinstance(thing, str) else thing.sources)]
    return " ".join(map(_address, sources))


def labelled(text: str, *things: Quantity | str) -> Markup:
    """A text whose numbers come from these sources, in their order."""
    return Markup('<span data-src="{}">{}</span>').format(addresses(*things), text)


def phrase(text: str, **parts: Markup | str) -> Markup:
    """A translated text with markup in its ``{fields}``."""
    return html(text).format(**parts)


def interval(m: Measured, digits: int = 3, unit: str = "", sign: bool = False) -> Markup:
    """A measured value with its interval in brackets."""
    return Markup("{}<span class=ci> [{}, {}]</span>{}").format(
        number(m.value, digits, sign=sign),
        number(m.lo, digits, sign=sign),
        number(m.hi, digits, sign=sign),
        Markup("<span class=unit>{}</span>").format(NBSP + unit) if unit else "",
    )


def source_button(target: str, label: str, text: str) -> Markup:
    """The mark that opens a provenance card; a popover, so it needs no script. Without text: an icon."""
    html = '<button class="source-mark{}" type="button" popovertarget="{}" aria-label="{}">{}</button>'
    return Markup(html).format("" if text else " mark", target, label, text)


_STYLE = re.compile(r' style="([^"]*)"')
_FONT = re.compile(r"(?:(?:italic|oblique|normal|bold|\d{3}) )*([\d.]+)px .*")


def _presentation(match: re.Match[str]) -> str:
    """``style="…"`` as presentation attributes: a strict policy refuses inline styles."""
    out = []
    for declaration in filter(None, (d.strip() for d in match[1].split(";"))):
        name, _, value = (part.strip() for part in declaration.partition(":"))
        if name == "font":
            size = _FONT.match(value)
            words = value.split("px")[0].split()
            out.append(f' font-size="{size[1] if size else 12}"')
            if not {"bold", "600", "700"}.isdisjoint(words):
                out.append(' font-weight="600"')
            if "italic" in words:
                out.append(' font-style="italic"')
        elif name not in ("font-family", "white-space"):
            out.append(f' {name}="{value}"')
    return "".join(dict.fromkeys(out))


_PATH = re.compile(r' d="([^"]+)"')
_LONG = 300  # characters; only long paths are made of boxes
_N = r"(-?[\d.]+)"
_BOX = re.compile(rf"M{_N} {_N}L{_N} \2L\3 {_N}L\1 \4(?:L\1 \2)?[Zz]")
_DECIMALS = re.compile(r"-?\d+\.\d+")


def _box(match: re.Match[str]) -> str:
    """A rectangle on whole pixels; neighbours share their edges, so no gap opens."""
    left, top, right, bottom = (round(float(v)) for v in match.groups())
    return f"M{left} {top}h{right - left}v{bottom - top}h{left - right}z"


def _shorter(match: re.Match[str]) -> str:
    """A curve to a tenth of a pixel: a third of the bytes, and the same picture."""
    path = _DECIMALS.sub(lambda m: f"{float(m[0]):.1f}".removesuffix(".0"), match[1])
    path = re.sub(r"\s*([MLCQZz])\s*", r"\1", path).strip()
    boxes = _BOX.sub(_box, path) if len(match[1]) > _LONG else path
    return f' d="{path if "L" in boxes else boxes}"'


_DEFAULT = re.compile(r' (?:stroke-linejoin="miter"|stroke-linecap="butt"|stroke-dashoffset="0"|text-anchor="start")')
_TAG = re.compile(r"<[^>]+>")
_PLACE = re.compile(r' ([xy])="(-?\d+\.\d+)"')
_LONG_DECIMAL = re.compile(r"-?\d+\.\d{3,}(?![\d.])")
_ID = re.compile(r' id="([^"]+)"')


def _rounded(tag: re.Match[str]) -> str:
    """Attributes to a hundredth of a pixel; text between tags is left alone."""
    return _LONG_DECIMAL.sub(lambda m: f"{float(m[0]):.2f}".rstrip("0").rstrip("."), tag[0])


_STROKES = re.compile(r'(?:<path d="[^"]*"( [^>]*fill="none"[^>]*)/>)(?:<path d="[^"]*"\1/>)+')
_D = re.compile(r' d="([^"]*)"')


def _joined(match: re.Match[str]) -> str:
    """Strokes of one look behind each other (error bars, rules) as one path."""
    if "opacity" in match[1]:
        return match[0]
    strokes = "".join(_D.findall(match[0]))
    return f'<path d="{strokes}"{match[1]}/>'


_TICK = re.compile(r'<defs><path id="([^"]+)" d="M0 0L(-?[\d.]+) (-?[\d.]+)"([^>]*)/></defs>')


def _joined_ticks(clean: str) -> str:
    """All ticks of one kind as one path, where matplotlib places a drawing for each."""
    for match in _TICK.finditer(clean):
        name, right, down, look = match.groups()
        use = re.compile(rf'<use href="#{name}" x="([^"]+)" y="([^"]+)"[^>]*/>')
        strokes = "".join(f"M{x} {y}l{right} {down}" for x, y in use.findall(clean))
        clean = use.sub("", clean).replace(match[0], f'<path d="{strokes}"{look}/>')
    return clean


_MARK = re.compile(r'<defs><path id="([^"]+)" d="([MLCQz\d. -]+)"([^>]*)/></defs>', re.I)
_ATTRIBUTE = re.compile(r' ([a-z-]+)="[^"]*"')


def _joined_marks(clean: str) -> str:
    """Marks of one look behind each other as one path; a page of charts has a thousand of them."""
    for match in _MARK.finditer(clean):
        name, shape, look = match.groups()
        if "opacity" in look:
            continue
        place = rf'<use href="#{name}" x="([^"]+)" y="([^"]+)"'
        # what can be seen through is drawn one by one: where two overlap, they are darker
        runs = re.compile(rf"(?:{place}((?:(?!opacity)[^>])*)/>)(?:{place}\3/>)*")
        clean = runs.sub(partial(_one_path, re.compile(place), shape, look), clean)
        if f'href="#{name}"' not in clean:
            clean = clean.replace(match[0], "")
    return clean


def _one_path(place: re.Pattern[str], shape: str, look: str, run: re.Match[str]) -> str:
    """All marks of a run; what the shape says of its look counts before what is said where it is placed."""
    own = {attribute[1] for attribute in _ATTRIBUTE.finditer(look)}
    rest = "".join(attribute[0] for attribute in _ATTRIBUTE.finditer(run[3]) if attribute[1] not in own)
    strokes = "".join(moved(shape, float(x), float(y)) for x, y in place.findall(run[0]))
    return f'<path d="{strokes}"{look}{rest}/>'


def _joined_grid(clean: str) -> str:
    """The grid of each panel as one path; nothing lies below it, so that its lines can go first."""
    line = re.compile(rf'<path d="([^"]*)"([^>]* stroke="{paint("grid")}"[^>]*)/>')
    panels: dict[str, list[str]] = {}
    for d, look in line.findall(clean):
        panels.setdefault(look, []).append(d)
    return line.sub(lambda m: f'<path d="{"".join(panels.pop(m[2]))}"{m[2]}/>' if m[2] in panels else "", clean)


def _short_ids(raw: str, prefix: str) -> str:
    """Ids that the drawing refers to get short names behind ``prefix``; the others are left out."""
    used = dict.fromkeys(re.findall(r'href="#([^"]+)"', raw) + re.findall(r"url\(#([^)]+)\)", raw))
    names = {name: f"{prefix}-{i}" for i, name in enumerate(used)}
    raw = _ID.sub(lambda m: f' id="{names[m[1]]}"' if m[1] in names else "", raw)
    raw = re.sub(r'(?:xlink:)?href="#([^"]+)"', lambda m: f'href="#{names[m[1]]}"', raw)
    return re.sub(r"url\(#([^)]+)\)", lambda m: f"url(#{names[m[1]]})", raw)


def _without_bare_groups(raw: str) -> str:
    """``<g>`` without attributes changes nothing; there are hundreds of them."""
    kept: list[bool] = []

    def one(match: re.Match[str]) -> str:
        if match[0] == "</g>":
            return match[0] if kept.pop() else ""
        kept.append(match[0] != "<g>")
        return match[0] if kept[-1] else ""

    return re.sub(r"</g>|<g(?: [^>]*)?>", one, raw)


def clean_svg(raw: str, prefix: str) -> str:
    """Matplotlib's SVG without prologue, inline styles and metadata; ids get ``prefix``."""
    raw = raw[raw.index("<svg") :]
    raw = re.sub(r"<metadata>.*?</metadata>", "", raw, flags=re.S)
    raw = re.sub(r"<style.*?</style>", "", raw, flags=re.S)
    raw = re.sub(r"<!--.*?-->", "", raw, flags=re.S)
    raw = _STYLE.sub(_presentation, raw)
    raw = _short_ids(raw, prefix)
    raw = re.sub(r'<svg [^>]*viewBox="([^"]+)"[^>]*>', r'<svg viewBox="\1" xmlns="http://www.w3.org/2000/svg">', raw)
    raw = _PATH.sub(_shorter, raw)
    raw = _PLACE.sub(lambda m: f' {m[1]}="{float(m[2]):.1f}"'.replace('.0"', '"'), raw)
    raw = _TAG.sub(_rounded, raw)
    raw = _DEFAULT.sub("", raw)
    raw = re.sub(r' transform="rotate\(-?0 [^)]*\)"', "", raw)
    raw = re.sub(r'<path d="[^"]*" fill="none"/>', "", raw)  # the invisible ground of figure and axes
    raw = _without_bare_groups(re.sub(r">\s+<", "><", raw)).replace("<defs></defs>", "").replace("<defs/>", "")
    joined = _STROKES.sub(_joined, _joined_grid(_joined_marks(_joined_ticks(re.sub(r"\n\s*", " ", raw))))).strip()
    return _PATH.sub(lambda m: f' d="{shortened(m[1])}"', joined)


_WORDS = re.compile(r"(<text\b[^>]*>)([^<]+)(?=</text>)")


def worded_svg(clean: str) -> str:
    """A figure that was drawn in English with the words of the language that is being rendered."""
    if i18n.language() is i18n.ENGLISH:
        return clean
    texts = [unescape(match[2]) for match in _WORDS.finditer(clean)]
    said = [i18n.finished(text) for text in texts]
    for i in range(len(texts) - 1):
        for lines in (2, 3):  # a text that was broken into lines in English is one line in another language
            whole = " ".join(texts[i : i + lines])  # only texts of the results are long enough for that
            if said[i] == texts[i] and (translated := i18n.said(whole)) != whole:
                said[i : i + lines] = [translated] + [""] * (lines - 1)
    words = iter(said)
    return _WORDS.sub(lambda match: match[1] + escape(next(words)), clean)


def themed_svg(clean: str, name: str, title: str, css_class: str) -> Markup:
    """An inline figure: stand-in colours become the page's custom properties."""
    for stand_in, token in stand_ins().items():
        clean = clean.replace(stand_in, f"var(--{token})")
    head = f'<svg class="fig-svg {css_class}" role="img" aria-labelledby="{name}-title"'
    title_tag = Markup('<title id="{}-title">{}</title>').format(name, title)
    clean = re.sub(r"^<svg", head, clean, count=1)
    return Markup(clean.replace(">", ">" + str(title_tag), 1))


def standalone_svg(clean: str, title: str) -> str:
    """The figure as a file of its own, in the light theme."""
    for stand_in, token in stand_ins().items():
        clean = clean.replace(stand_in, LIGHT[token])
    fonts = f"IBM Plex Sans, Helvetica, Arial, {CJK.replace(chr(34), '')}, sans-serif"
    head = f'<svg lang="{i18n.language().tag}" font-family="{fonts}"'
    clean = re.sub(r"^<svg", head, clean, count=1)
    ground = f'<rect width="100%" height="100%" fill="{LIGHT["paper"]}"/>'
    return clean.replace(">", f">{Markup('<title>{}</title>').format(title)}{ground}", 1) + "\n"


def inline_script(script: str) -> Markup:
    """A script of ours as part of a page; the page's policy names its hash.

    Raises:
        ValueError: it could end its element.
    """
    if "<" in script:
        raise ValueError("an inline script may hold no <")
    return Markup(script)


def drawn_svg(parts: Sequence[str]) -> Markup:
    """An SVG drawn by our own code (the architecture diagram); parts must hold no outside text."""
    return Markup("".join(parts))


def mathml(latex: str, display: bool = True) -> Markup:
    """An equation as MathML, made at build time."""
    from latex2mathml.converter import convert

    return Markup(convert(latex, display="block" if display else "inline"))


def concat(parts: Sequence[Markup]) -> Markup:
    """Markup parts behind each other."""
    return Markup("").join(parts)


def join(parts: Sequence[Markup | str]) -> Markup:
    """'a, b and c' from markup parts."""
    if len(parts) < 2:
        return Markup("").join(parts)
    return Markup("{}{}{}").format(Markup(i18n._(", ")).join(parts[:-1]), i18n._(" and "), parts[-1])


def _at(wave: float, lo: float, hi: float) -> str:
    return f"{100 * (wave - lo) / (hi - lo):.2f}%"


def line_names(lo: float, hi: float, groups: Sequence[tuple[str, Sequence[float]]]) -> Markup:
    """Names of lines over a picture that runs from ``lo`` to ``hi`` Angstrom, with a tick at each."""
    parts = [Markup('<svg class="line-scale" width="100%" height="26" aria-hidden="true" focusable="false">')]
    mark = Markup('<line x1="{0}" x2="{0}" y1="16" y2="26" class="line-mark"/>')
    for name, waves in groups:
        parts.extend(mark.format(_at(wave, lo, hi)) for wave in waves)
        parts.append(Markup('<text x="{}" y="11">{}</text>').format(_at(sum(waves) / len(waves), lo, hi), name))
    return Markup("").join([*parts, Markup("</svg>")])


def wave_ticks(lo: float, hi: float, step: float = 200.0) -> Markup:
    """A wavelength scale under the same picture; every second tick disappears on narrow screens."""
    parts = [Markup('<svg class="wave-ticks" width="100%" height="22" aria-hidden="true" focusable="false">')]
    tick = -(-lo // step) * step
    while tick < hi:
        kind = "major" if tick % (2 * step) == 0 else "minor"
        html = '<line x1="{0}" x2="{0}" y1="0" y2="6"/><text x="{0}" y="19" class="{1}">{2}</text>'
        parts.append(Markup(html).format(_at(tick, lo, hi), kind, f"{tick:.0f}"))
        tick += step
    return Markup("").join([*parts, Markup("</svg>")])
