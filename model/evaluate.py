"""Every model of a run on every set of spectra, and the metrics of each slice."""

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from itertools import pairwise

import numpy as np
import torch
from scipy.special import ndtr
from torch import Tensor

from model.baselines import Baseline
from model.metrics import NAMES, bootstrap, coverage
from model.resample import to_instrument
from model.simulator import Batch, Simulator, fixed_set, generator
from model.surveys import lamost
from model.train import predict
from model.vit import Network
from site_builder.contract.schema import Interval, MetricRow, PitRow, SetInfo

MIN_STARS = 20
TEFF_EDGES = (3750, 4250, 4750, 5250, 6000, 7000)
MH_EDGES = (-2.5, -1.5, -1.0, -0.5, 0.0, 0.75)
SNR_EDGES = (0, 10, 20, 40, 80, 160, 320)
CLASSES = {"giant": (-np.inf, 2.5), "subgiant": (2.5, 3.5), "dwarf": (3.5, np.inf)}


@dataclass
class EvaluationSet:
    """Spectra with known log g that no model was trained on.

    Attributes:
        flux: (n, pixels) normalised, ready for ``predict``.
        valid: (n, pixels) bool, False where an observed spectrum has no data; None: all valid.
        error: (n, pixels) standard deviation of observed flux, 0 where invalid.
        z: (n,) redshift that was taken out of observed spectra.
        levels: (n,) magnitudes, or None.
        level_bins: (label, lower edge, upper edge) of the magnitude bins.
        batch: what a synthetic set was simulated as.
        brightness_only: metrics by brightness alone, not by class or label.
    """

    info: SetInfo
    flux: Tensor
    logg: np.ndarray
    teff: np.ndarray
    mh: np.ndarray
    snr: np.ndarray
    levels: np.ndarray | None = None
    level_bins: tuple[tuple[str, float, float], ...] = ()
    valid: Tensor | None = None
    error: Tensor | None = None
    z: np.ndarray | None = None
    id: list[str] | None = None
    batch: Batch | None = None
    brightness_only: bool = False
    predicted: dict[str, np.ndarray] = field(default_factory=dict)
    sigma: dict[str, np.ndarray] = field(default_factory=dict)
    half95: dict[str, np.ndarray] = field(default_factory=dict)


def synthetic_set(
    simulator: Simulator, name: str, title: str, n: int, levels: tuple[float, float] | None, step: float
) -> EvaluationSet:
    """A fixed set of n synthetic spectra; magnitudes are binned in steps of ``step``."""
    lo, hi = levels or simulator.level_range
    has_magnitude = simulator.prior.magnitude is not None
    what = f"magnitude {lo:g} to {hi:g}" if has_magnitude else f"S/N {lo:g} to {hi:g} per pixel"
    edges = np.round(np.arange(lo, hi + step / 2, step), 4).tolist() if has_magnitude else []
    bins = tuple((f"{a:g} to {b:g}", a, b) for a, b in pairwise(edges))
    return _of_batch(fixed_set(simulator, n, name, levels), simulator, name, title, what, bins)


CURVE_MAGNITUDES = np.arange(20, 23.01, 0.25)


def curve_set(simulator: Simulator, name: str, title: str, each: int) -> EvaluationSet:
    """``each`` spectra at every magnitude of the SNR curve, seed 0 of the stream ``name``."""
    parts = []
    for magnitude in CURVE_MAGNITUDES:
        for i in range(0, each, 1000):
            n = min(1000, each - i)
            g = generator(0, f"{name}/{magnitude:g}", i)
            parts.append(simulator.observe(simulator.draw_labels(n, g), torch.full((n,), float(magnitude)), g))
    batch = Batch(*(torch.cat([getattr(p, f) for p in parts]) for f in ("labels", "level", "flux", "snr")))
    half = float(CURVE_MAGNITUDES[1] - CURVE_MAGNITUDES[0]) / 2
    bins = tuple((f"{m:g}", m - half, m + half) for m in CURVE_MAGNITUDES.tolist())
    lo, hi = CURVE_MAGNITUDES[[0, -1]]
    what = f"{each} at each of {len(CURVE_MAGNITUDES)} magnitudes from {lo:g} to {hi:g}"
    return replace(_of_batch(batch, simulator, name, title, what, bins), brightness_only=True)


