"""The example stars that pages draw, and the network's attention on them."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from model import noise
from model.evaluate import EvaluationSet, masked_flux
from model.limits import Abundances, crlb
from model.posterior import Compressed, posterior
from model.simulator import SPEED_OF_LIGHT_KMS, Simulator
from model.surveys import lamost
from model.train import predict
from model.vit import SpecViT, rollout
from site_builder.contract.base import class_of
from site_builder.contract.schema import AttentionFile, ExampleFile, Ladder, LadderLimits, Provenance

# labels of the synthetic example stars (teff [K], logg, mh), giants to dwarfs in turn; inputs, not results
STARS: tuple[tuple[str, float, float, float], ...] = (
    ("Red giant", 4200, 1.5, -0.3),
    ("Subgiant", 5000, 3.0, 0.0),
    ("Sun-like dwarf", 5770, 4.44, 0.0),
    ("Metal-poor giant", 4700, 1.8, -1.75),
    ("Metal-poor subgiant", 5500, 3.3, -1.5),
    ("Cool dwarf", 4300, 4.6, 0.1),
    ("Red-clump giant", 4800, 2.4, 0.1),
    ("Warm subgiant", 5800, 3.4, -0.3),
    ("Metal-poor dwarf", 5400, 4.5, -1.25),
)
MAGNITUDES = np.round(np.arange(20, 23.05, 0.1), 1)
ATTENTION_MAGNITUDE = 21.0


@dataclass
class Star:
    """What is exported of one star."""

    example: ExampleFile
    attention: AttentionFile


def _rounded(values: Any, digits: int = 4) -> list[float]:
    return [float(v) for v in np.round(np.asarray(values, np.float64), digits)]


@torch.no_grad()
def attention_of(
    net: SpecViT, flux: torch.Tensor, star: str, provenance: Provenance, magnitude: float | None, seed: int | None
) -> AttentionFile:
    """Attention weights of one normalised spectrum (pixels,), by the explicit softmax path."""
    net.eval()
    raw, activations = net(flux[None], explicit=True)
    logg, sigma = net.scaler.outputs(raw)
    layers = [activations[f"attention{i}"][0] for i in range(net.config.depth)]
    has_cls = net.config.pool == "cls"
    return AttentionFile(
        provenance=provenance,
        id=star,
        magnitude=magnitude,
        noise_seed=seed,
        n_tokens=layers[0].shape[-1],
        has_cls=has_cls,
        weights=[np.round(layer.double().numpy(), 5).tolist() for layer in layers],
        rollout=_rounded(rollout([layer.double() for layer in layers], has_cls), 5),
        embedding_norm=_rounded(activations["embedding"][0].norm(dim=1)),
        predicted_logg=round(float(logg), 4),
        predicted_sigma=round(float(sigma), 4),
    )


def noisy(simulator: Simulator, flux: np.ndarray, magnitude: float, seed: int) -> torch.Tensor:
    """(1, pixels) normalised spectrum with the noise of ``seed``, as the pages draw it."""
    clean = torch.from_numpy(flux)[None]
    sigma = simulator.instrument.noise.sigma(clean, torch.tensor([magnitude], dtype=torch.float64))
    return simulator.instrument.normalise((clean + sigma * torch.from_numpy(noise.normals(seed, len(flux)))).float())


def ladder_limits(
    simulator: Simulator, tools: tuple[Compressed, Abundances], labels: torch.Tensor, spectra: list[torch.Tensor]
) -> LadderLimits:
    """Posterior of each spectrum (per seed, (magnitudes, pixels)) of one star, and its Cramer-Rao bounds."""
    levels = torch.from_numpy(MAGNITUDES).float()
    found = [posterior(tools[0], flux, levels, seed=1_000_003 * i) for i, flux in enumerate(spectra)]
    three, five = crlb(simulator, tools[1], labels.expand(len(levels), -1), levels)
    return LadderLimits(
        mean=[_rounded(p.mean) for p in found],
        sd=[_rounded(p.sd) for p in found],
        quantiles=[[tuple(_rounded(q)) for q in p.quantiles] for p in found],
        crlb3=_rounded(three),
        crlb5=_rounded(five),
    )


def synthetic_stars(
    simulator: Simulator,
    net: SpecViT,
    n: int,
    seeds: int,
    provenance: Provenance,
    tools: tuple[Compressed, Abundances],
) -> list[Star]:
    """The first n of ``STARS``, with the network's answers and the limits over magnitudes and noise seeds."""
    stars = []
    for title, teff, logg, mh in STARS[:n]:
        flux = simulator.clean(torch.tensor([[teff, logg, mh]]))[0].double().numpy().round(4)
        sigma = simulator.instrument.noise.sigma(
            torch.from_numpy(flux)[None].expand(len(MAGNITUDES), -1), torch.from_numpy(MAGNITUDES)
        )
        snr = np.median(flux / sigma.numpy(), axis=1)
        spectra = [torch.cat([noisy(simulator, flux, float(m), s) for m in MAGNITUDES]) for s in range(1, seeds + 1)]
        answers = [predict(net, x) for x in spectra]
        identifier = title.lower().replace("'", "").replace(" ", "-")
        example = ExampleFile(
            provenance=provenance,
            id=identifier,
            title=title,
            origin="synthetic",
            survey="synthetic",
            credit="The SpecViT maintainers; Turbospectrum on C3K/ATLAS12 models",
            instrument=simulator.instrument.name,
            star_class=class_of(logg),
            logg=logg,
            teff=teff,
            mh=mh,
            label_source="the labels that the spectrum was computed for",
            rv_kms=None,
            snr=None,
            wave=simulator.instrument.wave_axis,
            flux=_rounded(flux),
            sigma=None,
            model_flux=None,
            predicted_logg=None,
            predicted_sigma=None,
            ladder=Ladder(
                magnitudes=MAGNITUDES.tolist(),
                seeds=list(range(1, seeds + 1)),
                snr=_rounded(snr),
                logg=[_rounded(a[0]) for a in answers],
                sigma=[_rounded(a[1]) for a in answers],
                limits=ladder_limits(simulator, tools, torch.tensor([[teff, logg, mh]]), spectra),
            ),
        )
        shown = noisy(simulator, flux, ATTENTION_MAGNITUDE, 1)[0]
        stars.append(Star(example, attention_of(net, shown, identifier, provenance, ATTENTION_MAGNITUDE, 1)))
    return stars


