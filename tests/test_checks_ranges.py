"""Checks of axes, units, brightness, priors and surveys, each broken; and what ``--check`` tells of all checks."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from site_builder import checks
from site_builder.checks import ranges
from site_builder.contract import BadInput
from site_builder.contract.schema import FILE_KINDS
from site_builder.results import Results
from tests.factory import make_results
from tests.test_checks import LAMOST, PFS, changed, put


@pytest.fixture(scope="module")
def results_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_results(tmp_path_factory.mktemp("results"), n_stars=90, n_pixels=64)


def in_nanometres(content: dict[str, Any]) -> None:
    content["wave"] = {"scale": "linear", "start": 710.0, "step": 2.7, "n": content["wave"]["n"]}


def still(content: dict[str, Any]) -> None:
    content["wave"] |= {"scale": "linear", "start": 8000.0, "step": 1e-13}


def endless(content: dict[str, Any]) -> None:
    content["wave"] |= {"scale": "log10", "start": 3.9, "step": 200.0}


def in_erg(content: dict[str, Any]) -> None:
    content["flux"] = [None if f is None else f * 1e-16 for f in content["flux"]]


def axis(start: float, step: float) -> Callable[[dict[str, Any]], None]:
    def change(content: dict[str, Any]) -> None:
        content["wave"] |= {"scale": "linear", "start": start, "step": step}

    return change


def flux_times(factor: float) -> Callable[[dict[str, Any]], None]:
    def change(content: dict[str, Any]) -> None:
        content["flux"] = [None if f is None else f * factor for f in content["flux"]]

    return change


def bin_of(lo: float, hi: float) -> Callable[[dict[str, Any]], None]:
    def change(content: dict[str, Any]) -> None:
        row = next(r for r in content["rows"] if r["slice"] == "magnitude")
        row |= {"lo": lo, "hi": hi}

    return change


BROKEN: list[tuple[str, str, Callable[[dict[str, Any]], None], str]] = [
    ("check_waves", "instruments/lamost.json", still, "field wave"),
    ("check_waves", "spectra/test-galaxy.json", endless, "field wave"),
    ("check_units", "instruments/lamost.json", in_nanometres, "in Angstrom"),
    ("check_units", "spectra/test-galaxy.json", in_nanometres, "in Angstrom"),
    ("check_units", f"{PFS}/examples/dwarf-c.json", put("teff", 4.2), "field teff"),
    ("check_units", f"{PFS}/examples/dwarf-c.json", put("mh", 3.0), "field mh"),
    ("check_units", f"{PFS}/examples/dwarf-c.json", in_erg, "field flux"),
    ("check_units", f"{LAMOST}/examples/obs-dwarf-c.json", put("rv_kms", 35_000.0), "field rv_kms"),
    ("check_units", f"{PFS}/predictions.test.json", put("logg", 3, 4500.0), "field logg"),
    ("check_units", f"{LAMOST}/predictions.lamost-dr10.json", put("teff", 0, 5.1), "field teff"),
    ("check_units", f"{PFS}/examples/dwarf-c.json", put("teff", 900.0), "field teff"),
    ("check_units", f"{PFS}/examples/dwarf-c.json", put("teff", 120000.0), "field teff"),
    ("check_units", f"{LAMOST}/predictions.lamost-dr10.json", put("logg", 0, -3.0), "field logg"),
    ("check_units", f"{PFS}/examples/dwarf-c.json", put("logg", 9.5), "field logg"),
    ("check_units", f"{PFS}/examples/dwarf-c.json", put("mh", -9.0), "field mh"),
    ("check_units", f"{PFS}/examples/dwarf-c.json", put("mh", 2.5), "field mh"),
    ("check_units", f"{LAMOST}/examples/obs-dwarf-c.json", put("rv_kms", -2500.0), "field rv_kms"),
    ("check_units", f"{LAMOST}/examples/obs-dwarf-c.json", put("rv_kms", 2500.0), "field rv_kms"),
    ("check_units", f"{PFS}/examples/dwarf-c.json", flux_times(0.15), "field flux"),
    ("check_units", f"{PFS}/examples/dwarf-c.json", flux_times(7.0), "field flux"),
    ("check_units", "instruments/lamost.json", axis(899.0, 2.0), "runs from 899 to"),
    ("check_units", "instruments/lamost.json", axis(59_937.5, 1.0), "to 60000.5, which"),
    ("check_priors", f"{PFS}/predictions.test.json", put("mh", 5, 0.8), "field mh"),
    ("check_snr", f"{PFS}/metrics.snr-curve.json", bin_of(30.0, 31.0), "rows."),
    ("check_snr", f"{PFS}/metrics.snr-curve.json", bin_of(10.0, 19.9), "rows."),
    ("check_snr", f"{PFS}/metrics.snr-curve.json", bin_of(23.005, 24.0), "rows."),
    ("check_snr", f"{PFS}/examples/dwarf-c.json", put("ladder", "snr", 0, 400.0), "ladder.snr"),
    ("check_snr", f"{PFS}/examples/dwarf-c.json", put("ladder", "snr", [21.0, 9.5, 9.5, 1.6]), "ladder.snr"),
    ("check_snr", f"{PFS}/examples/dwarf-c.json", put("ladder", "snr", [2100.0, 950.0, 4.0, 1.6]), "ladder.snr"),
    ("check_snr", f"{PFS}/examples/dwarf-c.json", put("ladder", "snr", [21.0, 9.5, 4.0, 0.01]), "ladder.snr"),
    ("check_priors", f"{PFS}/predictions.test.json", put("teff", 5, 7200.0), "field teff"),
    ("check_priors", f"{PFS}/predictions.test.json", put("mh", 5, -2.6), "field mh"),
    ("check_survey_names", "spectra/test-galaxy.json", put("survey", "My telescope"), "field survey"),
    ("check_survey_names", "transfer/h-band.json", put("sets", 0, "survey", "LAMOST"), "sets.0.survey"),
]


# Just allowed, by these checks alone: (check, file, change).
ALLOWED: list[tuple[str, str, Callable[[dict[str, Any]], None]]] = [
    ("check_waves", "instruments/lamost.json", axis(3900.0, 0.2)),
    ("check_units", "instruments/lamost.json", axis(900.0, 0.2)),
    ("check_snr", f"{PFS}/metrics.snr-curve.json", bin_of(23.0, 23.5)),
    ("check_snr", f"{PFS}/metrics.snr-curve.json", bin_of(19.5, 20.0)),
    ("check_priors", f"{PFS}/predictions.test.json", put("mh", 5, 0.752)),
]


@pytest.mark.parametrize(
    ("name", "path", "change", "field"), BROKEN, ids=[f"{i}-{b[0][6:]}" for i, b in enumerate(BROKEN)]
)
def test_each_check(
    name: str, path: str, change: Callable[[dict[str, Any]], None], field: str, results_dir: Path, tmp_path: Path
) -> None:
    root = changed(results_dir, tmp_path / "results", path, change)
    with pytest.raises(BadInput) as caught:
        getattr(ranges, name)(Results.load(root))
    sentence = str(caught.value)
    assert field in sentence, sentence
    assert Path(path).name in sentence
    assert sentence.count("\n") == 0
    assert sentence.endswith(".")
    with pytest.raises(BadInput):  # and a build refuses it, whichever check is first to see it
        checks.run_all(Results.load(root))


@pytest.mark.parametrize(("name", "path", "change"), ALLOWED, ids=[f"{i}-{a[0][6:]}" for i, a in enumerate(ALLOWED)])
def test_what_is_just_allowed_passes(
    name: str, path: str, change: Callable[[dict[str, Any]], None], results_dir: Path, tmp_path: Path
) -> None:
    getattr(ranges, name)(Results.load(changed(results_dir, tmp_path / "results", path, change)))


def test_what_is_right_passes(results_dir: Path) -> None:
    results = Results.load(results_dir)
    for name in {b[0] for b in BROKEN}:
        getattr(ranges, name)(results)


def test_the_builder_knows_every_survey_of_readers_and_experiments() -> None:
    root = Path(__file__).resolve().parent.parent / "model"
    text = "\n".join(p.read_text() for folder in ("transfer", "surveys") for p in (root / folder).glob("*.py"))
    assert set(re.findall(r'survey="([^"]+)"', text)) <= ranges.SURVEYS


def test_check_tells_every_check_with_what_it_looked_at(results_dir: Path) -> None:
    assert set(checks.LOOKS_AT) == {check.__name__ for check in checks.CHECKS}
    assert {kind for kinds in checks.LOOKS_AT.values() for kind in kinds} <= set(FILE_KINDS) | {"index"}
    files = Results.load(results_dir).index.files
    lines = checks.told(files)
    assert len(lines) == len(checks.CHECKS)
    for check, line in zip(checks.CHECKS, lines, strict=True):
        assert line.startswith(f"{check.__name__.removeprefix('check_')}: ")
        assert str(check.__doc__).splitlines()[0] in line
    assert any(line.startswith("metrics: ") and "4 metrics, 4 predictions" in line for line in lines)
    assert any("nothing of that kind here" in line for line in checks.told([e for e in files if e.kind != "spectrum"]))
