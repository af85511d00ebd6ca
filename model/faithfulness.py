"""What measures of importance are worth: against the Fisher information, against deletion, against chance.

References: Samek et al. 2017, IEEE TNNLS 28, 2660 (arXiv 1509.06321; deletion curves); Hooker et al. 2019,
arXiv 1806.10758 (deleted inputs are unlike those trained on); Benjamini & Hochberg 1995, JRSS B 57, 289.
"""

from dataclasses import dataclass
from itertools import combinations
from typing import Literal, get_args

import numpy as np
import torch
from scipy.stats import false_discovery_control, rankdata
from torch import Tensor

from model.attribution import by_window, fisher_pixels, gradient_pixels, look, noise_of, occlude, replaced, shares
from model.metrics import resampled
from model.simulator import Simulator, generator
from model.train import predict
from model.vit import SpecViT
from site_builder.contract.attribution import Area, Captured, Correlation, Deletion, HeadTest, LineSet, Measure
from site_builder.contract.schema import Interval

SHIFTS_FROM = 64  # windows; with fewer there are too few circular shifts, and positions are permuted
PERMUTATIONS = 9999
STEPS = 16  # deletion: parts of the spectrum that go one after the other
RANDOM_ORDERS = 8
LEVEL = 0.05  # false discovery rate
CORRECTION = (
    "Benjamini and Hochberg (1995, JRSS B 57, 289) over all heads and sets of lines of a kind: q is the false "
    "discovery rate at which the test would be significant"
)


def interval(values: np.ndarray, resamples: int) -> Interval:
    """Mean of one value a star (n,) with its bootstrap interval."""
    lo, hi = resampled(lambda pick: values[pick].mean(-1), len(values), resamples)
    return Interval(value=round(float(values.mean()), 6), lo=round(float(lo), 6), hi=round(float(hi), 6))


@dataclass
class Measures:
    """Measures of n stars over windows of one size.

    Attributes:
        values: (n, windows) by measure; of attention only where windows are the network's patches.
        rows: (n, layers, heads, patches) mean attention of the pooled output.
        moved: (n, layers, heads, windows) mean response of the heads to occlusion.
    """

    size: int
    values: dict[Measure, np.ndarray]
    rows: np.ndarray
    moved: np.ndarray


def measure(
    net: SpecViT, simulator: Simulator, labels: Tensor, level: Tensor, draws: list[Tensor], sizes: list[int]
) -> list[Measures]:
    """Every measure of n stars, averaged over noise draws, for each window size.

    Args:
        labels: (n, 3) teff, logg, mh.
        level: (n,) magnitudes.
        draws: normalised flux (n, pixels) of each noise draw.
    """
    sigma = noise_of(simulator, labels, level)
    efficient, plain = fisher_pixels(simulator, labels, level)
    slope = sum((gradient_pixels(net, flux, sigma) for flux in draws), torch.zeros(())) / len(draws)
    seen = [look(net, flux) for flux in draws]
    rows = torch.stack([s.rows for s in seen]).mean(0)
    found = []
    for size in sizes:
        hidden = [occlude(net, flux, size) for flux in draws]
        values: dict[Measure, Tensor] = {}
        if size == net.config.patch_size:
            values["attention"] = shares(rows.mean((1, 2)))
            values["last-layer"] = shares(rows[:, -1].mean(1))
            values["rollout"] = torch.stack([s.rollout for s in seen]).mean(0)
        values["gradient"] = shares(by_window(slope, size))
        values["occlusion"] = torch.stack([h.change for h in hidden]).mean(0)
        values["fisher"] = shares(by_window(efficient, size))
        values["fisher-plain"] = shares(by_window(plain, size))
        moved = torch.stack([h.moved for h in hidden]).mean(0)
        arrays = {k: v.double().numpy() for k, v in values.items()}
        found.append(Measures(size, arrays, rows.double().numpy(), moved.double().numpy()))
    return found


def displacements(windows: int) -> np.ndarray:
    """(null, windows) places that windows go to: all circular shifts, or random permutations of few windows.

    The first is the identity. Neighbouring windows resemble each other, which shifts keep and permutations do not.
    """
    if windows >= SHIFTS_FROM:
        return np.add.outer(np.arange(windows), np.arange(windows)) % windows
    rng = np.random.default_rng(0)
    shuffled = rng.permuted(np.tile(np.arange(windows), (PERMUTATIONS, 1)), axis=1)
    return np.concatenate([np.arange(windows)[None], shuffled])


