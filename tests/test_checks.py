"""Each consistency check, broken once: the sentence names the file and the field."""

import hashlib
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from site_builder import checks
from site_builder.contract import BadInput
from site_builder.results import Results
from tests.factory import make_results

PFS, LAMOST = "runs/specvit-test-pfs-mr", "runs/specvit-test-lamost"
PAIRS = "pairs/specvit-test-pfs-mr.test.json"
GIVEN, WORTH = f"{PFS}/attribution/dwarf-c.json", f"{PFS}/faithfulness.json"


@pytest.fixture(scope="module")
def results_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_results(tmp_path_factory.mktemp("results"), n_stars=90, n_pixels=64)


def test_made_up_results_pass(results_dir: Path) -> None:
    checks.run_all(Results.load(results_dir))


def put(*place: Any) -> Callable[[dict[str, Any]], None]:
    """A change: the last argument goes to the place that the others lead to."""
    *keys, value = place

    def change(content: dict[str, Any]) -> None:
        target: Any = content
        for key in keys[:-1]:
            target = target[key]
        target[keys[-1]] = value

    return change


def another_bound(content: dict[str, Any]) -> None:
    content |= {"crlb": 0.5, "information": 4.0}


def second_all_row(content: dict[str, Any]) -> None:
    content["rows"].append(content["rows"][0])


def second_pair(content: dict[str, Any]) -> None:
    first = content["rows"][0]
    content["rows"].append(first | {"first": first["second"], "second": first["first"]})


def outside_its_interval(content: dict[str, Any]) -> None:
    apart = content["rows"][0]["mae"]
    apart |= {"lo": apart["value"] + 0.01, "hi": apart["value"] + 0.02}


def no_all_row(content: dict[str, Any]) -> None:
    content["rows"] = [r for r in content["rows"] if not (r["slice"] == "all" and r["model"] == "ridge")]


def drop_ridge(content: dict[str, Any]) -> None:
    del content["predicted"]["ridge"]


def shorter(content: dict[str, Any]) -> None:
    for column in (content[k] for k in ("logg", "teff", "mh", "snr", "magnitude")):
        column.pop()
    for table in (content["predicted"], content["sigma"], content["half95"]):
        for column in table.values():
            column.pop()


def gap(content: dict[str, Any]) -> None:
    content["flux"][3] = None


def shifted_layer(content: dict[str, Any]) -> None:
    content["weights"] = content["weights"][:1]


def sky_short(content: dict[str, Any]) -> None:
    content["sky_e"].pop()


def shorter_limits(content: dict[str, Any]) -> None:
    for name in ("posterior_mean", "posterior_sd", "ess", "pit"):
        content[name].pop()


def no_gap_of_mlp(content: dict[str, Any]) -> None:
    content["gaps"] = [g for g in content["gaps"] if g["model"] != "mlp"]


def model_above_the_limit(content: dict[str, Any]) -> None:
    """A gap whose whole interval lies below zero, and a limit without a Monte-Carlo error."""
    for part in content["bins"]:
        part["r2_se"] = 0.0
    content["gaps"][0]["r2"] |= {"lo": -0.5, "hi": -0.0001}


def counts_of_another(content: dict[str, Any]) -> None:
    counts = content["rows"][0]["counts"]
    counts[:] = [sum(counts)] + [0] * (len(counts) - 1)


def one_star_too_many(content: dict[str, Any]) -> None:
    content["rows"][0]["counts"][3] += 1


def second_point(content: dict[str, Any]) -> None:
    content["points"].append(content["points"][0])


def no_unstressed_row(content: dict[str, Any]) -> None:
    content["rows"] = [r for r in content["rows"] if r["group"] != "none"]


def second_base(content: dict[str, Any]) -> None:
    content["rows"][0]["base"] = True


def second_transfer_row(content: dict[str, Any]) -> None:
    content["rows"].append(content["rows"][0])


def star_of_the_first_set(content: dict[str, Any]) -> None:
    content["stars"][1]["id"][3] = content["stars"][0]["id"][5]


def without_stars(content: dict[str, Any]) -> None:
    content["stars"] = content["stars"][1:]


def of_strategy(strategy: str, *place: Any) -> Callable[[dict[str, Any]], None]:
    """``put`` in the first whole-set row of a strategy."""
    *keys, value = place

    def change(content: dict[str, Any]) -> None:
        row = next(r for r in content["rows"] if r["strategy"] == strategy and r["slice"] == "all")
        put(*keys, value)(row)

    return change


