"""The network as it was run, drawn as SVG: a real spectrum, its patches, tokens, one layer, the head.

Everything is placed by this module from ``run.vit``; the only text besides fixed words is numbers, so
the drawing is safe to trust. One drawing for wide screens, one for narrow ones.
"""

from dataclasses import dataclass, field

import numpy as np
from markupsafe import Markup

from site_builder.contract.schema import VitShape
from site_builder.figures.svg import decimate
from site_builder.i18n import _
from site_builder.markup import drawn_svg


@dataclass
class Canvas:
    """Collects SVG elements; coordinates in CSS pixels."""

    width: int
    parts: list[str] = field(default_factory=list)
    y: float = 0.0  # where the next row begins

    def text(self, x: float, y: float, words: str, css: str = "", anchor: str = "middle") -> None:
        """Words at a point."""
        self.parts.append(f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" class="{css}">{words}</text>')

    def box(self, x: float, y: float, w: float, h: float, words: str = "", small: str = "", css: str = "box") -> None:
        """A box with a name and a line of detail."""
        self.parts.append(f'<rect x="{x:.1f}" y="{y:.1f}" width="{w:.1f}" height="{h:.1f}" class="{css}"/>')
        if words:
            self.text(x + w / 2, y + h / 2 + (4 if not small else -3), words)
        if small:
            self.text(x + w / 2, y + h / 2 + 14, small, "small")

    def arrow(self, *points: tuple[float, float]) -> None:
        """A line through points with a head at the last."""
        path = "M" + "L".join(f"{x:.1f} {y:.1f}" for x, y in points)
        (x0, y0), (x1, y1) = points[-2], points[-1]
        length = float(np.hypot(x1 - x0, y1 - y0)) or 1.0
        ux, uy = (x1 - x0) / length, (y1 - y0) / length
        head = [
            (x1 - 7 * ux + 3.5 * uy, y1 - 7 * uy - 3.5 * ux),
            (x1, y1),
            (x1 - 7 * ux - 3.5 * uy, y1 - 7 * uy + 3.5 * ux),
        ]
        path += "M" + "L".join(f"{x:.1f} {y:.1f}" for x, y in head)
        self.parts.append(f'<path d="{path}" class="flow"/>')

    def plus(self, x: float, y: float) -> None:
        """Where a residual branch joins."""
        self.parts.append(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="9" class="box"/>')
        self.parts.append(f'<path d="M{x - 5:.1f} {y:.1f}h10M{x:.1f} {y - 5:.1f}v10" class="flow"/>')


def _spectrum(c: Canvas, vit: VitShape, wave: np.ndarray, flux: np.ndarray, height: float) -> None:
    """The spectrum with alternate patches shaded."""
    left, right = 8.0, c.width - 8.0
    step = (right - left) / vit.n_patches
    for i in range(0, vit.n_patches, 2):
        c.parts.append(
            f'<rect x="{left + i * step:.2f}" y="{c.y:.1f}" width="{step:.2f}" height="{height}" class="patch"/>'
        )
    x, y = decimate(wave, flux, 500 if c.width > 500 else 220)
    good = np.isfinite(y)
    x, y = x[good], y[good]
    low, high = float(np.percentile(y, 0.1)), float(np.percentile(y, 99.9))
    px = left + (x - wave[0]) / (wave[-1] - wave[0]) * (right - left)
    py = c.y + height - 5 - np.clip((y - low) / (high - low or 1.0), -0.02, 1.02) * (height - 12)
    points = "L".join(f"{a:.1f} {b:.1f}" for a, b in zip(px, py, strict=True))
    c.parts.append(f'<path d="M{points}" class="flux"/>')
    c.y += height


def _tokens(c: Canvas, vit: VitShape) -> None:
    """One bar a patch, and the CLS token where there is one."""
    left, right = 8.0, c.width - 8.0
    n = vit.n_patches
    step = (right - left) / n
    gap = min(4.0, step * 0.3)
    many = n > 40
    for i in range(0, n, max(1, n // 16)) if many else range(n):
        x = left + (i + 0.5) * step
        c.parts.append(f'<path d="M{x:.1f} {c.y:.1f}v22" class="flow"/>')
    c.y += 24
    for i in range(n):
        x = left + i * step + gap / 2
        c.parts.append(f'<rect x="{x:.2f}" y="{c.y:.1f}" width="{step - gap:.2f}" height="16" class="token"/>')
    c.y += 16


def _layer(c: Canvas, vit: VitShape, mlp_width: int | None) -> None:
    """One transformer layer: two residual branches, side by side or above each other."""
    head = _("{heads} heads of {width}", heads=vit.heads, width=vit.width // vit.heads)
    inner = _("{width} to {inner} to {width}", width=vit.width, inner=mlp_width) if mlp_width else "GELU"
    branches = [("LayerNorm", _("Self-attention"), head), ("LayerNorm", "MLP", inner)]
    if c.width > 600:
        top, mid = c.y, c.y + 74
        c.box(30, top, c.width - 60, 118, css="frame")
        c.text(44, top + 22, _("Transformer layer"), "name", "start")
        c.text(c.width - 44, top + 22, f"× {vit.depth}", "name accent", "end")
        x = 52.0
        span = (c.width - 104) / 2
        for norm, block, small in branches:
            c.arrow((x, mid), (x + 38, mid))
            c.box(x + 38, mid - 22, 96, 44, norm)
            c.arrow((x + 134, mid), (x + 162, mid))
            c.box(x + 162, mid - 22, 164, 44, block, small, "box strong")
            c.arrow((x + 326, mid), (x + span - 36, mid))
            c.plus(x + span - 26, mid)
            c.arrow((x + 14, mid), (x + 14, mid + 33), (x + span - 26, mid + 33), (x + span - 26, mid + 10))
            x += span - 17
        c.arrow((x, mid), (c.width - 40, mid))
        c.y += 118
        return
    height = 330
    c.box(14, c.y, c.width - 28, height, css="frame")
    c.text(26, c.y + 22, _("Transformer layer"), "name", "start")
    c.text(c.width - 26, c.y + 22, f"× {vit.depth}", "name accent", "end")
    x, y = c.width / 2, c.y + 34
    for norm, block, small in branches:
        c.arrow((x, y), (x, y + 18))
        c.box(x - 70, y + 18, 140, 30, norm)
        c.arrow((x, y + 48), (x, y + 62))
        c.box(x - 90, y + 62, 180, 44, block, small, "box strong")
        c.arrow((x, y + 106), (x, y + 120))
        c.plus(x, y + 129)
        c.arrow((x, y + 8), (x + 122, y + 8), (x + 122, y + 129), (x + 10, y + 129))
        y += 138
    c.y += height


def _drawing(
    vit: VitShape, wave: np.ndarray, flux: np.ndarray, mlp_width: int | None, width: int, css: str, title: str
) -> Markup:
    c = Canvas(width)
    narrow = width < 600
    c.text(
        8,
        14,
        _(
            "Spectrum: {pixels} pixels, cut into {n} patches of {size}",
            pixels=vit.n_pixels,
            n=vit.n_patches,
            size=vit.patch_size,
        ),
        "name",
        "start",
    )
    c.y = 24
    _spectrum(c, vit, wave, flux, 90)
    _tokens(c, vit)
    how = _("one matrix a position") if vit.embedding == "per-position" else _("one shared filter bank (Conv1D)")
    c.y += 20
    c.text(8, c.y, _("{n} tokens of width {width}: {how}", n=vit.n_patches, width=vit.width, how=how), "name", "start")
    if narrow:
        c.y += 18
    more = _("+ a CLS token and learned positions") if vit.pool == "cls" else _("+ learned positions")
    c.text(8 if narrow else width - 8, c.y, more, "small", "start" if narrow else "end")
    c.arrow((width / 2, c.y + 8), (width / 2, c.y + 30))
    c.y += 30
    _layer(c, vit, mlp_width)
    out = width / 2 - (0 if narrow else 145)
    c.arrow((out, c.y), (out, c.y + 22))
    c.y += 22
    pool = _("CLS token") if vit.pool == "cls" else _("mean of tokens")
    if narrow:
        c.box(width / 2 - 120, c.y, 240, 44, "LayerNorm", _("then the {pool}", pool=pool))
        c.arrow((width / 2, c.y + 44), (width / 2, c.y + 64))
        c.box(
            width / 2 - 120,
            c.y + 64,
            240,
            44,
            _("Linear head"),
            _("{width} to {n}", width=vit.width, n=2),
            "box strong",
        )
        c.arrow((width / 2, c.y + 108), (width / 2, c.y + 126))
        c.text(width / 2, c.y + 144, _("log g and its σ"), "answer")
        c.y += 156
    else:
        c.box(width / 2 - 250, c.y, 210, 44, "LayerNorm", _("then the {pool}", pool=pool))
        c.arrow((width / 2 - 40, c.y + 22), (width / 2 - 10, c.y + 22))
        c.box(width / 2 - 10, c.y, 150, 44, _("Linear head"), _("{width} to {n}", width=vit.width, n=2), "box strong")
        c.arrow((width / 2 + 140, c.y + 22), (width / 2 + 172, c.y + 22))
        c.text(width / 2 + 184, c.y + 28, _("log g and its σ"), "answer", "start")
        c.y += 52
    head = (
        f'<svg class="fig-svg diagram {css}" viewBox="0 0 {width} {c.y:.0f}" role="img" aria-labelledby="arch-{css}">'
    )
    head += f'<title id="arch-{css}">{title}</title>'
    return drawn_svg([head, *c.parts, "</svg>"])


def architecture(vit: VitShape, wave: np.ndarray, flux: np.ndarray, mlp_width: int | None) -> tuple[Markup, Markup]:
    """The drawing for wide and for narrow screens.

    Args:
        wave: (n_pixels,) vacuum Angstrom of a spectrum to draw.
        flux: (n_pixels,) its flux, NaN where there are no data.
        mlp_width: hidden width of the layers' MLP, if the configuration says it.
    """
    title = _("SpecViT as it was run, from spectrum to log g")
    return (
        _drawing(vit, wave, flux, mlp_width, 960, "wide-only", title),
        _drawing(vit, wave, flux, mlp_width, 380, "narrow-only", title),
    )
