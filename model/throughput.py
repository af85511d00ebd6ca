"""How fast a training runs, in floating-point operations: achieved, and as a part of what the device could do.

Model FLOPs utilisation (MFU) as Chowdhery et al. 2022 define it (arXiv 2204.02311, appendix B): operations that
the network needs, not those that the machine happened to do, over the peak of the device.
"""

import time

import torch
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

from model.parallel import Place
from model.vit import Network

# Peak TFLOP/s, dense: (bfloat16 on tensor cores, float32 without them). From NVIDIA's data sheets, where bfloat16 is
# often given with sparsity, which is twice these: A100 (2021), H100 (2023), H100 NVL (2023), H200 (2024), L4 and L40S
# (2023). The first name that is part of the device's decides; what is not listed gets no MFU.
PEAKS: dict[str, tuple[float, float]] = {
    "A100": (312, 19.5),
    "H100 PCIe": (756, 51),
    "H100 NVL": (835, 60),
    "H100": (989, 67),
    "H200 NVL": (835, 60),
    "H200": (989, 67),
    "L40S": (362, 91.6),
    "L4": (121, 30.3),
}


def peak_flops(device_name: str, precision: str) -> float | None:
    """Peak FLOP/s of a device by name, None where it is not known."""
    for name, (bfloat16, float32) in PEAKS.items():
        if name in device_name:
            return 1e12 * (bfloat16 if precision == "bfloat16" else float32)
    return None


@torch.no_grad()
def flops_per_presentation(net: Network) -> int:
    """Floating-point operations of a forward and a backward pass (twice the forward) of one spectrum."""
    flux = torch.ones(1, len(net.scaler.mean), device=net.scaler.mean.device)
    # the counter does not know the fused attention of a CPU; its parts it does
    with FlopCounterMode(display=False) as counter, sdpa_kernel(SDPBackend.MATH):
        net(flux)
    return 3 * int(counter.get_total_flops())


class Meter:
    """Speed of a training between two calls of ``start`` and ``stop``."""

    def __init__(self, net: Network, place: Place, precision: str) -> None:
        self.flops = flops_per_presentation(net)
        name = torch.cuda.get_device_name(place.device) if place.device.type == "cuda" else ""
        peak = peak_flops(name, precision)
        self.peak = None if peak is None else peak * place.size
        self.start(0)

    def start(self, presentations: int) -> None:
        """Count from here."""
        self.since, self.before = time.perf_counter(), presentations

    def stop(self, presentations: int) -> dict[str, float]:
        """Achieved GFLOP/s since ``start``, of all processes together, and the MFU where the peak is known."""
        speed = self.flops * (presentations - self.before) / (time.perf_counter() - self.since)
        row = {"gflops": round(speed / 1e9, 2)}
        if self.peak is not None:
            row["mfu"] = round(speed / self.peak, 4)
        return row