def coverage_off(content: dict[str, Any]) -> None:
    row = next(r for r in content["rows"] if r["coverage68"] is not None and r["repeats"] == 1)
    row["coverage68"] = 1.0 - row["coverage68"]


def class_without_name(content: dict[str, Any]) -> None:
    next(r for r in content["rows"] if r["slice"] == "class")["label"] = "unknown"


def each(key: str, **fields: Any) -> Callable[[dict[str, Any]], None]:
    """The same fields in every entry of a list."""

    def change(content: dict[str, Any]) -> None:
        for entry in content[key]:
            entry |= fields

    return change


def without(key: str, unwanted: Callable[[dict[str, Any]], bool]) -> Callable[[dict[str, Any]], None]:
    """A list without some of its entries."""

    def change(content: dict[str, Any]) -> None:
        content[key] = [entry for entry in content[key] if not unwanted(entry)]

    return change


def another_vit(content: dict[str, Any]) -> None:
    content["vit"] = None
    content["models"][0]["family"] = "other"


def no_pixel(content: dict[str, Any]) -> None:
    for name in ("flux", "sigma"):
        content[name] = [None] * len(content[name])


def bright_interval(content: dict[str, Any]) -> None:
    content["rows"][0]["r2"]["hi"] = 1.2


def coverage_without_sigma(content: dict[str, Any]) -> None:
    next(r for r in content["rows"] if r["coverage68"] is None)["coverage68"] = 0.5


def bound(content: dict[str, Any], which: int, **sigmas: float) -> None:
    """A bound of the second bin with other spreads, and the R2 that follow from them."""
    one, prior = content["bins"][1]["crlb"][which], content["prior_sd"]
    one |= sigmas
    pairs = {"r2": "sigma", "r2_lo": "sigma_hi", "r2_hi": "sigma_lo"}
    one |= {name: 1 - (one[sigma] / prior) ** 2 for name, sigma in pairs.items()}


def bound_outside(content: dict[str, Any]) -> None:
    bound(content, 0, sigma_lo=2 * content["bins"][1]["crlb"][0]["sigma"])


def bounds_swapped(content: dict[str, Any]) -> None:
    three = next(b for b in content["bins"][1]["crlb"] if b["labels"] == 3)
    which = next(i for i, b in enumerate(content["bins"][1]["crlb"]) if b["labels"] == 5)
    bound(content, which, **{name: 0.5 * three[name] for name in ("sigma", "sigma_lo", "sigma_hi")})


def one_model_unstressed(content: dict[str, Any]) -> None:
    model = content["rows"][0]["model"]
    without("rows", lambda r: r["group"] == "none" and r["model"] == model)(content)


def second_answer(content: dict[str, Any]) -> None:
    content["stars"][0]["answers"].append(content["stars"][0]["answers"][0])


def answers_without_intervals(content: dict[str, Any]) -> None:
    for stars in content["stars"]:
        for answer in stars["answers"]:
            answer |= {"sigma": None, "half95": None}


def narrow(*place: Any) -> Callable[[dict[str, Any]], None]:
    """An interval of no width, around its value."""

    def change(content: dict[str, Any]) -> None:
        target: Any = content
        for key in place:
            target = target[key]
        target |= {"lo": target["value"], "hi": target["value"]}

    return change


def nudge(*place: Any, by: float = 0.0, factor: float = 1.0) -> Callable[[dict[str, Any]], None]:
    """A number that is off by a little more than its tolerance."""
    *keys, last = place

    def change(content: dict[str, Any]) -> None:
        target: Any = content
        for key in keys:
            target = target[key]
        target[last] = target[last] * factor + by

    return change


def a_little_above_the_limit(content: dict[str, Any]) -> None:
    gap = content["gaps"][0]
    part = next(b for b in content["bins"] if (b["slice"], b["label"]) == (gap["slice"], gap["label"]))
    part["r2_se"] = 0.001
    gap["r2"] |= {"lo": -0.5, "hi": -0.01}


def weight_of_nothing(content: dict[str, Any]) -> None:
    row = content["weights"][0][0][0]
    row[1] += row[0]
    row[0] = 0.0


OFF = {"value": 0.1, "lo": 0.05, "hi": 0.2}
OUTSIDE = {"value": 0.5, "lo": 0.1, "hi": 0.2}
LIMITS = f"{PFS}/limits.test.json"
TRANSFER = "transfer/lamost-optical.json"

