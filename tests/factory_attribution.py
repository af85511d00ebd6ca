"""Made-up measures of where answers come from, for ``tests/factory.py``: no measurements, but consistent."""

from itertools import combinations
from typing import Any

import numpy as np

from site_builder import lines
from site_builder.checks.attribution import corrected
from site_builder.contract.attribution import (
    Activations,
    Area,
    AttributionFile,
    Captured,
    Correlation,
    Cut,
    Deletion,
    FaithfulnessFile,
    HeadTest,
    LineSet,
    Measure,
)
from site_builder.contract.schema import AttentionFile, InstrumentFile, Interval, Provenance, VitShape
from site_builder.stars import wavelength_at

N = 120  # spectra, or as many as there are
ON_PATCHES: tuple[Measure, ...] = (
    "attention", "last-layer", "rollout", "gradient", "occlusion", "fisher", "fisher-plain",
)  # fmt: skip
ON_WINDOWS = ON_PATCHES[3:]


def fine(vit: VitShape) -> int:
    """Pixels of the finer windows."""
    return max(1, vit.patch_size // 2)


def _shares(rng: np.random.Generator, n: int) -> list[float]:
    x = rng.gamma(1.0, 1.0, n)
    return (x / x.sum()).round(7).tolist()


def _interval(value: float, spread: float) -> Interval:
    return Interval(value=round(value, 6), lo=round(value - spread, 6), hi=round(value + spread, 6))


def attribution(
    rng: np.random.Generator, provenance: Provenance, attention: AttentionFile, vit: VitShape, crlb: float
) -> AttributionFile:
    """Measures and activations of one star."""
    cuts = []
    for size in (vit.patch_size, fine(vit)):
        n = vit.n_pixels // size
        columns = {k: _shares(rng, n) for k in ("fisher", "fisher_plain", "gradient")}
        cuts.append(Cut(size=size, occlusion=rng.uniform(0, 0.3, n).round(4).tolist(), **columns))
    tokens = vit.n_patches + (vit.pool == "cls")
    reading = [3.0, *rng.uniform(1, 5, vit.depth - 1).round(3).tolist(), attention.predicted_logg]
    assert attention.magnitude is not None
    return AttributionFile(
        provenance=provenance,
        id=attention.id,
        magnitude=attention.magnitude,
        draws=4,
        crlb=crlb,
        information=crlb**-2,
        information_plain=3 * crlb**-2,
        noise_dex=0.9 * crlb,
        cuts=cuts,
        activations=Activations(
            input_rms=rng.uniform(0.5, 3, vit.n_patches).round(3).tolist(),
            token_norm=rng.uniform(5, 50, (vit.depth + 1, tokens)).round(3).tolist(),
            change=rng.uniform(5, 20, (vit.depth, tokens)).round(3).tolist(),
            reading=reading,
        ),
    )


def _curves(
    rng: np.random.Generator, size: int, measures: tuple[Measure, ...], start: dict[str, float]
) -> tuple[list[Deletion], list[Area]]:
    """Deletion curves from ``start`` to a common end, and the areas between them."""
    removed = [k / 8 for k in range(9)]
    x = np.array(removed)

    def curve(order: Any, measure: Measure | None, power: float) -> Deletion:
        mae = start["mae"] + (1.0 - start["mae"]) * x**power
        r2 = start["r2"] - (start["r2"] + 0.05) * x**power
        columns = [[_interval(v, 0.03) for v in values] for values in (r2, mae)]
        return Deletion(size=size, order=order, measure=measure, removed=removed, r2=columns[0], mae=columns[1])

    def mean(of: Deletion) -> float:
        return float(np.mean([v.value for v in of.mae]))

    chance = curve("random", None, 1.0)
    curves, areas = [chance], []
    for measure in measures:
        most, least = curve("most", measure, rng.uniform(0.3, 0.8)), curve("least", measure, rng.uniform(1.5, 3))
        curves += [most, least]
        gaps = (mean(most) - mean(chance), mean(chance) - mean(least), mean(most) - mean(least))
        above, below, between = (_interval(gap, 0.02) for gap in gaps)
        areas.append(Area(size=size, measure=measure, most=above, least=below, between=between))
    return curves, areas


def _line_sets(instrument: InstrumentFile, vit: VitShape) -> list[LineSet]:
    edges = [wavelength_at(instrument.wave, size - 0.5) for size in range(vit.n_pixels + 1)]
    found = []
    for name, title in (("ca-ii", "Ca II triplet"), ("mg-i", "Mg I")):
        prefix = " ".join(title.split()[:2]) + " "
        vacuum = np.array([x.vacuum for x in lines.load()[1] if x.label.startswith(prefix)])
        vacuum = vacuum[(vacuum > edges[0]) & (vacuum < edges[-1])]
        pixels = np.searchsorted(edges, vacuum) - 1
        places = [sorted(set((pixels // size).tolist())) for size in (vit.patch_size, fine(vit))]
        found.append(LineSet(id=name, title=title, vacuum=vacuum.tolist(), patches=places[0], windows=places[1]))
    return found


def _heads(rng: np.random.Generator, vit: VitShape, sets: list[LineSet], kind: Any, least: float) -> list[HeadTest]:
    keys = [(k, h, s.id) for k in range(vit.depth) for h in range(vit.heads) for s in sets]
    p = np.r_[least, rng.uniform(0.1, 1, len(keys) - 1)].round(6).tolist()
    tests = []
    for (layer, head, name), one, q in zip(keys, p, corrected(p).round(6).tolist(), strict=True):
        ratio = _interval(2.0 if one == least else float(rng.uniform(0.7, 1.3)), 0.2)
        specialises = q <= 0.05 and ratio.lo > 1
        tests.append(
            HeadTest(
                kind=kind, layer=layer, head=head, lines=name, enrichment=ratio, p=one, q=q, specialises=specialises
            )
        )
    return tests


def faithfulness(
    rng: np.random.Generator,
    provenance: Provenance,
    instrument: InstrumentFile,
    vit: VitShape,
    n: int,
    start: dict[str, float],
) -> FaithfulnessFile:
    """Measures against each other, deletion and chance.

    Args:
        start: r2 and mae of the first n predictions of SpecViT on the set "test".
    """
    correlations, captured, deletion, areas = [], [], [], []
    for size, measures in ((vit.patch_size, ON_PATCHES), (fine(vit), ON_WINDOWS)):
        for a, b in combinations(measures, 2):
            rho = _interval(float(rng.uniform(-0.2, 0.8)), 0.05)
            correlations.append(Correlation(size=size, first=a, second=b, rho=rho, null_lo=-0.25, null_hi=0.25, p=0.02))
        for a in measures:
            share = _interval(float(rng.uniform(0.3, 0.7)), 0.04)
            captured.append(Captured(size=size, measure=a, share=share, null_lo=0.15, null_hi=0.38, p=0.01))
        curves, between = _curves(rng, size, measures, start)
        deletion += curves
        areas += between
    sets = _line_sets(instrument, vit)
    return FaithfulnessFile(
        provenance=provenance,
        set="test",
        n=n,
        draws=2,
        bootstrap=100,
        null={vit.patch_size: "9 random permutations of the windows", fine(vit): "all circular shifts of the windows"},
        correlations=correlations,
        captured=captured,
        deletion=deletion,
        areas=areas,
        level=0.05,
        correction="Benjamini and Hochberg (1995)",
        lines=sets,
        heads=_heads(rng, vit, sets, "attention", 1 / 16) + _heads(rng, vit, sets, "response", 0.001),
        seconds=1.0,
    )
