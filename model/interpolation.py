"""How far interpolated spectra are from computed ones: leave one node out, predict it from the others."""

import numpy as np
import torch

from model.grid import AXES, SpectralGrid, SplineAxis
from site_builder.contract.schema import InterpolationAxis


def leave_one_out(grid: SpectralGrid) -> list[InterpolationAxis]:
    """Interpolation error along each axis, in units of the flux (each node has median 1).

    Each inner node is predicted by the spline through the others of its axis, which bridges twice the
    step that the simulator ever bridges: an upper estimate of its error.
    """
    shape = tuple(len(a.nodes) for a in grid.axes)
    nodes = grid.nodes.view(*shape, -1)
    result = []
    for d, name in enumerate(AXES):
        positions = grid.axes[d].nodes
        errors, count = [], 0
        for j in range(1, len(positions) - 1):
            others = np.delete(np.arange(len(positions)), j)
            weights = SplineAxis(positions[others]).weights(torch.tensor([positions[j]]))[0].float()
            rest = nodes.index_select(d, torch.from_numpy(others))
            predicted = torch.tensordot(weights, rest, dims=([0], [d]))
            error = (predicted - nodes.select(d, j)).abs()
            count += error[..., 0].numel()
            errors.append(error.flatten().numpy())
        every = np.concatenate(errors)
        median, p99 = np.percentile(every, [50, 99])
        result.append(
            InterpolationAxis(
                axis=name,
                n_nodes=count,
                median=round(float(median), 8),
                p99=round(float(p99), 8),
                worst=round(float(every.max()), 8),
            )
        )
    return result