BROKEN: list[tuple[str, Callable[[dict[str, Any]], None], str]] = [
    ("index.json", put("main_run", "nobody"), "main_run"),
    ("index.json", put("files", 0, "kind", "history"), "field kind"),
    (f"{PFS}/examples/dwarf-c.json", put("id", "another"), "field id"),
    (f"{PFS}/metrics.test.json", put("set", "snr-curve"), "field set"),
    ("instruments/pfs-mr.json", put("name", "another"), "field name"),
    (f"{PFS}/run.json", put("models", 1, "name", "ridge"), "models"),
    (f"{PFS}/run.json", put("models", 0, "family", "cnn"), "specvit"),
    (f"{PFS}/run.json", put("instrument", "hubble"), "instrument"),
    (f"{PFS}/run.json", put("vit", "n_patches", 15), "field vit"),
    (
        f"{PFS}/run.json",
        put(
            "vit",
            {
                **{"n_pixels": 32, "patch_size": 2, "n_patches": 16, "width": 48, "depth": 2, "heads": 3},
                "embedding": "shared",
                "embedding_init": "random",
                "pool": "cls",
            },
        ),
        "vit.n_pixels",
    ),
    (f"{PFS}/run.json", put("sets", 0, "name", "other"), "sets"),
    (f"{PFS}/run.json", put("sets", 0, "survey", "DESI"), "survey"),
    (f"{LAMOST}/examples/obs-dwarf-c.json", put("survey", "synthetic"), "survey"),
    (f"{PFS}/run.json", put("sets", 0, "n", 91), "logg"),
    ("instruments/pfs-mr.json", put("background_e2", None), "signal_e"),
    ("instruments/pfs-mr.json", put("background_e2", 3, -1.0), "background_e2"),
    ("instruments/pfs-mr.json", sky_short, "sky_e"),
    (f"{PFS}/predictions.test.json", drop_ridge, "predicted"),
    (f"{PFS}/predictions.test.json", put("sigma", "nobody", [1.0] * 90), "sigma"),
    (f"{PFS}/predictions.test.json", shorter, "logg"),
    (f"{PFS}/metrics.test.json", second_all_row, "rows."),
    (f"{PFS}/metrics.test.json", no_all_row, "rows"),
    (f"{PFS}/metrics.test.json", put("rows", 0, "model", "nobody"), "rows.0"),
    (f"{PFS}/metrics.test.json", put("rows", 0, "mae", "lo", 99.0), "reversed"),
    (f"{PFS}/metrics.test.json", put("rows", 0, "mae", {"value": 5.0, "lo": 0.1, "hi": 0.2}), "rows.0.mae"),
    (f"{PFS}/metrics.test.json", put("rows", 0, "r2", {"value": 1.2, "lo": 1.1, "hi": 1.3}), "rows.0.r2"),
    (f"{PFS}/metrics.test.json", put("rows", 1, "label", "comet"), "rows.1.label"),
    (f"{PFS}/metrics.test.json", put("rows", 0, "r2", {"value": 0.5, "lo": 0.4, "hi": 0.6}), "rows.0.r2.value"),
    (f"{PFS}/metrics.test.json", put("rows", 0, "bias", {"value": 0.5, "lo": 0.4, "hi": 0.6}), "rows.0.bias.value"),
    (f"{PFS}/metrics.test.json", put("rows", 0, "nmad", {"value": 2.5, "lo": 2.4, "hi": 2.6}), "rows.0.nmad.value"),
    (f"{PFS}/metrics.test.json", put("rows", 0, "rmse", {"value": 2.5, "lo": 2.4, "hi": 2.6}), "rows.0.rmse.value"),
    (f"{PFS}/metrics.test.json", put("rows", 0, "mae", {"value": 2.5, "lo": 2.4, "hi": 2.6}), "rows.0.mae.value"),
    (f"{PFS}/metrics.test.json", put("rows", 0, "n", 89), "rows.0.n"),
    (f"{PFS}/metrics.test.json", put("rows", 0, "median_snr", 1234.0), "rows.0.median_snr"),
    (f"{PFS}/metrics.test.json", put("rows", 0, "coverage68", 0.01), "rows.0.coverage68"),
    (f"{LAMOST}/metrics.lamost-dr10.json", put("rows", 4, "slice", "magnitude"), "rows.4"),
    (f"{PFS}/attention/dwarf-c.json", put("weights", 0, 1, 2, 3, 0.9), "weights.0.1.2"),
    (f"{PFS}/attention/dwarf-c.json", put("weights", 1, 0, 0, 0, -0.2), "weights.1"),
    (f"{PFS}/attention/dwarf-c.json", put("rollout", 0, 0.9), "rollout"),
    (f"{PFS}/attention/dwarf-c.json", shifted_layer, "field weights"),
    (f"{PFS}/attention/dwarf-c.json", put("has_cls", False), "rollout"),
    (f"{PFS}/examples/dwarf-c.json", put("wave", "start", 7200.0), "field wave"),
    (f"{PFS}/examples/dwarf-c.json", gap, "flux"),
    (f"{LAMOST}/examples/obs-dwarf-c.json", gap, "sigma"),
    (f"{LAMOST}/examples/obs-dwarf-c.json", put("predicted_logg", None), "predicted_logg"),
    (f"{PFS}/examples/dwarf-c.json", put("ladder", "magnitudes", [20.0, 21.0, 21.0, 23.0]), "ladder.magnitudes"),
    (f"{PFS}/history.json", put("curves", 0, "model", "nobody"), "curves.0.model"),
    (f"{PFS}/history.json", put("curves", 0, "presentations", 0, 99999), "curves.0.presentations"),
    (f"{PFS}/predictions.test.json", put("predicted", "ridge", 0, 9.0), "value"),
    (f"{PFS}/predictions.test.json", put("half95", "ridge", [1.0] * 90), "half95"),
    (f"{PFS}/predictions.test.json", put("half95", "specvit-test", [0.0001] * 90), "coverage95"),
    (LIMITS, put("set", "snr-curve"), "field set"),
    (LIMITS, shorter_limits, "posterior_mean"),
    (LIMITS, put("pit", 0, 1.5), "field pit"),
    (LIMITS, put("posterior_mean", 0, 9.0), "bins.0.r2.value"),
    (LIMITS, put("posterior_sd", 0, 9.0), "bins.0.posterior_sd"),
    (LIMITS, put("bins", 1, "label", "nowhere"), "bins.1.label"),
    (LIMITS, put("bins", 1, "n", 7), "bins.1.n"),
    (LIMITS, put("bins", 1, "median_snr", 7.0), "bins.1.median_snr"),
    (LIMITS, put("bins", 1, "rmse", OFF), "bins.1.rmse.value"),
    (LIMITS, put("bins", 1, "ess_median", 7.0), "bins.1.ess_median"),
    (LIMITS, put("bins", 1, "ess_p1", 7.0), "bins.1.ess_p1"),
    (LIMITS, put("bins", 1, "pit_ks", 0.99), "bins.1.pit_ks"),
    (LIMITS, put("bins", 1, "crlb", 0, "r2", 0.1), "bins.1.crlb.0.r2"),
    (LIMITS, put("bins", 1, "crlb", 0, "labels", 5), "bins.1.crlb"),
    (LIMITS, put("prior_sd", 2.0), "bins.0.crlb.0.r2"),
    (LIMITS, put("gaps", 3, "r2", OFF), "gaps.3.r2.value"),
    (LIMITS, put("gaps", 3, "model", "nobody"), "gaps.3"),
    (LIMITS, no_gap_of_mlp, "field gaps"),
    (LIMITS, model_above_the_limit, "gaps.0.r2.hi"),
    (LIMITS, put("checks", 0, "value", 2.0), "checks.0.value"),
    (f"{PFS}/examples/dwarf-c.json", put("ladder", "limits", "sd", 0, 0, 0.0), "ladder.limits.sd"),
    (f"{PFS}/examples/dwarf-c.json", put("ladder", "limits", "quantiles", 0, 0, 0, 4.99), "ladder.limits.quantiles"),
    (f"{PFS}/examples/dwarf-c.json", put("ladder", "limits", "crlb5", 0, 0.01), "ladder.limits.crlb5"),
    (f"{PFS}/calibration.test.json", put("rows", 0, "model", "ridge"), "rows.0"),
    (f"{PFS}/calibration.test.json", one_star_too_many, "rows.0.counts"),
    (f"{PFS}/calibration.test.json", counts_of_another, "rows.0.counts"),
    (f"{PFS}/scaling.json", put("set", "nowhere"), "field set"),
    (f"{PFS}/scaling.json", put("points", 0, "model", "nobody"), "points.0.model"),
    (f"{PFS}/scaling.json", put("points", 0, "r2", OUTSIDE), "points.0.r2"),
    (f"{PFS}/scaling.json", second_point, "points."),
    (f"{PFS}/ablations.json", put("bright", "nowhere"), "field bright"),
    (f"{PFS}/ablations.json", put("rows", 0, "r2_faint", OUTSIDE), "rows.0.r2_faint"),
    (f"{PFS}/ablations.json", second_base, "rows."),
    (f"{PFS}/stress.json", put("rows", 0, "model", "nobody"), "rows.0"),
    (f"{PFS}/stress.json", put("rows", 0, "bias", OUTSIDE), "rows.0.bias"),
    (f"{PFS}/stress.json", no_unstressed_row, "field rows"),
    (TRANSFER, put("instrument", "hubble"), "instrument"),
    (TRANSFER, put("name", "another"), "field name"),
    (TRANSFER, put("provenance", "run", "transfer-another"), "provenance.run"),
    (TRANSFER, put("sets", 1, "name", "lamost-dr10"), "field sets"),
    (TRANSFER, put("models", 1, "name", "ridge"), "field models"),
    (TRANSFER, put("sets", 0, "role", "independent"), "field sets"),
    (TRANSFER, put("sets", 0, "n", 149), "stars.0.id"),
    (TRANSFER, put("sets", 0, "selection", "in range", 400), "sets.0.selection"),
    (TRANSFER, put("sets", 0, "label_error_source", None), "sets.0.label_error_source"),
    (TRANSFER, put("stars", 0, "id", 3, "lamost-dr10-0004"), "stars.0.id"),
    (TRANSFER, star_of_the_first_set, "stars.1.id"),
    (TRANSFER, without_stars, "sets.0"),
    (TRANSFER, put("stars", 0, "set", "elsewhere"), "stars.0.set"),
    (TRANSFER, put("stars", 0, "answers", 0, "model", "nobody"), "stars.0.answers.0.model"),
    (TRANSFER, put("stars", 0, "answers", 0, "predicted", 7, 9.0), "rows."),
    (TRANSFER, put("rows", 0, "set", "elsewhere"), "rows.0.set"),
    (TRANSFER, put("rows", 0, "model", "nobody"), "rows.0.model"),
    (TRANSFER, put("rows", 0, "n_real", 12), "rows.0.n_real"),
    (TRANSFER, of_strategy("survey", "n_real", 0), "n_real"),
    (TRANSFER, of_strategy("two-stage", "nmad", OUTSIDE), "nmad"),
    (TRANSFER, put("rows", 0, "sigma", OFF), "rows.0.sigma.value"),
    (TRANSFER, put("rows", 0, "r2", OFF), "rows.0.r2.value"),
    (TRANSFER, put("rows", 0, "n", 12), "rows.0.n"),
    (TRANSFER, put("rows", 1, "n", 12), "rows.1.n"),
    (TRANSFER, put("rows", 0, "r2", {"value": 1.2, "lo": 1.1, "hi": 1.3}), "rows.0.r2"),
    (TRANSFER, put("subset", None), "slice"),
    (TRANSFER, second_transfer_row, "rows."),
    (TRANSFER, coverage_off, "coverage68"),
    (TRANSFER, class_without_name, "label"),
    (GIVEN, put("magnitude", 22.0), "field id"),
    (GIVEN, put("cuts", 0, "fisher", 0, 0.9), "cuts.0.fisher"),
    (GIVEN, put("cuts", 1, "gradient", 0, 0.9), "cuts.1.gradient"),
    (GIVEN, put("cuts", 0, "size", 8), "cuts"),
    (GIVEN, put("cuts", 1, "size", 1), "cuts.1"),
    (GIVEN, put("crlb", 0.5), "information"),
    (GIVEN, another_bound, "field crlb"),
    (GIVEN, put("activations", "change", [[1.0]]), "activations"),
    (GIVEN, put("activations", "reading", 2, 9.0), "activations.reading"),
    (WORTH, put("n", 5000), "field n"),
    (WORTH, put("correlations", 0, "rho", {"value": 0.9, "lo": 0.8, "hi": 1.1}), "correlations.0.rho"),
    (WORTH, put("correlations", 0, "second", "attention"), "correlations.0"),
    (WORTH, put("captured", 0, "share", {"value": 0.9, "lo": 0.8, "hi": 1.1}), "captured.0.share"),
    (WORTH, put("deletion", 1, "removed", 0, 0.01), "deletion.1.removed"),
    (WORTH, put("deletion", 1, "mae", 0, OFF), "deletion.1.mae"),
    (WORTH, put("deletion", 2, "r2", 8, OFF), "deletion.2.r2"),
    (WORTH, put("deletion", 1, "mae", 3, OFF), "areas.0.most"),
    (WORTH, put("areas", 1, "between", OFF), "areas.1.between"),
    (WORTH, put("deletion", 1, "measure", "fisher"), "field deletion"),
    (WORTH, put("lines", 0, "vacuum", 0, 8000.0), "lines.0.vacuum"),
    (WORTH, put("lines", 0, "patches", [0]), "lines.0.patches"),
    (WORTH, put("heads", 1, "layer", 7), "heads.1"),
    (WORTH, put("heads", 1, "q", 0.001), "heads.1.q"),
    (WORTH, put("heads", 1, "specialises", True), "heads.1.specialises"),
    (PAIRS, put("of", f"{PFS}/predictions.nowhere.json"), "field of"),
    (PAIRS, put("of", f"{PFS}/predictions.snr-curve.json"), "field of"),
    (PAIRS, put("rows", 0, "second", "nobody"), "rows.0"),
    (PAIRS, put("rows", 0, "second", "specvit-test"), "rows.0"),
    (PAIRS, second_pair, "rows."),
    (PAIRS, put("rows", 0, "n", 7), "rows.0.n"),
    (PAIRS, put("rows", 0, "r2", OFF), "rows.0.r2.value"),
    (PAIRS, put("rows", 0, "nmad", OFF), "rows.0.nmad.value"),
    (PAIRS, outside_its_interval, "rows.0.mae"),
    ("spectra/test-galaxy.json", put("id", "another"), "field id"),
    ("spectra/test-galaxy.json", put("sigma", 5, None), "field sigma"),
    ("spectra/test-galaxy.json", put("noise_source", ""), "noise_source"),
    ("spectra/test-galaxy.json", put("survey", "synthetic"), "field survey"),
    ("spectra/test-galaxy.json", put("star_class", "giant"), "star_class"),
    ("spectra/test-galaxy.json", put("z", None), "z is null"),
    # a little more than the tolerance
    (f"{PFS}/metrics.test.json", nudge("rows", 0, "mae", "value", by=2e-5), "rows.0.mae.value"),
    (f"{PFS}/metrics.test.json", nudge("rows", 0, "median_snr", factor=1.004), "rows.0.median_snr"),
    (f"{PFS}/metrics.test.json", nudge("rows", 0, "coverage68", by=-0.05), "rows.0.coverage68"),
    (f"{PFS}/attention/dwarf-c.json", nudge("weights", 0, 1, 2, 3, by=0.004), "weights.0.1.2"),
    (LIMITS, nudge("bins", 1, "r2", "value", by=5e-4), "bins.1.r2.value"),
    (LIMITS, nudge("bins", 1, "median_snr", factor=1.004), "bins.1.median_snr"),
    (LIMITS, nudge("bins", 1, "ess_median", by=0.5), "bins.1.ess_median"),
    (LIMITS, nudge("bins", 1, "ess_p1", by=0.5), "bins.1.ess_p1"),
    (LIMITS, nudge("bins", 1, "pit_ks", by=0.01), "bins.1.pit_ks"),
    (LIMITS, nudge("bins", 1, "n", by=1), "bins.1.n"),
    (LIMITS, a_little_above_the_limit, "gaps.0.r2.hi"),
    (GIVEN, nudge("cuts", 0, "fisher", 0, by=0.004), "cuts.0.fisher"),
    # each sentence by its words, where others name the same field
    (f"{PFS}/run.json", each("sets", origin="observed", survey="DESI"), "sets holds no synthetic set"),
    (f"{PFS}/run.json", put("models", 1, "name", "ridge"), "models holds one name twice"),
    (f"{PFS}/run.json", put("models", []), "models"),
    (PAIRS, second_pair, "once more"),
    (PAIRS, put("rows", 0, "second", "specvit-test"), "once more"),
    (f"{PFS}/run.json", another_vit, "is null, but there is attention"),
    (f"{LAMOST}/examples/obs-dwarf-c.json", no_pixel, "flux holds no data"),
    (f"{PFS}/run.json", put("vit", "pool", "mean"), "does not fit the patches"),
    (f"{PFS}/metrics.test.json", put("rows", 0, "r2", {"value": 1.2, "lo": 1.1, "hi": 1.3}), "r2 is above 1"),
    (f"{PFS}/metrics.test.json", bright_interval, "r2 is above 1"),
    (f"{PFS}/metrics.test.json", outside_its_interval, "mae has a value outside its own interval"),
    (f"{PFS}/metrics.test.json", without("rows", lambda r: r["slice"] == "magnitude"), "holds no bin of magnitude"),
    (f"{PFS}/metrics.test.json", coverage_without_sigma, "the predictions hold no sigma"),
    (f"{LAMOST}/metrics.lamost-dr10.json", put("rows", 4, "slice", "magnitude"), "or the edges do not allow"),
    (LIMITS, bound_outside, "is not between its 10th and 90th percentile"),
    (LIMITS, bounds_swapped, "is smaller with five unknown labels"),
    (f"{PFS}/scaling.json", put("recipes", {}), "points.0.model"),
    (f"{PFS}/stress.json", one_model_unstressed, "without stress"),
    (TRANSFER, of_strategy("two-stage", "label", "whole"), "for the slice 'all'"),
    (TRANSFER, put("rows", 0, "r2", {"value": 1.2, "lo": 1.1, "hi": 1.3}), "r2 is above 1"),
    (TRANSFER, put("subset", None), "which the file does not describe"),
    (TRANSFER, put("stars", 0, "subset", None), "of which the stars say nothing"),
    (TRANSFER, answers_without_intervals, "the answers state no such interval"),
    (TRANSFER, put("rows", 0, "n", 12), "where the set has"),
    (TRANSFER, without("rows", lambda r: r["set"] != "lamost-dr10" and r["slice"] == "all"), "has no row of slice"),
    (TRANSFER, second_answer, "is a second answer"),
    ("spectra/test-galaxy.json", no_pixel, "flux holds no data"),
    (GIVEN, put("cuts", 0, "size", 8), "cuts has the sizes"),
]