def null_text(windows: int) -> str:
    """What ``displacements`` does, in words."""
    if windows >= SHIFTS_FROM:
        return f"all {windows} circular shifts of the {windows} windows"
    return f"{PERMUTATIONS} random permutations of the {windows} windows, and the identity"


def _standard_ranks(values: np.ndarray) -> np.ndarray:
    """Ranks (n, windows) with mean 0 and mean square 1 per star; all equal values give 0."""
    ranks = rankdata(values, axis=1)
    ranks = ranks - ranks.mean(1, keepdims=True)
    spread = np.sqrt(np.square(ranks).mean(1, keepdims=True))
    return np.asarray(np.divide(ranks, spread, out=np.zeros_like(ranks), where=spread > 0))


def correlations(m: Measures, resamples: int) -> list[Correlation]:
    """Rank correlation of every two measures."""
    ranks = {k: _standard_ranks(v) for k, v in m.values.items()}
    windows = next(iter(ranks.values())).shape[1]
    places = displacements(windows)
    order = [k for k in get_args(Measure) if k in ranks]
    found = []
    for a, b in combinations(order, 2):
        table = ranks[a].T @ ranks[b] / ranks[a].size  # (windows, windows): the null is a sum of its entries
        null = table[np.arange(windows), places].sum(1)
        lo, hi = np.percentile(null, [2.5, 97.5])
        far = np.abs(null) >= abs(null[0]) - 1e-12
        found.append(
            Correlation(
                size=m.size,
                first=a,
                second=b,
                rho=interval((ranks[a] * ranks[b]).mean(1), resamples),
                null_lo=round(float(lo), 6),
                null_hi=round(float(hi), 6),
                p=round(float(far.mean()), 6),
            )
        )
    return found


