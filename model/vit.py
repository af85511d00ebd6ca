"""SpecViT: a Vision Transformer for one-dimensional spectra; the whole network in this file.

A spectrum is cut into patches; each patch becomes a token; a CLS token and learned positions are added;
pre-norm transformer layers let the tokens exchange what they know; a linear head reads log g and its
uncertainty off the CLS token (or the mean of all).

References:
    Vaswani et al. 2017, arXiv 1706.03762 (attention); Dosovitskiy et al. 2021, arXiv 2010.11929 (ViT);
    Xiong et al. 2020, arXiv 2002.04745 (pre-norm); Abnar & Zuidema 2020, arXiv 2005.00928 (rollout).
"""

import math
from dataclasses import dataclass
from typing import Any, Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from model.components import leading
from site_builder.contract import BadInput


@dataclass(frozen=True)
class VitConfig:
    """Shape of a SpecViT."""

    n_pixels: int = 4096  # pixels of a spectrum; a multiple of patch_size
    patch_size: int = 16  # pixels of a patch
    width: int = 384  # length of a token
    depth: int = 6  # transformer layers
    heads: int = 6  # attention heads of a layer; width is a multiple of it
    mlp_ratio: int = 4  # hidden width of a layer's MLP, in units of width
    embedding: Literal["shared", "per-position"] = "shared"  # one Conv1D filter bank, or one matrix per patch
    embedding_init: Literal["random", "pca"] = "random"  # pca: leading components of clean training spectra
    pool: Literal["cls", "mean"] = "cls"  # what the head reads
    positions: bool = True  # learned positions are added to the tokens

    def __post_init__(self) -> None:
        for name in ("n_pixels", "patch_size", "width", "depth", "heads", "mlp_ratio"):
            if getattr(self, name) < 1:
                raise BadInput(f"model: field {name} is {getattr(self, name)}; give 1 or more.")
        for a, b in (("n_pixels", "patch_size"), ("width", "heads")):
            if getattr(self, a) % getattr(self, b):
                sizes = f"field {a} ({getattr(self, a)}) is no multiple of field {b} ({getattr(self, b)})"
                raise BadInput(f"model: {sizes}; change one.")
        if self.embedding_init == "pca" and self.embedding != "per-position":
            raise BadInput("model: field embedding_init is pca, which needs embedding per-position; change one.")

    @property
    def n_patches(self) -> int:
        """Patches of a spectrum."""
        return self.n_pixels // self.patch_size


class Scaler(nn.Module):
    """Input and output scales, stored with the weights so that a checkpoint is complete.

    Inputs: (flux - mean) / sigma per pixel, unused pixels 0. Outputs: log g = centre + scale * raw. Intervals are
    calibrated on spectra of their own (``train.calibrate``): ``spread`` is what is added to ln sigma for each
    feature of a spectrum (``spread_features``), and ``calibration`` holds knots of ln sigma and ln factors at them,
    first from that sigma to half the 68 % interval, then from that to half the 95 % interval.

    Args:
        n_pixels: pixels of a spectrum.
        width: numbers that the last layer reads.
    """

    KNOTS = 16

    mean: Tensor
    sigma: Tensor
    used: Tensor
    label: Tensor
    spread: Tensor
    calibration: Tensor

    def __init__(self, n_pixels: int, width: int = 0) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(n_pixels))
        self.register_buffer("sigma", torch.ones(n_pixels))
        self.register_buffer("used", torch.ones(n_pixels))
        self.register_buffer("label", torch.tensor([0.0, 1.0]))
        self.register_buffer("spread", torch.zeros(width + 3))
        knots = torch.linspace(-6, 2, self.KNOTS)
        one = torch.stack([knots, torch.zeros(self.KNOTS)])
        self.register_buffer("calibration", torch.stack([one, one + torch.tensor([[0.0], [math.log(1.959964)]])]))

    def inputs(self, flux: Tensor) -> Tensor:
        """Network input of normalised flux (B, pixels)."""
        return (flux - self.mean) / self.sigma * self.used

    def outputs(self, raw: Tensor) -> tuple[Tensor, Tensor]:
        """(log g, half the 68 % interval) in dex, (B,) each, of raw outputs (B, 2) = (mean, log sigma)."""
        centre, scale = self.label
        sigma = scale * raw[:, 1].clamp(-7, 3).exp()
        return centre + scale * raw[:, 0], sigma * interval_factor(sigma, self.calibration[0])

    def half95(self, sigma: Tensor) -> Tensor:
        """Half the 95 % interval (B,) in dex where half the 68 % interval is sigma (B,)."""
        return sigma * interval_factor(sigma, self.calibration[1])

    def spread_features(self, pooled: Tensor, x: Tensor) -> Tensor:
        """(B, width + 3): what the last layer reads (B, width), the noise level of the input x (B, pixels) and 1.

        The noise is ln of the mean difference of pixels two apart. A network trained at all magnitudes need not
        carry it to its last layer; without it the brightest spectra get intervals that are too wide.
        """
        noise = (x[:, 2:] - x[:, :-2]).abs().mean(1, keepdim=True).clamp_min(1e-6).log()
        return torch.cat([pooled.float(), noise, noise**2, torch.ones_like(noise)], dim=1)

    def targets(self, logg: Tensor) -> Tensor:
        """Raw target of log g (B,)."""
        return (logg - self.label[0]) / self.label[1]