def changed(source: Path, root: Path, path: str, change: Callable[[dict[str, Any]], None]) -> Path:
    """A copy of a results folder with one file changed, and its hash in the index."""
    shutil.copytree(source, root)
    content = json.loads((root / path).read_text())
    change(content)
    raw = json.dumps(content).encode()
    (root / path).write_bytes(raw)
    if path != "index.json":
        index = json.loads((root / "index.json").read_text())
        entry = next(e for e in index["files"] if e["path"] == path)
        entry["sha256"], entry["bytes"] = hashlib.sha256(raw).hexdigest(), len(raw)
        (root / "index.json").write_text(json.dumps(index))
    return root


@pytest.mark.parametrize(("path", "change", "field"), BROKEN, ids=[f"{i}-{b[2]}" for i, b in enumerate(BROKEN)])
def test_each_check(
    path: str, change: Callable[[dict[str, Any]], None], field: str, results_dir: Path, tmp_path: Path
) -> None:
    root = changed(results_dir, tmp_path / "results", path, change)
    with pytest.raises(BadInput) as caught:
        checks.run_all(Results.load(root))
    sentence = str(caught.value)
    assert field in sentence, sentence
    assert "\n" not in sentence
    assert ".json" in sentence
    assert sentence.endswith(".")


# Changes of the folder, not of one file