def _of_batch(
    batch: Batch,
    simulator: Simulator,
    name: str,
    title: str,
    what: str,
    bins: tuple[tuple[str, float, float], ...],
) -> EvaluationSet:
    teff, logg, mh = batch.labels.double().numpy().round(4).T
    n = len(logg)
    return EvaluationSet(
        info=SetInfo(
            name=name,
            title=title,
            origin="synthetic",
            survey="synthetic",
            n=n,
            description=f"{n} synthetic spectra, labels uniform over the prior, {what}; noise drawn once",
            label_source="the labels that the spectra were computed for",
            credit="The SpecViT maintainers",
            selection={"drawn": n},
        ),
        flux=batch.flux,
        logg=logg,
        teff=teff,
        mh=mh,
        snr=batch.snr.double().numpy().round(4),
        levels=batch.level.double().numpy().round(4) if simulator.prior.magnitude else None,
        level_bins=bins,
        batch=batch,
    )


def lamost_set(simulator: Simulator) -> EvaluationSet:
    """The labelled LAMOST DR10 stars below 7000 K, on the instrument's pixels."""
    wave = simulator.instrument.wave
    stars, selection = lamost.select_dr10(wave[0], wave[-1])
    on_pixels = [
        to_instrument(stars.wave, f, i, float(z), simulator.instrument)
        for f, i, z in zip(stars.flux, stars.ivar, stars.z, strict=True)
    ]
    return EvaluationSet(
        info=SetInfo(
            name="lamost-dr10",
            title="Observed LAMOST DR10 stars",
            origin="observed",
            survey="LAMOST DR10",
            n=len(stars),
            description=f"{len(stars)} observed stars with catalogue log g, Teff below {lamost.TEFF_MAX:g} K",
            label_source="LAMOST DR10 stellar parameter pipeline (LASP); no label errors given",
            credit=lamost.CREDIT,
            selection=selection,
        ),
        flux=torch.stack([s.flux for s in on_pixels]),
        logg=stars.logg.round(4),
        teff=stars.teff.round(4),
        mh=stars.mh.round(4),
        snr=np.array([s.snr for s in on_pixels]).round(4),
        valid=torch.stack([s.valid for s in on_pixels]),
        error=torch.stack([s.sigma for s in on_pixels]),
        z=stars.z,
        id=[str(i) for i in stars.id],
    )


def answers(
    flux: Tensor, level: Tensor | None, networks: Mapping[str, Network], baselines: Mapping[str, Baseline]
) -> dict[str, np.ndarray]:
    """log g (n,) of every model, rounded as exported (4 decimals)."""
    found = {name: predict(net, flux)[0].double().numpy() for name, net in networks.items()}
    found |= {name: np.asarray(one.predict(flux, level), np.float64) for name, one in baselines.items()}
    return {name: answer.round(4) for name, answer in found.items()}


def run_models(evaluation: EvaluationSet, networks: Mapping[str, Network], baselines: Mapping[str, Baseline]) -> None:
    """Fill ``predicted``, ``sigma`` and ``half95``, rounded as exported (4 decimals)."""
    e = evaluation
    level = None if e.batch is None else e.batch.level
    for name, net in networks.items():
        logg, sigma = predict(net, masked_flux(e, net))
        e.predicted[name] = logg.double().numpy().round(4)
        e.sigma[name] = np.maximum(sigma.double().numpy().round(4), 1e-4)
        e.half95[name] = np.maximum(net.scaler.half95(sigma).double().numpy().round(4), 1e-4)
    e.predicted |= answers(masked_flux(e, next(iter(networks.values()))), level, {}, baselines)