def interval_factor(sigma: Tensor, table: Tensor) -> Tensor:
    """Factor (B,) of a calibration table (2, knots) at sigma (B,): linear in ln sigma, constant beyond the ends."""
    knots, values = table
    x = sigma.log()
    i = (knots < x[:, None]).sum(1).clamp(1, len(knots) - 1)  # searchsorted, which ONNX lacks
    t = ((x - knots[i - 1]) / (knots[i] - knots[i - 1])).clamp(0, 1)
    return (values[i - 1] + t * (values[i] - values[i - 1])).exp()


class Network(nn.Module):
    """What the training loop, the evaluation and the export need of a network."""

    scaler: Scaler
    head: nn.Linear

    def read(self, pooled: Tensor, x: Tensor) -> Tensor:
        """Raw (mean, log sigma) (B, 2) from what the last layer reads; sigma is spread outside training."""
        raw: Tensor = self.head(pooled)
        if self.training:
            return raw
        extra = self.scaler.spread_features(pooled, x) @ self.scaler.spread
        return torch.stack([raw[:, 0], raw[:, 1] + extra], dim=1)

    def __call__(self, flux: Tensor, explicit: bool = False) -> tuple[Tensor, dict[str, Any]]:
        """Raw (mean, log sigma) (B, 2) and named activations of normalised flux (B, pixels)."""
        out: tuple[Tensor, dict[str, Any]] = super().__call__(flux, explicit)
        return out

    def start_from(self, x: Tensor) -> None:
        """Adapt the initial weights to clean, scaled training spectra x (n, pixels); nothing by default."""


class PatchEmbedding(nn.Module):
    """(B, pixels) -> (B, patches, width)."""

    def __init__(self, c: VitConfig) -> None:
        super().__init__()
        self.config = c
        n = 1 if c.embedding == "shared" else c.n_patches
        self.weight = nn.Parameter(torch.randn(n, c.patch_size, c.width) * c.patch_size**-0.5)
        self.bias = nn.Parameter(torch.zeros(n, c.width))

    def forward(self, x: Tensor) -> Tensor:
        """Linear map of each patch: shared (a Conv1D with stride = kernel) or one per position."""
        c = self.config
        patches = x.view(-1, c.n_patches, c.patch_size)
        if c.embedding == "shared":
            return patches @ self.weight[0] + self.bias[0]
        return torch.baddbmm(self.bias[:, None], patches.transpose(0, 1), self.weight).transpose(0, 1)

    @torch.no_grad()
    def start_from_components(self, x: Tensor) -> None:
        """Start as a Wiener filter: principal directions of clean spectra, each weighed by its signal.

        Half of a token's columns are the patch's part of components of the *whole* spectrum, so that a plain
        average over tokens (what untrained attention does) is a projection on those; the other half are the
        components of the patch alone. A direction whose signal has variance v in units of the noise is
        multiplied by v / (v + 1), so that tokens start nearly free of noise.

        Args:
            x: (n, pixels) clean training spectra, centred and in units of the noise.
        """
        c = self.config
        half = c.width // 2
        whole = (_filtered(x, half) * c.n_patches**0.5).view(-1, c.n_patches, c.patch_size)
        self.weight.mul_(0.1)
        self.weight[:, :, : len(whole)] = whole.permute(1, 2, 0)
        for i, patch in enumerate(x.view(len(x), c.n_patches, c.patch_size).unbind(1)):
            own = _filtered(patch, c.width - half)
            self.weight[i, :, half : half + len(own)] = own.T


