"""Training steps of SpecViT against the Vision Transformer of Hugging Face's transformers, at the same shape."""

from collections.abc import Callable

import torch
import torch.nn.functional as F
from common import Section, best_times, bfloat16, main
from torch import Tensor, nn
from transformers import ViTConfig, ViTModel

from model.vit import PRESETS, SpecViT, VitConfig

BATCH = {"specvit-s": 32, "specvit-ti": 256}


class HuggingFaceVit(nn.Module):
    """ViTModel on a spectrum as an image of one row; its CLS token through a linear head."""

    def __init__(self, c: VitConfig, attention: str) -> None:
        super().__init__()
        config = ViTConfig(
            hidden_size=c.width,
            num_hidden_layers=c.depth,
            num_attention_heads=c.heads,
            intermediate_size=c.mlp_ratio * c.width,
            hidden_dropout_prob=0.0,
            attention_probs_dropout_prob=0.0,
            image_size=(1, c.n_pixels),
            patch_size=(1, c.patch_size),
            num_channels=1,
            attn_implementation=attention,
        )
        self.vit = ViTModel(config, add_pooling_layer=False)
        self.head = nn.Linear(c.width, 2)

    def forward(self, flux: Tensor) -> Tensor:
        return self.head(self.vit(flux[:, None, None]).last_hidden_state[:, 0])


def step(net: nn.Module, flux: Tensor, target: Tensor, precision: str) -> Callable[[], None]:
    """One optimiser step, everything but making the spectra."""
    net.train()
    optimiser = torch.optim.AdamW(net.parameters(), lr=1e-4, fused=True)

    def run() -> None:
        with torch.autocast("cpu", torch.bfloat16, enabled=precision == "bfloat16"):
            out = net(flux)
        raw = out[0] if isinstance(out, tuple) else out
        loss = F.mse_loss(raw[:, 0].float(), target)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()

    return run


def measure(seconds: float = 20) -> Section:
    section = Section(
        "Training",
        "Spectra a second through forward pass, backward pass and AdamW, without making the spectra. The other network "
        "is `ViTModel` of transformers at the same width, depth, heads and tokens, on the same batch in the same "
        "precision, with both of its ways to compute attention (sdpa is its default). Compiled: by `torch.compile`, "
        "which `TrainConfig.compile` switches on here, and the faster of its ways there. Steps of all alternate, the "
        "fastest step of each counts. Ratios: to the faster of its two ways, first neither compiled, then both. "
        "bfloat16 is measured where the processor has products of such numbers.",
        ["network", "precision", "batch", "SpecViT", "compiled", "transformers, sdpa", "eager", "compiled", "ratio",
         "ratio, compiled"],
    )  # fmt: skip
    for preset, batch in BATCH.items():
        c = PRESETS[preset]
        flux, target = torch.randn(batch, c.n_pixels), torch.randn(batch)
        for precision in ("bfloat16", "float32") if bfloat16() else ("float32",):
            theirs = "eager" if precision == "bfloat16" and preset == "specvit-ti" else "sdpa"
            nets = {
                "ours": SpecViT(c),
                "ours compiled": torch.compile(SpecViT(c)),
                "sdpa": HuggingFaceVit(c, "sdpa"),
                "eager": HuggingFaceVit(c, "eager"),
                "theirs compiled": torch.compile(HuggingFaceVit(c, theirs)),
            }
            times = best_times({k: step(n, flux, target, precision) for k, n in nets.items()}, seconds)
            plain = min(times["sdpa"], times["eager"]) / times["ours"]
            compiled = times["theirs compiled"] / times["ours compiled"]
            speeds = [f"{batch / times[k]:.3g}" if batch / times[k] < 100 else f"{batch / times[k]:.0f}" for k in nets]
            section.rows.append([preset, precision, str(batch), *speeds, f"{plain:.2f}", f"{compiled:.2f}"])
    return section


if __name__ == "__main__":
    main(measure)
