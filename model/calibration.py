"""What a network's stated sigma is worth: intervals that hold the share of the truths that they say."""

import torch
from torch import Tensor

from model.simulator import Simulator
from model.vit import Network, Scaler, interval_factor


def quantile_regression(x: Tensor, y: Tensor, share: float) -> Tensor:
    """Coefficients (k,) of the linear ``share`` quantile of y (n,) given x (n, k), whose last column is 1.

    Pinball loss (Koenker & Bassett 1978, Econometrica 46, 33), with a small penalty on standardised coefficients that
    falls as 1 / n.
    """
    scale, centre = x.std(0), x.mean(0)
    scale = torch.where(scale > 1e-6, scale, 1.0)
    centre[-1], scale[-1] = 0.0, 1.0
    z = (x - centre) / scale
    b = torch.zeros(x.shape[1], device=x.device)
    b[-1] = y.quantile(share)
    b.requires_grad_()
    optimiser = torch.optim.LBFGS([b], max_iter=200, history_size=20, line_search_fn="strong_wolfe")

    def closure() -> Tensor:
        optimiser.zero_grad()
        gap = y - z @ b
        loss: Tensor = torch.maximum(share * gap, (share - 1) * gap).mean() + len(b) / len(y) * b[:-1].square().sum()
        loss.backward()
        return loss

    with torch.enable_grad():
        optimiser.step(closure)
    found = b.detach() / scale
    found[-1] -= (found[:-1] * centre[:-1]).sum()
    return found


@torch.no_grad()
def calibrate(net: Network, simulator: Simulator, n: int) -> None:
    """Measure what the stated sigma is worth on n spectra of the stream "calibration" (conformal prediction).

    First sigma is made the 68.27 % quantile of |error| given what the last layer reads and the noise level (quantile
    regression). Then, in groups of equal sigma, that quantile of |error| / sigma turns it into half of an interval
    that holds that share of the truths, whatever the shape of the errors; the same again for 95 %. Grouping by sigma
    keeps both shares right at every brightness (Vovk 2012, arXiv 1209.2673: conditional, or Mondrian, validity).
    """
    scaler, device, training = net.scaler, net.scaler.mean.device, net.training
    net.eval()
    scaler.calibration.copy_(Scaler(1).calibration)
    scaler.spread.zero_()
    columns: list[tuple[Tensor, Tensor, Tensor]] = []
    for i in range(0, n, 2000):
        batch = simulator.batch(min(2000, n - i), 0, "calibration", i, jitter=True)
        flux = batch.flux.to(device)
        raw, activations = net(flux)
        logg, sigma = scaler.outputs(raw)
        features = scaler.spread_features(activations["pooled"], scaler.inputs(flux))
        columns.append(((logg - batch.labels[:, 1].to(device)).abs(), sigma, features))
    net.train(training)
    error, sigma, features = (torch.cat(part) for part in zip(*columns, strict=True))
    shares = (0.682689, 0.95)
    scaler.spread.copy_(quantile_regression(features, (error / sigma).clamp_min(1e-6).log(), shares[0]))
    sigma = sigma * (features @ scaler.spread).exp()
    for which, share in enumerate(shares):
        groups = sigma.argsort().tensor_split(Scaler.KNOTS)
        knots = torch.stack([sigma[g].log().median() for g in groups])
        factors = torch.stack([(error[g] / sigma[g]).quantile(share).log() for g in groups])
        # equal sigmas would make equal knots; keep them apart
        apart = 1e-6 * torch.arange(len(knots), device=device)
        scaler.calibration[which] = torch.stack([knots + apart, factors])
        if which == 0:
            sigma = sigma * interval_factor(sigma, scaler.calibration[0])
