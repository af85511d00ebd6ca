"""Leading principal directions of spectra, which embeddings and baselines start from."""

import torch
from torch import Tensor

SPARE = 32  # directions that are sought beyond those asked for, so that the last of these are exact as well
ROUNDS = 4


def leading(x: Tensor, k: int) -> tuple[Tensor, Tensor]:
    """Leading principal directions (k, pixels) of x (n, pixels) and the variances (k,) along them, largest first.

    Found with random projections (Halko, Martinsson & Tropp 2011, SIAM Review 53, 217), always the same ones, which is
    many times as fast as a whole decomposition of some thousand spectra. Fewer than k come back where x has no more.
    """
    centred = x - x.mean(0)
    if min(x.shape) <= 2 * (k + SPARE):  # little is to be left out
        _, s, v = torch.linalg.svd(centred, full_matrices=False)
        return v[:k], s[:k].square() / len(x)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        _, s, v = torch.svd_lowrank(centred, q=k + SPARE, niter=ROUNDS)
    return v.T[:k], s[:k].square() / len(x)