def _filtered(x: Tensor, k: int) -> Tensor:
    """Leading principal directions (k, pixels) of x (n, pixels), each times the Wiener gain of its signal."""
    directions, variance = leading(x, k)
    return directions * (variance / (variance + 1))[:, None]


class Attention(nn.Module):
    """Multi-head self-attention with a fused path (training) and an explicit one (export)."""

    def __init__(self, c: VitConfig) -> None:
        super().__init__()
        self.heads = c.heads
        self.qkv = nn.Linear(c.width, 3 * c.width)
        self.out = nn.Linear(c.width, c.width)

    def forward(self, x: Tensor, explicit: bool = False, asking: int | None = None) -> tuple[Tensor, Tensor | None]:
        """(B, T, width) -> (B, asking, width) and, if ``explicit``, the weights (B, heads, asking, T).

        The first ``asking`` tokens read all tokens; None: every token does.
        """
        b, t, w = x.shape
        if asking is None:
            # contiguous: one copy here instead of one for each product
            q, k, v = self.qkv(x).view(b, t, 3, self.heads, -1).permute(2, 0, 3, 1, 4).contiguous()
        else:
            ask, read = (slice(None, w), slice(w, None))
            q = F.linear(x[:, :asking], self.qkv.weight[ask], self.qkv.bias[ask])
            q = q.view(b, asking, self.heads, -1).transpose(1, 2)
            k, v = (
                F.linear(x, self.qkv.weight[read], self.qkv.bias[read])
                .view(b, t, 2, self.heads, -1)
                .permute(2, 0, 3, 1, 4)
            )
        weights = None
        # the fused kernel's bfloat16 backward is many times slower than two products on a CPU (torch 2.13)
        slow = x.device.type == "cpu" and torch.is_autocast_enabled("cpu")
        if explicit or slow:
            # outside autocast the softmax keeps bfloat16, which the second product rounds it to anyway: no copies
            with torch.autocast(x.device.type, enabled=False):
                weights = ((q * q.shape[-1] ** -0.5) @ k.transpose(-2, -1)).softmax(-1)
                y = weights @ v
        else:
            y = F.scaled_dot_product_attention(q, k, v)
        return self.out(y.transpose(1, 2).reshape(b, -1, w)), weights if explicit else None


class Layer(nn.Module):
    """Pre-norm transformer layer."""

    def __init__(self, c: VitConfig) -> None:
        super().__init__()
        self.norm1, self.norm2 = nn.LayerNorm(c.width), nn.LayerNorm(c.width)
        self.attention = Attention(c)
        self.mlp = nn.Sequential(
            nn.Linear(c.width, c.mlp_ratio * c.width), nn.GELU(), nn.Linear(c.mlp_ratio * c.width, c.width)
        )

    def forward(self, x: Tensor, explicit: bool = False, asking: int | None = None) -> tuple[Tensor, Tensor | None]:
        """(B, T, width) -> its first ``asking`` tokens (None: all), and the attention weights if ``explicit``."""
        y, weights = self.attention(self.norm1(x), explicit, asking)
        x = x[:, :asking] + y
        return x + self.mlp(self.norm2(x)), weights


