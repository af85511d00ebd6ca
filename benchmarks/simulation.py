"""Noisy spectra a second, beside the published figure."""

from common import Section, best_times, main, threads

from model.simulator import Simulator

BATCH = 512
# Published with the earlier results: 1 000 000 synthetic spectra in 304 hours on 60 threads.
PUBLISHED_PER_S, PUBLISHED_THREADS = 1_000_000 / (304 * 3600), 60


def measure(seconds: float = 5) -> Section:
    cores = threads()
    section = Section(
        "Simulation",
        f"Spectra a second, with labels, interpolation, line spread, noise and normalisation; batches of {BATCH} on "
        f"{cores} {'thread' if cores == 1 else 'threads'}.",
        ["instrument", "pixels", "here", "published", "ratio", "ratio per thread"],
    )
    for name in ("pfs-mr", "lamost"):
        simulator = Simulator.of(name)
        step = iter(range(10**9))
        times = best_times({"batch": lambda s=simulator, k=step: s.batch(BATCH, 0, "benchmark", next(k))}, seconds)
        speed = BATCH / times["batch"]
        ratio = speed / PUBLISHED_PER_S
        row = [name, str(simulator.instrument.wave_axis.n), f"{speed:.0f}", f"{PUBLISHED_PER_S:.2f}"]
        section.rows.append([*row, f"{ratio:.0f}", f"{ratio * PUBLISHED_THREADS / cores:.0f}"])
    section.note = (
        "The published figure is 1 000 000 spectra in 304 hours on 60 threads, as published: another program on "
        "another machine, not measured here."
    )
    return section


if __name__ == "__main__":
    main(measure)
