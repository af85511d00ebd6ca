"""``python -m model limits``: the limits per magnitude as a table for the terminal, with the checks of the method."""

import time

import numpy as np
import torch

from model.baselines.template import Template
from model.limits import Limits, limit_bin, method_checks, prepare, prior_sd, set_checks
from model.metrics import r2
from model.simulator import Simulator, generator

BOOTSTRAP = 200


def print_limits(spectra: int, magnitudes: tuple[float, ...]) -> None:
    """Compute and print, magnitude by magnitude."""
    started = time.perf_counter()
    simulator = Simulator.of("pfs-mr")
    tools, template, sd = prepare(simulator), Template(simulator), prior_sd(simulator)
    print(f"{spectra} synthetic spectra at each magnitude; R2 of log g, prior sd {sd:.3f} dex")
    print("magnitude   SNR  CRLB3   CRLB5   Bayes limit  MC error  template  posterior sd  RMSE   ESS 1 %")
    found, truths = [], []
    for magnitude in magnitudes:
        g = generator(0, f"limits/{magnitude:g}")
        labels = simulator.draw_labels(spectra, g)
        batch = simulator.observe(labels, torch.full((spectra,), magnitude), g)
        limits = Limits.of(simulator, batch, *tools)
        truth = batch.labels[:, 1].double().numpy()
        row = limit_bin(
            limits, "magnitude", f"{magnitude:g}", np.ones(spectra, bool), truth, batch.snr.numpy(), sd, BOOTSTRAP
        )
        fit = r2(truth, template.predict(batch.flux, batch.level))
        print(
            f"{magnitude:9g} {row.median_snr:5.1f} {row.crlb[0].r2:6.3f}  {row.crlb[1].r2:6.3f}  {row.r2.value:11.3f}  "
            f"{row.r2_se:8.4f}  {fit:8.3f}  {row.posterior_sd:12.3f}  {row.rmse.value:5.3f}  {row.ess_p1:7.0f}",
            flush=True,
        )
        found.append(limits)
        truths.append(truth)
    every = Limits.join(found)
    for check in set_checks(every, np.concatenate(truths)) + method_checks(simulator, tools[0]):
        verdict = "holds" if abs(check.value - check.expected) <= check.tolerance else "FAILS"
        print(f"{verdict}: {check.text} {check.value:g} (expected {check.expected:g}, tolerance {check.tolerance:g})")
    print(f"{time.perf_counter() - started:.0f} s on {torch.get_num_threads()} threads")
