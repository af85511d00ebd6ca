"""Checks that numbers are where such numbers can be: axes, units, brightness, labels, names of surveys."""

import numpy as np

from site_builder.checks.base import metric_files, refuse
from site_builder.contract.base import WaveAxis
from site_builder.contract.schema import ExampleFile
from site_builder.contract.spectra import SpectrumFile
from site_builder.results import Results
from site_builder.stars import wavelengths

# Whose spectra the readers of model/surveys and the experiments of model/transfer know.
SURVEYS = frozenset(
    {"synthetic", "LAMOST DR1", "LAMOST DR10", "DESI", "SDSS", "Gaia DR3 RVS", "STELIB", "STELIB v3.2", "IRTF"}
    | {"APOGEE", "APOGEE DR10", "APOGEE DR17", "emulator of APOGEE DR10"}
)
# (least, most) of what stars and spectrographs have; a number in another unit leaves these.
WAVES = (900.0, 60_000.0)  # Angstrom
UNITS = {
    "teff": (1000.0, 100_000.0),  # K
    "logg": (-2.0, 9.0),  # dex
    "mh": (-8.0, 2.0),  # dex
    "rv_kms": (-2000.0, 2000.0),  # km/s
    "flux": (0.2, 5.0),  # median of a spectrum that was divided by its median or its continuum
}
SLACK = 1e-3  # labels are rounded to four digits, SNR and magnitudes as well
TWICE = 2.0  # the SNR of one star at a magnitude is that of the others to this factor


def _axes(results: Results) -> list[tuple[str, WaveAxis]]:
    """(path, axis) of every file that has one; those of examples are their instrument's (``check_examples``)."""
    found = [(f"instruments/{name}.json", file.wave) for name, file in results.instruments.items()]
    return found + [(f"spectra/{name}.json", star.wave) for name, star in results.spectra.items()]


def check_waves(results: Results) -> None:
    """Wavelengths rise from each pixel to the next."""
    for path, axis in _axes(results):
        with np.errstate(over="ignore", invalid="ignore"):
            steps = np.diff(wavelengths(axis))
        if not (np.isfinite(steps).all() and (steps > 0).all()):
            refuse(results, path, "wave", "does not rise from each pixel to the next")


def check_units(results: Results) -> None:
    """Wavelengths are in Angstrom, temperatures in K, gravities and metallicities in dex, fluxes relative."""
    for path, axis in _axes(results):
        wave = wavelengths(axis)
        if wave[0] < WAVES[0] or wave[-1] > WAVES[1]:
            problem = f"runs from {wave[0]:.6g} to {wave[-1]:.6g}, which are no wavelengths of a star in Angstrom"
            refuse(results, path, "wave", problem, "give vacuum wavelengths in Angstrom")
    stars: list[tuple[str, ExampleFile | SpectrumFile]] = [
        (run.file(f"examples/{name}.json"), star)
        for run in results.runs.values()
        for name, star in run.examples.items()
    ]
    stars += [(f"spectra/{name}.json", star) for name, star in results.spectra.items()]
    for path, star in stars:
        for field in UNITS:
            _in_unit(results, path, field, getattr(star, field, None))
    for run, name, _ in metric_files(results):
        table = run.predictions[name]
        for field in ("teff", "logg", "mh"):
            _in_unit(results, run.file(f"predictions.{name}.json"), field, getattr(table, field))


def _in_unit(results: Results, path: str, field: str, value: object) -> None:
    """Refuse a number, or a column, of which the least or the most (of a flux: the median) is in another unit."""
    if value is None:
        return
    column = np.atleast_1d(np.asarray(value, dtype=float))  # None becomes NaN
    column = column[np.isfinite(column)]
    if not len(column):
        return
    ends = (np.median(column),) * 2 if field == "flux" else (column.min(), column.max())
    lo, hi = UNITS[field]
    for off in (ends[0] if ends[0] < lo else None, ends[1] if ends[1] > hi else None):
        if off is not None:
            mend = "give it in the unit of the contract (docs/results.md)"
            refuse(results, path, field, f"holds {off:.6g}, outside {lo:g} to {hi:g}", mend)


def check_snr(results: Results) -> None:
    """Curves are drawn over no brighter or fainter spectra than the data hold, and SNR falls with magnitude."""
    for run, name, path in metric_files(results):
        table = run.predictions[name]
        for i, row in enumerate(run.metrics[name].rows):
            column = getattr(table, row.slice) if row.slice in ("magnitude", "snr") else None
            if column is None or row.lo is None or row.hi is None:
                continue
            least, most = float(np.min(column)), float(np.max(column))
            if row.lo > most + SLACK or row.hi < least - SLACK:
                problem = f"is a bin from {row.lo:g} to {row.hi:g} where the data run from {least:.4g} to {most:.4g}"
                refuse(results, path, f"rows.{i}.lo", problem)
    for run in results.runs.values():
        tables = [run.predictions[s.name] for s in run.sets("synthetic")]
        for name, star in run.examples.items():
            if star.ladder is None:
                continue
            path, snr = run.file(f"examples/{name}.json"), np.asarray(star.ladder.snr)
            if (np.diff(snr) >= 0).any():
                refuse(results, path, "ladder.snr", "does not fall from each magnitude to the fainter one")
            known = [t.snr for t in tables if t.magnitude is not None]
            if known and (snr.min() < min(map(np.min, known)) / TWICE or snr.max() > max(map(np.max, known)) * TWICE):
                problem = f"runs from {snr.min():.4g} to {snr.max():.4g}, beyond that of the run's synthetic sets"
                refuse(results, path, "ladder.snr", problem)


def check_priors(results: Results) -> None:
    """Labels of synthetic sets lie in the prior that the run states, from end to end."""
    for run in results.runs.values():
        for info in run.sets("synthetic"):
            table, path = run.predictions[info.name], run.file(f"predictions.{info.name}.json")
            for field in ("teff", "logg", "mh"):
                lo, hi = getattr(run.run.prior, field)
                column = np.asarray(getattr(table, field))
                slack = SLACK * (hi - lo)
                if column.min() < lo - slack or column.max() > hi + slack:
                    problem = f"runs from {column.min():.6g} to {column.max():.6g}, outside the prior {lo:g} to {hi:g}"
                    refuse(results, path, field, problem)


def check_survey_names(results: Results) -> None:
    """Surveys of transfer experiments and loose spectra are on the closed list."""
    named = [
        (f"transfer/{name}.json", f"sets.{i}.survey", info.survey)
        for name, file in results.transfers.items()
        for i, info in enumerate(file.sets)
    ]
    named += [(f"spectra/{name}.json", "survey", star.survey) for name, star in results.spectra.items()]
    for path, field, survey in named:
        if survey not in SURVEYS:
            mend = "correct the name, or add it to SURVEYS in site_builder/checks/ranges.py"
            refuse(results, path, field, f"is {survey!r}, none of {', '.join(sorted(SURVEYS))}", mend)
