"""Time to read log g off one spectrum and off 256, from normalised flux to log g and sigma."""

import torch
from common import Section, best_times, main

from model.baselines import cnn, mlp
from model.train import predict
from model.vit import PRESETS, SpecViT


def measure(seconds: float = 4) -> Section:
    section = Section(
        "Inference",
        "Milliseconds from normalised flux to log g and sigma, float32.",
        ["network", "parameters", "1 spectrum", "256 spectra", "a spectrum in 256"],
    )
    nets = {name: SpecViT(PRESETS[name]) for name in ("specvit-s", "specvit-ti")}
    nets |= {"mlp": mlp.build(4096, (512, 256, 128), 0), "cnn": cnn.build(4096, 0)}
    one, many = torch.randn(1, 4096), torch.randn(256, 4096)
    for name, net in nets.items():
        net.eval()
        single = best_times({"one": lambda n=net: predict(n, one)}, seconds / 4, least=10)["one"]
        batch = best_times({"many": lambda n=net: predict(n, many, 64)}, seconds / 2)["many"]
        parameters = sum(p.numel() for p in net.parameters())
        row = [name, f"{parameters:,}".replace(",", " ")]
        section.rows.append([*row, *(f"{1000 * t:.{d}f}" for t, d in ((single, 2), (batch, 0), (batch / 256, 3)))])
    return section


if __name__ == "__main__":
    main(measure)