def captured(m: Measures, resamples: int) -> list[Captured]:
    """Fisher information in the quarter of the windows that each measure ranks first."""
    truth = m.values["fisher"]
    n, windows = truth.shape
    places = displacements(windows)
    found = []
    for name, values in m.values.items():
        first = np.argsort(-values, axis=1, kind="stable")[:, : max(1, windows // 4)]
        chosen = np.zeros((n, windows))
        np.put_along_axis(chosen, first, 1.0, axis=1)
        table = chosen.T @ truth / n
        null = table[np.arange(windows), places].sum(1)
        lo, hi = np.percentile(null, [2.5, 97.5])
        found.append(
            Captured(
                size=m.size,
                measure=name,
                share=interval((chosen * truth).sum(1), resamples),
                null_lo=round(float(lo), 6),
                null_hi=round(float(hi), 6),
                p=round(float((null >= null[0] - 1e-12).mean()), 6),
            )
        )
    return found


def _answers(net: SpecViT, flux: Tensor, order: np.ndarray) -> np.ndarray:
    """log g (STEPS + 1, n) while windows go in the order (n, windows) of each star, the same share at every step."""
    windows = order.shape[1]
    rank = torch.from_numpy(np.argsort(order, axis=1))
    found = [predict(net, replaced(net, flux, rank < round(k * windows / STEPS)))[0] for k in range(STEPS + 1)]
    return torch.stack(found).double().numpy()


@dataclass
class _Curve:
    """Errors of one order of deletion: mean |error| and mean squared error of each star, (steps, n)."""

    absolute: np.ndarray
    square: np.ndarray

    @classmethod
    def of(cls, answers: list[np.ndarray], truth: np.ndarray) -> "_Curve":
        errors = np.stack(answers) - truth
        return cls(np.abs(errors).mean(0), np.square(errors).mean(0))

    def intervals(self, truth: np.ndarray, resamples: int) -> tuple[list[Interval], list[Interval]]:
        """R2 and MAE at every step."""

        def both(pick: np.ndarray) -> np.ndarray:
            t = truth[pick]
            spread = np.square(t - t.mean(-1, keepdims=True)).mean(-1)
            r2 = [1 - s[pick].mean(-1) / spread for s in self.square]
            return np.stack([np.stack(r2, -1), np.stack([a[pick].mean(-1) for a in self.absolute], -1)], -1)

        lo, hi = resampled(both, len(truth), resamples)
        value = both(np.arange(len(truth))[None])[0]
        table = np.stack([value, lo, hi]).round(6)
        columns = [[Interval(value=v, lo=a, hi=b) for v, a, b in table[:, :, k].T] for k in (0, 1)]
        return columns[0], columns[1]


def deletion(
    net: SpecViT, flux: Tensor, truth: np.ndarray, m: Measures, resamples: int
) -> tuple[list[Deletion], list[Area]]:
    """Deletion curves of every measure, and the areas between them.

    Args:
        flux: (n, pixels) the test spectra.
        truth: (n,) true log g.
    """
    n, windows = m.values["fisher"].shape
    rng = np.random.default_rng(m.size)
    shuffled = [rng.permuted(np.tile(np.arange(windows), (n, 1)), axis=1) for _ in range(RANDOM_ORDERS)]
    chance = _Curve.of([_answers(net, flux, order) for order in shuffled], truth)
    removed = [k / STEPS for k in range(STEPS + 1)]

    def curve(order: Literal["most", "least", "random"], name: Measure | None, of: _Curve) -> Deletion:
        r2, mae = of.intervals(truth, resamples)
        return Deletion(size=m.size, order=order, measure=name, removed=removed, r2=r2, mae=mae)

    curves, areas = [curve("random", None, chance)], []
    for name, values in m.values.items():
        order = np.argsort(-values, axis=1, kind="stable")
        most = _Curve.of([_answers(net, flux, order)], truth)
        least = _Curve.of([_answers(net, flux, order[:, ::-1])], truth)
        curves += [curve("most", name, most), curve("least", name, least)]
        gaps = (most.absolute - chance.absolute, chance.absolute - least.absolute, most.absolute - least.absolute)
        above, below, between = (interval(gap.mean(0), resamples) for gap in gaps)
        areas.append(Area(size=m.size, measure=name, most=above, least=below, between=between))
    return curves, areas


def _ratio(top: np.ndarray, bottom: np.ndarray, resamples: int) -> Interval:
    """Ratio of means over stars, (n,) each, with its bootstrap interval."""
    lo, hi = resampled(lambda pick: top[pick].mean(-1) / bottom[pick].mean(-1), len(top), resamples)
    return Interval(value=round(float(top.mean() / bottom.mean()), 6), lo=round(float(lo), 6), hi=round(float(hi), 6))


def head_tests(
    kind: Literal["attention", "response"],
    profiles: np.ndarray,
    base: np.ndarray,
    places: dict[str, list[int]],
    resamples: int,
) -> list[HeadTest]:
    """Enrichment of every head on every set of lines, with a null of all circular shifts of the lines.

    Args:
        profiles: (n, layers, heads, windows) shares of each head.
        base: (n, windows) what no preference would be.
        places: windows of each set of lines.
    """
    _, layers, heads, windows = profiles.shape
    shifts = np.add.outer(np.arange(windows), np.arange(windows)) % windows
    mean, flat = profiles.mean(0), base.mean(0)
    found: list[tuple[int, int, str, Interval]] = []
    p: list[float] = []
    for layer in range(layers):
        for head in range(heads):
            for lines, inside in places.items():
                null = mean[layer, head][shifts[:, inside]].sum(1) / flat[shifts[:, inside]].sum(1)
                ratio = _ratio(profiles[:, layer, head][:, inside].sum(1), base[:, inside].sum(1), resamples)
                found.append((layer, head, lines, ratio))
                p.append(round(float((null >= null[0] * (1 - 1e-9)).mean()), 6))
    q = false_discovery_control(p).round(6).tolist()
    return [
        HeadTest(
            kind=kind,
            layer=layer,
            head=head,
            lines=lines,
            enrichment=ratio,
            p=one,
            q=many,
            specialises=many <= LEVEL and ratio.lo > 1,
        )
        for (layer, head, lines, ratio), one, many in zip(found, p, q, strict=True)
    ]


def all_head_tests(coarse: Measures, fine: Measures, lines: list[LineSet], resamples: int) -> list[HeadTest]:
    """Both kinds of test: attention over patches, and response over the finest windows."""
    rows = coarse.rows / coarse.rows.sum(-1, keepdims=True)
    even = np.full((len(rows), rows.shape[-1]), 1 / rows.shape[-1])
    moved = fine.moved / fine.moved.sum(-1, keepdims=True).clip(1e-30)
    return head_tests("attention", rows, even, {x.id: x.patches for x in lines}, resamples) + head_tests(
        "response", moved, moved.mean((1, 2)), {x.id: x.windows for x in lines}, resamples
    )


def draws_of(simulator: Simulator, labels: Tensor, level: Tensor, n: int) -> list[Tensor]:
    """n noise draws of the same stars, each from a stream of its own."""
    return [simulator.observe(labels, level, generator(0, "attribution", i)).flux for i in range(n)]
