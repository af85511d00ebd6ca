"""Trained models on spectra unlike those they were trained on: pixels lost, another resolution, other noise.

The stars and the normal deviates of the noise are those of the test set each time; only what is named changes.
"""

from collections.abc import Iterator
from copy import copy
from dataclasses import replace

import torch
from torch import Tensor

from model.baselines import Baseline
from model.evaluate import answers
from model.instruments import ExposureNoise
from model.pipeline import TEST_LEVELS, Pipeline
from model.simulator import Simulator, fixed_set, generator
from model.studies import interval
from model.vit import Network
from site_builder.contract.schema import StressRow

SPECTRA = 4_000
RESOLUTIONS = (2_500.0, 10_000.0)
SKY = 3.0  # times the background of the training noise
OUTLIERS, OUTLIER_SIZE = 0.01, 10.0  # share of pixels, and their size in units of the median flux's noise

Condition = tuple[str, str, Tensor]


def conditions(simulator: Simulator, n: int, levels: tuple[float, float] | None, blank: Tensor) -> Iterator[Condition]:
    """(group, label, flux (n, pixels)) of every condition.

    Args:
        blank: (pixels,) what a lost pixel is replaced by, the mean training spectrum.
    """
    plain = fixed_set(simulator, n, "test", levels)
    pixels = plain.flux.shape[1]
    yield "none", "as trained", plain.flux
    g = generator(0, "stress")
    for share in (0.1, 0.5):
        lost = torch.rand(n, pixels, generator=g) < share
        yield "masked", f"{share:.0%} of the pixels lost, at random", torch.where(lost, blank, plain.flux)
    half = torch.arange(pixels) < pixels // 2
    yield "masked", "blue half lost", torch.where(half, blank, plain.flux)
    yield "masked", "red half lost", torch.where(half, plain.flux, blank)
    for resolution in RESOLUTIONS:
        other = Simulator(replace(simulator.instrument, resolution=resolution), simulator.prior)
        title = f"resolution {resolution:g} instead of {simulator.instrument.resolution:g}"
        yield "resolution", title, fixed_set(other, n, "test", levels).flux
    noise = simulator.instrument.noise
    if isinstance(noise, ExposureNoise):
        bright = copy(simulator)
        bright.instrument = replace(simulator.instrument, noise=replace(noise, background_e2=noise.background_e2 * SKY))
        yield "noise", f"sky background {SKY:g} times as bright", fixed_set(bright, n, "test", levels).flux
    hit = torch.rand(n, pixels, generator=g) < OUTLIERS
    spikes = hit * OUTLIER_SIZE * (plain.flux - plain.flux.mean(0)).std()
    yield "noise", f"{OUTLIERS:.0%} of the pixels hit by cosmic rays", plain.flux + spikes


def stress(pipeline: Pipeline, networks: dict[str, Network], baselines: dict[str, Baseline]) -> list[StressRow]:
    """Every model under every condition."""
    c, simulator = pipeline.config, pipeline.simulator
    levels = TEST_LEVELS[c.instrument]
    n = min(SPECTRA, c.test_spectra)
    batch = fixed_set(simulator, n, "test", levels)
    truth = batch.labels[:, 1].double().numpy()
    blank = next(iter(networks.values())).scaler.mean
    rows = []
    for group, label, flux in conditions(simulator, n, levels, blank):
        for name, answer in answers(flux, batch.level, networks, baselines).items():
            values = {m: interval(truth, answer, m, c.bootstrap) for m in ("r2", "mae", "bias")}
            rows.append(StressRow(group=group, label=label, model=name, n=n, **values))
    return rows