class SpecViT(Network):
    """Spectrum -> raw (mean, log sigma) of log g; ``scaler`` turns raw outputs into dex."""

    def __init__(self, config: VitConfig) -> None:
        super().__init__()
        self.config = c = config
        self.scaler = Scaler(c.n_pixels, c.width)
        self.embedding = PatchEmbedding(c)
        self.cls = nn.Parameter(torch.zeros(1, 1, c.width)) if c.pool == "cls" else None
        position = torch.randn(1, c.n_patches + (c.pool == "cls"), c.width) * 0.02
        self.position = nn.Parameter(position) if c.positions else None
        self.layers = nn.ModuleList(Layer(c) for _ in range(c.depth))
        self.norm = nn.LayerNorm(c.width)
        self.head = nn.Linear(c.width, 2)
        for name, weight in self.named_parameters():
            # small residual branches at the start keep deep pre-norm stacks stable
            if name.endswith(("attention.out.weight", "mlp.2.weight")):
                nn.init.normal_(weight, std=0.02 * (2 * c.depth) ** -0.5)
        nn.init.zeros_(self.head.weight)
        nn.init.zeros_(self.head.bias)

    def start_from(self, x: Tensor) -> None:
        """Start the embedding from principal components of x (n, pixels) if the configuration says so."""
        if self.config.embedding_init == "pca":
            self.embedding.start_from_components(x)

    def forward(self, flux: Tensor, explicit: bool = False) -> tuple[Tensor, dict[str, Any]]:
        """Raw prediction and named activations of normalised flux.

        Args:
            flux: (B, pixels) as ``Instrument.normalise`` returns it.
            explicit: compute attention by an explicit softmax and return it, of all tokens in all layers. Without
                it only the CLS token passes the last layer, where nothing else is read: the same prediction.

        Returns:
            raw (B, 2) = (mean, log sigma) in scaled units, and activations: ``embedding`` (B, patches,
            width), ``layer0`` ... (B, tokens or 1, width), ``attention0`` ... (B, heads, tokens, tokens) if
            explicit, ``pooled`` (B, width).
        """
        activations: dict[str, Any] = {}
        inputs = self.scaler.inputs(flux)
        x = activations["embedding"] = self.embedding(inputs)
        if self.cls is not None:
            x = torch.cat([self.cls.expand(len(x), -1, -1).to(x.dtype), x], dim=1)
        if self.position is not None:
            x = x + self.position
        for i, layer in enumerate(self.layers):
            # of the last layer only CLS is read: no other token need pass it, unless its attention is asked for
            last = self.cls is not None and i == self.config.depth - 1 and not explicit
            x, weights = layer(x, explicit, 1 if last else None)
            activations[f"layer{i}"] = x
            if weights is not None:
                activations[f"attention{i}"] = weights
        x = self.norm(x)
        pooled = activations["pooled"] = x[:, 0] if self.cls is not None else x.mean(1)
        return self.read(pooled, inputs), activations


def rollout(attention: list[Tensor], has_cls: bool) -> Tensor:
    """Attention rollout (Abnar & Zuidema 2020) from the pooled output to the patches.

    Args:
        attention: per layer (..., heads, T, T).

    Returns:
        (..., patches) shares that sum to 1.
    """
    one = torch.eye(attention[0].shape[-1], dtype=attention[0].dtype)
    flow = one
    for layer in attention:
        flow = 0.5 * (layer.mean(-3) + one) @ flow
    share = flow[..., 0, 1:] if has_cls else flow.mean(-2)
    return share / share.sum(-1, keepdim=True)


PRESETS: dict[str, VitConfig] = {
    # the published size: 256 patches of 16 pixels (configs/published.toml has its shared Conv1D embedding)
    "specvit-s": VitConfig(embedding="per-position", embedding_init="pca"),
    # few wide tokens, one embedding matrix per position: what two CPU cores can train well
    "specvit-ti": VitConfig(
        patch_size=256, width=128, depth=4, heads=4, embedding="per-position", embedding_init="pca"
    ),
    # minutes on two cores; for tests and for the whole chain in small
    "specvit-nano": VitConfig(
        patch_size=256, width=48, depth=2, heads=3, embedding="per-position", embedding_init="pca"
    ),
}