def index_of(root: Path) -> dict[str, Any]:
    content: dict[str, Any] = json.loads((root / "index.json").read_text())
    return content


def no_longer_listed(path: str) -> Callable[[Path], None]:
    def change(root: Path) -> None:
        index = index_of(root)
        without("files", lambda entry: entry["path"] == path)(index)
        (root / "index.json").write_text(json.dumps(index))

    return change


def in_the_wrong_place(root: Path) -> None:
    index = index_of(root)
    entry = next(e for e in index["files"] if e["path"] == "interpolation.json")
    entry["path"] = "grid/interpolation.json"
    (root / "grid").mkdir()
    (root / "interpolation.json").rename(root / "grid" / "interpolation.json")
    (root / "index.json").write_text(json.dumps(index))


def of_another_set(kind: str) -> Callable[[Path], None]:
    def change(root: Path) -> None:
        index = index_of(root)
        entry = next(e for e in index["files"] if e["path"] == f"{PFS}/{kind}.test.json")
        content = json.loads((root / entry["path"]).read_text()) | {"set": "elsewhere"}
        entry["path"] = f"{PFS}/{kind}.elsewhere.json"
        raw = json.dumps(content).encode()
        (root / entry["path"]).write_bytes(raw)
        entry["sha256"], entry["bytes"] = hashlib.sha256(raw).hexdigest(), len(raw)
        (root / "index.json").write_text(json.dumps(index))

    return change