def choose_observed(evaluation: EvaluationSet, snr_max: float, per_class: int = 3) -> list[int]:
    """Indices of the stars to show: per class the best S/N that was trained on, in each third of the metallicities."""
    chosen: list[int] = []
    assert evaluation.valid is not None
    complete = evaluation.valid.float().mean(1).numpy()
    for name in ("giant", "subgiant", "dwarf"):
        members = np.flatnonzero([class_of(v) == name for v in evaluation.logg])
        members = members[(complete[members] > 0.97) & (evaluation.snr[members] <= snr_max)]
        thirds = np.array_split(members[np.argsort(evaluation.mh[members], kind="stable")], per_class)
        chosen += [int(part[np.argmax(evaluation.snr[part])]) for part in thirds if len(part)]
    return chosen


def observed_stars(
    simulator: Simulator, net: SpecViT, evaluation: EvaluationSet, model: str, provenance: Provenance
) -> list[Star]:
    """Observed stars of each class with the model spectrum at their catalogue labels.

    Args:
        evaluation: the observed set, already run through ``run_models``.
        model: name of SpecViT in ``evaluation.predicted``.
    """
    assert evaluation.id is not None
    assert evaluation.valid is not None
    assert evaluation.error is not None
    assert evaluation.z is not None
    seen = masked_flux(evaluation, net)
    bounds = simulator.grid.bounds
    stars = []
    for i in choose_observed(evaluation, simulator.level_range[1]):
        labels = [
            float(np.clip(v, *bounds[k]))
            for k, v in zip(
                ("teff", "logg", "mh"), (evaluation.teff[i], evaluation.logg[i], evaluation.mh[i]), strict=True
            )
        ]
        synthetic = simulator.instrument.normalise(simulator.clean(torch.tensor([labels])))[0]
        identifier = "lamost-" + evaluation.id[i].lower().replace("+", "p").replace("-", "m")
        valid = evaluation.valid[i].numpy()
        flux, sigma = evaluation.flux[i].double().numpy().round(4), evaluation.error[i].double().numpy().round(5)
        logg = float(evaluation.logg[i])
        example = ExampleFile(
            provenance=provenance,
            id=identifier,
            title=f"LAMOST {evaluation.id[i]}",
            origin="observed",
            survey="LAMOST DR10",
            credit=lamost.CREDIT,
            instrument=simulator.instrument.name,
            star_class=class_of(logg),
            logg=logg,
            teff=float(evaluation.teff[i]),
            mh=float(evaluation.mh[i]),
            label_source=evaluation.info.label_source,
            rv_kms=round(float(evaluation.z[i]) * SPEED_OF_LIGHT_KMS, 2),
            snr=float(evaluation.snr[i]),
            wave=simulator.instrument.wave_axis,
            flux=[float(f) if v else None for f, v in zip(flux, valid, strict=True)],
            sigma=[float(s) if v else None for s, v in zip(sigma, valid, strict=True)],
            model_flux=_rounded(synthetic),
            predicted_logg=float(evaluation.predicted[model][i]),
            predicted_sigma=float(evaluation.sigma[model][i]),
            ladder=None,
        )
        stars.append(Star(example, attention_of(net, seen[i], identifier, provenance, None, None)))
    return stars
