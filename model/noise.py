"""Seeded unit-normal noise that Python and the browser share.

mulberry32 (public domain, T. Ettinger) is a 32-bit generator whose k-th draw depends on the seed and k
alone, so it vectorises here and runs in a few lines of JavaScript (``static/js/noise.js``); Box & Muller
(1958) turns pairs of draws into normals. It serves reproducible pictures, not training: training noise is
torch's generator.
"""

import numpy as np


def uniforms(seed: int, n: int) -> np.ndarray:
    """First n draws of mulberry32 started at ``seed``: (n,) float64 in [0, 1)."""
    with np.errstate(over="ignore"):
        k = np.arange(1, n + 1, dtype=np.uint32)
        a = np.uint32(seed) + k * np.uint32(0x6D2B79F5)
        t = (a ^ (a >> np.uint32(15))) * (a | np.uint32(1))
        t = (t + (t ^ (t >> np.uint32(7))) * (t | np.uint32(61))) ^ t
    return (t ^ (t >> np.uint32(14))) / 2.0**32


def normals(seed: int, n: int) -> np.ndarray:
    """n unit normals, (n,) float64: z_i = sqrt(-2 ln(1 - u_2i)) cos(2 pi u_2i+1)."""
    u = uniforms(seed, 2 * n)
    return np.sqrt(-2 * np.log1p(-u[0::2])) * np.cos(2 * np.pi * u[1::2])