def second_file_of_pairs(root: Path) -> None:
    index = index_of(root)
    entry = next(e for e in index["files"] if e["path"] == PAIRS)
    other = f"{PAIRS.removesuffix('.json')}.more.json"
    shutil.copy(root / PAIRS, root / other)
    index["files"].append(entry | {"path": other})
    (root / "index.json").write_text(json.dumps(index))


FOLDERS: list[tuple[Callable[[Path], None], str]] = [
    (second_file_of_pairs, "is what another file of pairs is of as well"),
    (no_longer_listed(f"{LAMOST}/run.json"), "but no runs/specvit-test-lamost/run.json"),
    (in_the_wrong_place, ".path is grid/interpolation.json"),
    (no_longer_listed(f"{PFS}/examples/dwarf-c.json"), "of which the run has no example"),
    (of_another_set("limits"), "field set is no"),
    (of_another_set("calibration"), "field set is no"),
]


@pytest.mark.parametrize(("change", "said"), FOLDERS, ids=[f"{i}-{f[1]}" for i, f in enumerate(FOLDERS)])
def test_folders_that_do_not_hold_together(
    change: Callable[[Path], None], said: str, results_dir: Path, tmp_path: Path
) -> None:
    root = tmp_path / "results"
    shutil.copytree(results_dir, root)
    change(root)
    with pytest.raises(BadInput) as caught:
        checks.run_all(Results.load(root))
    assert said in str(caught.value)


