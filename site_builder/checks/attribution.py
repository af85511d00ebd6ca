"""Checks of where answers come from: shares, sizes, activations, deletion curves and tests of heads derived again."""

import numpy as np

from site_builder import lines
from site_builder.checks.base import derive, refuse
from site_builder.contract.attribution import AttributionFile, Deletion, FaithfulnessFile, HeadTest
from site_builder.results import Results, RunResults
from site_builder.stars import wavelength_at

MEND = "make the files again with python -m model attention"
ROUNDING = 1e-3  # of sums of rounded shares, and of numbers that another file holds as well
ANSWERS = 3e-3  # dex: the network's answers now and as exported
APART = 0.05  # Angstrom: two formulae for wavelengths in vacuum


def check_attribution(results: Results) -> None:
    """Measures of an example star are shares, fill the band, and agree with its attention and limits."""
    for run in results.runs.values():
        for name, file in run.attribution.items():
            path = run.file(f"attribution/{name}.json")
            if name not in run.attention or run.attention[name].magnitude != file.magnitude:
                refuse(results, path, "id", "is of no star with attention at the same magnitude", MEND)
            _cuts(results, run, path, file)
            _activations(results, run, path, file)
            bound = file.information**-0.5
            if abs(file.crlb - bound) > ROUNDING * bound or file.information > file.information_plain * (1 + ROUNDING):
                refuse(results, path, "information", "does not give crlb, or exceeds information_plain", MEND)
            ladder = run.examples[name].ladder
            if ladder is not None and ladder.limits is not None and file.magnitude in ladder.magnitudes:
                other = ladder.limits.crlb3[ladder.magnitudes.index(file.magnitude)]
                if abs(file.crlb - other) > 0.01 * other:
                    refuse(results, path, "crlb", f"is {file.crlb:.4f}, but that of the example is {other:.4f}", MEND)


def _cuts(results: Results, run: RunResults, path: str, file: AttributionFile) -> None:
    sizes = [cut.size for cut in file.cuts]
    if not sizes or sizes[0] != run.run.shape.patch_size or sizes != sorted(set(sizes), reverse=True):
        refuse(
            results, path, "cuts", f"has the sizes {sizes}; the network's patches come first, then finer windows", MEND
        )
    for i, cut in enumerate(file.cuts):
        if cut.size * len(cut.fisher) != run.run.shape.n_pixels:
            refuse(results, path, f"cuts.{i}", "does not fill the pixels of run.json", MEND)
        for column in ("fisher", "fisher_plain", "gradient"):
            total = sum(getattr(cut, column))
            if abs(total - 1) > ROUNDING:
                refuse(results, path, f"cuts.{i}.{column}", f"sums to {total:.4f} instead of 1", MEND)


def _activations(results: Results, run: RunResults, path: str, file: AttributionFile) -> None:
    vit, a = run.run.shape, file.activations
    tokens = vit.n_patches + (vit.pool == "cls")
    right = (
        len(a.input_rms) == vit.n_patches
        and [len(row) for row in a.token_norm] == [tokens] * (vit.depth + 1)
        and [len(row) for row in a.change] == [tokens] * vit.depth
        and len(a.reading) == vit.depth + 1
    )
    if not right:
        refuse(results, path, "activations", "does not have the layers and tokens of run.json", MEND)
    answer = run.attention[file.id].predicted_logg
    if abs(a.reading[-1] - answer) > ANSWERS:
        refuse(
            results, path, "activations.reading", f"ends at {a.reading[-1]:.4f}, but the answer is {answer:.4f}", MEND
        )


def check_faithfulness(results: Results) -> None:
    """Correlations are possible ones, curves start at the exported answers, areas and corrections follow from them."""
    for run in results.runs.values():
        file = run.faithfulness
        if file is None:
            continue
        path = run.file("faithfulness.json")
        if file.set not in run.predictions or len(run.predictions[file.set].logg) < file.n:
            refuse(results, path, "n", f"is {file.n}, more spectra than the predictions of {file.set} have", MEND)
        seen = set()
        for i, c in enumerate(file.correlations):
            if (c.size, c.first, c.second) in seen or c.first == c.second:
                refuse(results, path, f"correlations.{i}", "is of a pair that was there before, or is no pair", MEND)
            seen.add((c.size, c.first, c.second))
            if not -1 <= c.rho.lo <= c.rho.value <= c.rho.hi <= 1 or not -1 <= c.null_lo <= c.null_hi <= 1:
                refuse(results, path, f"correlations.{i}.rho", "leaves -1 to 1, or its interval", MEND)
        for i, s in enumerate(file.captured):
            if not 0 <= s.share.lo <= s.share.hi <= 1:
                refuse(results, path, f"captured.{i}.share", "leaves 0 to 1", MEND)
        _deletion(results, run, path, file)
        _lines(results, run, path, file)
        _heads(results, run, path, file)


