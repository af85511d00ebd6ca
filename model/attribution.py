"""Which parts of a spectrum an answer comes from: Fisher information, attention, gradient, occlusion.

All measures are per pixel or per window of equal size, so that a network with few wide tokens can still be asked
about narrow stretches of the spectrum; only attention is tied to tokens.

References: Abnar & Zuidema 2020, arXiv 2005.00928 (rollout); Simonyan et al. 2013, arXiv 1312.6034 (gradients);
Zeiler & Fergus 2013, arXiv 1311.2901 (occlusion); van der Vaart 1998, Asymptotic Statistics, ch. 25 (efficient score).
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from model.instruments import row_median
from model.simulator import Simulator
from model.vit import Network, SpecViT, rollout

AT_ONCE = 1024  # spectra in one pass through the network


def by_window(pixels: Tensor, size: int) -> Tensor:
    """Sums (n, windows) of (n, pixels) over windows of ``size`` pixels."""
    return pixels.unflatten(-1, (-1, size)).sum(-1)


def shares(values: Tensor) -> Tensor:
    """(..., k) divided by their sums."""
    return values / values.sum(-1, keepdim=True)


def noise_of(simulator: Simulator, labels: Tensor, level: Tensor) -> Tensor:
    """Standard deviations (n, pixels) of normalised flux at labels (n, 3) and magnitudes (n,)."""
    flux = simulator.grid.spectra(labels)
    return simulator.instrument.noise.sigma(flux, level) / row_median(flux)


def fisher_pixels(simulator: Simulator, labels: Tensor, level: Tensor) -> tuple[Tensor, Tensor]:
    """Fisher information on log g per pixel, (n, pixels) dex^-2 each: all else unknown, and all else known.

    With d the derivative of the spectrum with log g and N those with Teff, [M/H] and amplitude, all over sigma, the
    information when these are unknown is the squared length of d less its projection on N (the Schur complement, as
    in ``limits.crlb``). That is a sum over pixels of squares, so it can be shared out between them; each pixel's part
    counts only what the nuisances cannot imitate. All else known: d^2.
    """
    parts: list[tuple[Tensor, Tensor]] = []
    for some, m in zip(labels.split(250), level.split(250), strict=True):
        flux = simulator.grid.spectra(some)
        sigma = simulator.instrument.noise.sigma(flux, m)
        jacobian = simulator.grid.jacobian(some)
        gravity = (jacobian[:, 1] / sigma).double()
        nuisance = (torch.stack([jacobian[:, 0], jacobian[:, 2], flux], 2) / sigma[:, :, None]).double()
        nuisance = nuisance / nuisance.norm(dim=1, keepdim=True).clamp_min(1e-30)  # K and dex differ by thousands
        basis, _ = torch.linalg.qr(nuisance)
        efficient = gravity - (basis @ (basis.transpose(1, 2) @ gravity[:, :, None]))[:, :, 0]
        parts.append((efficient.square(), gravity.square()))
    return torch.cat([p[0] for p in parts]), torch.cat([p[1] for p in parts])


def gradient_pixels(net: Network, flux: Tensor, sigma: Tensor) -> Tensor:
    """(n, pixels) dex^2: variance that the noise of each pixel gives the answer, to first order.

    (d log g / d flux * sigma)^2. For an efficient estimator this is the pixel's Fisher information (all else unknown)
    over the square of the whole, so that the shares of both are the same.
    """
    found = []
    for x, s in zip(flux.split(AT_ONCE), sigma.split(AT_ONCE), strict=True):
        leaf = x.clone().requires_grad_(True)
        logg, _ = net.scaler.outputs(net(leaf)[0])
        (slope,) = torch.autograd.grad(logg.sum(), leaf)
        found.append((slope * s).square())
    return torch.cat(found)


def pooled_rows(net: SpecViT, activations: dict[str, Tensor]) -> Tensor:
    """(n, layers, heads, patches): weight that the pooled output gives to each patch (mean of queries without CLS)."""
    layers = torch.stack([activations[f"attention{i}"] for i in range(net.config.depth)], 1)
    return layers[..., 0, 1:] if net.cls is not None else layers.mean(-2)


@dataclass
class Seen:
    """What the network makes of n spectra.

    Attributes:
        logg: (n,) dex.
        rows: (n, layers, heads, patches) attention of the pooled output.
        rollout: (n, patches).
    """

    logg: Tensor
    rows: Tensor
    rollout: Tensor


@torch.inference_mode()
def look(net: SpecViT, flux: Tensor) -> Seen:
    """Answers and attention for normalised flux (n, pixels)."""
    parts = []
    for x in flux.split(AT_ONCE):
        raw, activations = net(x, explicit=True)
        layers = [activations[f"attention{i}"] for i in range(net.config.depth)]
        flow = rollout(layers, net.cls is not None)
        parts.append((net.scaler.outputs(raw)[0], pooled_rows(net, activations), flow))
    return Seen(*(torch.cat([p[i] for p in parts]) for i in range(3)))


@torch.inference_mode()
def replaced(net: SpecViT, flux: Tensor, gone: Tensor) -> Tensor:
    """Flux (n, pixels) with the windows in gone (n, windows; bool) set to the mean training spectrum."""
    size = flux.shape[-1] // gone.shape[-1]
    return torch.where(gone.repeat_interleave(size, -1), net.scaler.mean, flux)


@dataclass
class Occlusion:
    """What setting each window to its mean does.

    Attributes:
        change: (n, windows) |change| of log g, dex.
        moved: (n, layers, heads, windows) how far the head's row moves: half the sum of |differences| (0 to 1).
    """

    change: Tensor
    moved: Tensor


@torch.inference_mode()
def occlude(net: SpecViT, flux: Tensor, size: int) -> Occlusion:
    """Replace each window of ``size`` pixels in turn, in each spectrum of normalised flux (n, pixels)."""
    before = look(net, flux)
    windows = flux.shape[1] // size
    each = torch.eye(windows, dtype=torch.bool)
    change, moved = [], []
    step = max(1, AT_ONCE // windows)
    for i in range(0, len(flux), step):
        x = flux[i : i + step]
        gone = each.repeat(len(x), 1)
        after = look(net, replaced(net, x.repeat_interleave(windows, 0), gone))
        old = before.logg[i : i + step, None]
        change.append((after.logg.view(-1, windows) - old).abs())
        rows = after.rows.unflatten(0, (-1, windows)) - before.rows[i : i + step, None]
        moved.append(0.5 * rows.abs().sum(-1).movedim(1, -1))
    return Occlusion(torch.cat(change), torch.cat(moved))


@dataclass
class Journey:
    """One spectrum on its way through the network; see ``contract.attribution.Activations``."""

    input_rms: Tensor
    token_norm: Tensor
    change: Tensor
    reading: Tensor


@torch.inference_mode()
def journey(net: SpecViT, flux: Tensor) -> Journey:
    """Activations of one normalised spectrum (pixels,)."""
    _, activations = net(flux[None], explicit=True)  # all tokens through the last layer
    x = activations["embedding"]
    if net.cls is not None:
        x = torch.cat([net.cls, x], dim=1)
    if net.position is not None:
        x = x + net.position
    stream = torch.cat([x, *(activations[f"layer{i}"] for i in range(net.config.depth))])
    normed = net.norm(stream)
    pooled = normed[:, 0] if net.cls is not None else normed.mean(1)
    centre, scale = net.scaler.label
    patches = net.scaler.inputs(flux[None]).view(net.config.n_patches, -1)
    return Journey(
        input_rms=patches.square().mean(1).sqrt(),
        token_norm=stream.norm(dim=2),
        change=stream.diff(dim=0).norm(dim=2),
        reading=centre + scale * net.head(pooled)[:, 0],
    )
