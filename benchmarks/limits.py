"""Exact posteriors of log g a second: importance sampling for the Bayes limit, and the teacher of a training."""

import torch
from common import Section, best_times, main

from model.distill import LIBRARY, Teacher
from model.posterior import Compressed, posterior, sobol_labels
from model.simulator import Simulator, generator

SIZE = 16_384
BATCH = 256


def measure(seconds: float = 6) -> Section:
    section = Section(
        "Posteriors",
        f"Spectra a second. Importance sampling: library of {SIZE} model spectra, local proposals where they are "
        f"needed. Teacher: posterior mean and variance as targets of a training, batches of {BATCH}, making the "
        "spectra included.",
        ["what", "magnitude", "library", "spectra/s"],
    )
    simulator = Simulator.of("pfs-mr")
    likelihood = Compressed(simulator, sobol_labels(simulator, SIZE, 0))
    for magnitude in (20.0, 22.0):
        g = generator(0, "benchmark")
        level = torch.full((200,), magnitude)
        flux = simulator.observe(simulator.draw_labels(200, g), level, g).flux
        time = best_times({"posterior": lambda y=flux, m=level: posterior(likelihood, y, m)}, seconds / 3, 1)
        section.rows.append(["importance sampling", f"{magnitude:.0f}", str(SIZE), f"{200 / time['posterior']:.0f}"])
    teacher = Teacher(simulator)
    step = iter(range(10**9))
    draw = {"teacher": lambda: teacher.examples(BATCH, generator(0, "benchmark", next(step)))}
    speed = BATCH / best_times(draw, seconds / 3)["teacher"]
    lo, hi = simulator.prior.magnitude or (0, 0)
    section.rows.append(["teacher", f"{lo:g} to {hi:g}", f"at most {LIBRARY}", f"{speed:.0f}"])
    return section


if __name__ == "__main__":
    main(measure)