# Changes that are allowed: at the edge of what a check refuses


def at_the_edge(column: str, edge: float) -> Callable[[dict[str, Any]], None]:
    """The star nearest above an edge of two bins is on it, or the last below the last edge: each stays in its bin."""

    def change(content: dict[str, Any]) -> None:
        values = content[column]
        above = [v for v in values if v >= edge]
        values[values.index(min(above) if above else max(values))] = edge

    return change


SOUND: list[tuple[str, Callable[[dict[str, Any]], None]]] = [
    ("instruments/pfs-mr.json", put("background_e2", 3, 0.0)),
    (f"{PFS}/metrics.test.json", narrow("rows", 0, "mae")),
    (f"{PFS}/metrics.test.json", put("rows", 0, "r2", "hi", 1.0)),
    (f"{PFS}/attention/dwarf-c.json", weight_of_nothing),
    (f"{PFS}/scaling.json", narrow("points", 0, "r2")),
    (TRANSFER, narrow("rows", 0, "mae")),
    (PAIRS, narrow("rows", 0, "mae")),
    (f"{PFS}/predictions.test.json", at_the_edge("magnitude", 22.75)),
    (f"{PFS}/predictions.test.json", at_the_edge("teff", 4500.0)),
]


@pytest.mark.parametrize(("path", "change"), SOUND, ids=[f"{i}-{s[0]}" for i, s in enumerate(SOUND)])
def test_what_is_just_allowed(
    path: str, change: Callable[[dict[str, Any]], None], results_dir: Path, tmp_path: Path
) -> None:
    checks.run_all(Results.load(changed(results_dir, tmp_path / "results", path, change)))


def test_every_check_is_run_and_says_what_it_checks() -> None:
    named = {name for name in vars(checks) if name.startswith("check_")}
    assert {check.__name__ for check in checks.CHECKS} | {"check_undrawn"} == named  # which runs some of them again
    assert all(check.__doc__ for check in checks.CHECKS)


def test_definitions_of_the_metrics() -> None:
    derived = checks.derive(np.array([1.0, 2.0, 3.0, 4.0]), np.array([1.5, 2.0, 3.0, 3.0]))
    assert derived["bias"] == pytest.approx(-0.125)
    assert derived["mae"] == pytest.approx(0.375)
    assert derived["rmse"] == pytest.approx(np.sqrt(1.25 / 4))
    assert derived["r2"] == pytest.approx(1 - 1.25 / 5)
    assert derived["nmad"] == pytest.approx(1.4826 * 0.25)
