"""Leading principal directions of spectra, which embeddings and baselines start from."""

import torch
from torch import Tensor

SPARE = 32  # directions that are sought beyond those asked for, so that the last of these are exact as well
ROUNDS = 4


def leading(x: Tensor, k: int) -> tuple[Tensor, Tensor]:
    """Leading principal directions (k, pixels) of x (n, pixels) and the variances (k,) along them, largest first.

    Found with random projections (Halko, Martinsson & Tropp 2011, SIAM Review 53, 217), always the same ones: several
    hundred times as fast as a whole decomposition of some thousand spectra. Fewer than k come back where x has no more.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        _, s, v = torch.svd_lowrank(x - x.mean(0), q=min(k + SPARE, *x.shape), niter=ROUNDS)
    return v.T[:k], s[:k].square() / len(x)