def masked_flux(evaluation: EvaluationSet, net: Network) -> Tensor:
    """Flux with pixels without data set to the mean training spectrum, which every model sees as 0."""
    if evaluation.valid is None:
        return evaluation.flux
    return torch.where(evaluation.valid, evaluation.flux, net.scaler.mean)


def slices(evaluation: EvaluationSet) -> Iterator[tuple[str, str, float | None, float | None, np.ndarray]]:
    """(slice, label, lo, hi, mask) of each slice; bins include lo, and hi only in the last."""
    e = evaluation
    yield "all", "all", None, None, np.ones(len(e.logg), bool)
    if e.levels is not None:
        for i, (label, lo, hi) in enumerate(e.level_bins):
            last = i == len(e.level_bins) - 1
            yield "magnitude", label, lo, hi, (e.levels >= lo) & ((e.levels < hi) | (last & (e.levels == hi)))
    if e.brightness_only:
        return
    for name, (lo, hi) in CLASSES.items():
        yield "class", name, None, None, (e.logg >= lo) & (e.logg < hi)
    columns: dict[str, tuple[np.ndarray | None, tuple[float, ...]]] = {
        "snr": (e.snr if e.levels is None else None, SNR_EDGES),
        "teff": (e.teff, TEFF_EDGES),
        "mh": (e.mh, MH_EDGES),
    }
    for name, (values, edges) in columns.items():
        if values is None:
            continue
        for lo, hi in pairwise(edges):
            inside = (values >= lo) & ((values < hi) | ((hi == edges[-1]) & (values == hi)))
            yield name, f"{lo:g} to {hi:g}", float(lo), float(hi), inside


def metric_rows(evaluation: EvaluationSet, resamples: int, order: list[str]) -> list[MetricRow]:
    """Metrics of every model on every slice of at least 20 stars, with 95 % bootstrap intervals."""
    e = evaluation
    rows = []
    for kind, label, lo, hi, inside in slices(e):
        if inside.sum() < MIN_STARS:
            continue
        for model in order:
            table = bootstrap(e.logg[inside], e.predicted[model][inside], resamples).round(6)
            values = {
                name: Interval(value=v, lo=a, hi=b) for name, (v, a, b) in zip(NAMES, table.T.tolist(), strict=True)
            }
            covered: tuple[float | None, float | None] = (None, None)
            if model in e.sigma:
                c68, c95 = coverage(
                    e.logg[inside], e.predicted[model][inside], e.sigma[model][inside], e.half95[model][inside]
                )
                covered = (round(c68, 6), round(c95, 6))
            rows.append(
                MetricRow(
                    model=model,
                    slice=kind,
                    label=label,
                    lo=lo,
                    hi=hi,
                    n=int(inside.sum()),
                    median_snr=round(float(np.median(e.snr[inside])), 4),
                    coverage68=covered[0],
                    coverage95=covered[1],
                    **values,
                )
            )
    return rows


PIT_BINS = 20


def pit_rows(evaluation: EvaluationSet) -> list[PitRow]:
    """Histograms of Phi((true - predicted) / sigma) of every model with a sigma, overall and by brightness."""
    e = evaluation
    rows = []
    for kind, label, _, _, inside in slices(e):
        if kind not in ("all", "magnitude", "snr") or inside.sum() < MIN_STARS:
            continue
        for model, sigma in e.sigma.items():
            pit = ndtr((e.logg[inside] - e.predicted[model][inside]) / sigma[inside])
            counts = np.histogram(pit, PIT_BINS, (0, 1))[0].tolist()
            rows.append(PitRow(model=model, slice=kind, label=label, n=int(inside.sum()), counts=counts))
    return rows


def timed(predict_once: Callable[[Tensor], object], flux: Tensor, batch: int) -> float:
    """Milliseconds per spectrum in batches of ``batch``: median of 15 calls after 2 that do not count."""
    part = flux[:batch]
    times = []
    for _ in range(17):
        started = time.perf_counter()
        predict_once(part)
        times.append(time.perf_counter() - started)
    return float(np.median(times[2:])) * 1000 / len(part)