def _deletion(results: Results, run: RunResults, path: str, file: FaithfulnessFile) -> None:
    table, n = run.predictions[file.set], file.n
    exported = derive(np.asarray(table.logg[:n]), np.asarray(table.predicted[run.specvit.name][:n]))
    curves: dict[tuple[int, str, str | None], Deletion] = {}
    for i, curve in enumerate(file.deletion):
        curves[curve.size, curve.order, curve.measure] = curve
        if curve.removed[0] != 0 or curve.removed[-1] != 1 or np.any(np.diff(curve.removed) <= 0):
            refuse(results, path, f"deletion.{i}.removed", "does not grow from 0 to 1", MEND)
        for field, values in (("r2", curve.r2), ("mae", curve.mae)):
            if abs(values[0].value - exported[field]) > ANSWERS:
                problem = f"starts at {values[0].value:.4f}, but the predictions give {exported[field]:.4f}"
                refuse(results, path, f"deletion.{i}.{field}", problem, MEND)
            if abs(values[-1].value - getattr(file.deletion[0], field)[-1].value) > ROUNDING:
                refuse(
                    results, path, f"deletion.{i}.{field}", "ends elsewhere than the others: all is gone there", MEND
                )

    def mean(size: int, order: str, measure: str | None) -> float:
        curve = curves.get((size, order, measure))
        if curve is None:
            refuse(results, path, "deletion", f"has no curve {order} of {measure} with windows of {size}", MEND)
        return float(np.mean([v.value for v in curve.mae]))

    for i, area in enumerate(file.areas):
        chance = mean(area.size, "random", None)
        most, least = (mean(area.size, order, area.measure) for order in ("most", "least"))
        derived = {"most": most - chance, "least": chance - least, "between": most - least}
        for field, value in derived.items():
            exported_area = getattr(area, field).value
            if abs(exported_area - value) > 1e-5:
                refuse(
                    results, path, f"areas.{i}.{field}", f"is {exported_area:.4f} but the curves give {value:.4f}", MEND
                )


def _lines(results: Results, run: RunResults, path: str, file: FaithfulnessFile) -> None:
    axis, patch = results.instruments[run.run.instrument].wave, run.run.shape.patch_size
    known = np.array([line.vacuum for line in lines.load()[1]])
    edges = np.array([wavelength_at(axis, patch * p - 0.5) for p in range(run.run.shape.n_patches + 1)])
    for i, group in enumerate(file.lines):
        for value in group.vacuum:
            if np.abs(known - value).min() > APART:
                refuse(results, path, f"lines.{i}.vacuum", f"holds {value:.3f}, which is no line of the list", MEND)
        inside = set((np.searchsorted(edges, group.vacuum) - 1).tolist())
        if inside != set(group.patches):
            refuse(results, path, f"lines.{i}.patches", "are not the patches that hold its lines", MEND)


def corrected(p: list[float]) -> np.ndarray:
    """q values of p values by Benjamini and Hochberg (1995)."""
    order = np.argsort(p)[::-1]
    scaled = np.asarray(p)[order] * len(p) / np.arange(len(p), 0, -1)
    q = np.empty(len(p))
    q[order] = np.minimum.accumulate(scaled).clip(max=1)
    return q


def _heads(results: Results, run: RunResults, path: str, file: FaithfulnessFile) -> None:
    vit, known = run.run.shape, {group.id for group in file.lines}
    kinds: dict[str, list[tuple[int, HeadTest]]] = {}
    for i, test in enumerate(file.heads):
        kinds.setdefault(test.kind, []).append((i, test))
        if test.layer >= vit.depth or test.head >= vit.heads or test.lines not in known:
            refuse(results, path, f"heads.{i}", "is of a layer, head or set of lines that there is none of", MEND)
    for tests in kinds.values():
        for (i, test), q in zip(tests, corrected([t.p for _, t in tests]), strict=True):
            if abs(test.q - q) > 1e-5:
                refuse(results, path, f"heads.{i}.q", f"is {test.q:.4f} but the p values give {q:.4f}", MEND)
            if test.specialises != (test.q <= file.level and test.enrichment.lo > 1):
                refuse(results, path, f"heads.{i}.specialises", "is not what q and the interval say", MEND)
