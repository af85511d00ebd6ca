"""A trained SpecViT as an ONNX file that carries everything a browser needs to judge a spectrum.

Beside the network with its scales and calibrated intervals the file holds what ``predict`` refuses spectra by: the
pixels used, the continuum that spectra are divided by, and what synthetic spectra can look like. Large weights are
stored in float16 and computed in float32; ``parity`` measures what that costs.
"""

import hashlib
import io
import logging
import warnings
from contextlib import redirect_stdout
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import onnxscript  # noqa: F401  # the exporter of torch.onnx needs it
import torch
from onnx import TensorProto, helper, numpy_helper
from torch import Tensor, nn

from model import data, provenance
from model.checkpoint import load_weights
from model.predict import JUDGED, MAX_EXCESS, MIN_COVERAGE, Predictor
from model.simulator import Simulator, generator
from model.train import predict
from model.vit import SpecViT, rollout
from site_builder.contract import BadInput, write_file, write_index
from site_builder.contract.folders import replacing_folder
from site_builder.contract.io import read_index, take_over, write_atomic
from site_builder.contract.schema import Index, IndexEntry, NetworkFile, Parity, Prior, Provenance

OPSET = 18
HALF_FROM = 1024  # entries from which a tensor is stored in float16
PARITY_SPECTRA = 1000
PARITY_SEED = 20
FULL = ("mean", "sigma", "used", "spread", "calibration")  # scales: not halved
# outputs that depend on no input, by name; see Predictor
CONSTANTS = ("used", "basis_mean", "basis", "continuum_basis", "continuum_fit")
EMBEDDED = {"pfs-mr": "pfs_mr_noise_model.npz", "lamost": "lamost_relative_noise.npz"}


class Portable(nn.Module):
    """One spectrum in, everything a page shows out."""

    def __init__(self, net: SpecViT) -> None:
        super().__init__()
        self.net = net

    def forward(self, flux: Tensor, valid: Tensor) -> tuple[Tensor, ...]:
        """Answer and attention.

        Args:
            flux: (1, pixels) as ``Instrument.normalise`` returns it.
            valid: (1, pixels) 0 where there is no data; the network then sees the mean training spectrum.

        Returns:
            log g, half its 68 % and half its 95 % interval (1,); the weight that the pooled output gives to each patch
            (layers, heads, patches); attention rollout (patches,).
        """
        scaler, config = self.net.scaler, self.net.config
        raw, activations = self.net(torch.where(valid > 0, flux, scaler.mean), explicit=True)
        logg, sigma = scaler.outputs(raw)
        weights = torch.stack([activations[f"attention{i}"][0] for i in range(config.depth)])
        has_cls = config.pool == "cls"
        pooled = weights[:, :, 0, 1:] if has_cls else weights.mean(2)
        return logg, sigma, scaler.half95(sigma), pooled, rollout(list(weights), has_cls)


OUTPUTS = ("logg", "sigma", "half95", "pooled", "rollout")


def constants(predictor: Predictor) -> dict[str, np.ndarray]:
    """What else a page needs, float32: see ``CONSTANTS``; the continuum is absent where the instrument has none."""
    instrument = predictor.instrument
    mean, directions = predictor.basis
    found = {"used": instrument.used.float(), "basis_mean": mean, "basis": directions}
    if instrument.continuum is not None:
        found["continuum_basis"], found["continuum_fit"] = instrument.continuum
    return {name: np.ascontiguousarray(value.numpy(), np.float32) for name, value in found.items()}


def build(predictor: Predictor) -> bytes:
    """The ONNX file of a predictor's network."""
    net = predictor.net
    example = tuple(torch.ones(1, net.config.n_pixels) for _ in range(2))  # one tensor twice would be one input
    with warnings.catch_warnings(), redirect_stdout(io.StringIO()):
        warnings.simplefilter("ignore")  # the exporter warns of itself
        logging.getLogger("torch.onnx").setLevel(logging.ERROR)  # and of packages that are not needed
        program = torch.onnx.export(
            Portable(net).eval(), example, dynamo=True, opset_version=OPSET, verbose=False,
            input_names=["flux", "valid"], output_names=list(OUTPUTS),
        )  # fmt: skip
    assert program is not None
    proto = program.model_proto
    _halve(proto.graph, [getattr(net.scaler, name).numpy() for name in FULL])
    for name, value in constants(predictor).items():
        proto.graph.initializer.append(numpy_helper.from_array(value, f"constant.{name}"))
        proto.graph.node.append(helper.make_node("Identity", [f"constant.{name}"], [name]))
        proto.graph.output.append(helper.make_tensor_value_info(name, TensorProto.FLOAT, value.shape))
    for node in proto.graph.node:  # where the exporter found it in the source; nothing that a reader needs
        node.ClearField("metadata_props")
        node.ClearField("doc_string")
    del proto.graph.value_info[:]
    onnx.checker.check_model(proto, full_check=True)
    return bytes(proto.SerializeToString(deterministic=True))


def _halve(graph: onnx.GraphProto, keep: list[np.ndarray]) -> None:
    """Store large float32 tensors in float16, each followed by a cast back; those equal to one of ``keep`` stay."""
    casts = []
    for tensor in graph.initializer:
        value = numpy_helper.to_array(tensor)
        same = any(value.size == k.size and np.array_equal(value.ravel(), k.ravel()) for k in keep)
        if value.dtype != np.float32 or value.size < HALF_FROM or same:
            continue
        name = tensor.name
        tensor.CopyFrom(numpy_helper.from_array(value.astype(np.float16), f"{name}.half"))
        casts.append(helper.make_node("Cast", [f"{name}.half"], [name], to=TensorProto.FLOAT))
    nodes = [*casts, *graph.node]
    del graph.node[:]
    graph.node.extend(nodes)


def session(content: bytes) -> onnxruntime.InferenceSession:
    """The file as one thread of a processor runs it."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])


def parity(content: bytes, predictor: Predictor, n: int = PARITY_SPECTRA, seed: int = PARITY_SEED) -> Parity:
    """Largest differences from torch, over n noisy synthetic spectra of the training range, one in four with gaps."""
    simulator = Simulator.of(predictor.instrument.name)
    g = generator(seed, "parity")
    clean = simulator.clean(simulator.draw_labels(n, g))
    noisy = clean + simulator.instrument.noise.sigma(clean, simulator.draw_levels(n, g)) * torch.randn(
        clean.shape, generator=g
    )
    flux = predictor.instrument.normalise(noisy)
    valid = torch.ones_like(flux)
    valid[::4, : flux.shape[1] // 20] = 0
    logg, sigma = predict(predictor.net, torch.where(valid > 0, flux, predictor.net.scaler.mean))
    half95 = predictor.net.scaler.half95(sigma)
    run = session(content)
    rows = [
        run.run(["logg", "sigma", "half95"], {"flux": flux[i : i + 1].numpy(), "valid": valid[i : i + 1].numpy()})
        for i in range(n)
    ]
    found = torch.from_numpy(np.array(rows)[:, :, 0])
    worst = [float((found[:, k] - want).abs().max()) for k, want in enumerate((logg, sigma, half95))]
    return Parity(n=n, seed=seed, logg=round(worst[0], 6), sigma=round(worst[1], 6), half95=round(worst[2], 6))


def export(weights: Path, root: Path, run: str) -> IndexEntry:
    """Write ``runs/<run>/network.onnx`` and its description below ``root``; returns the index entry of the latter.

    Raises:
        BadInput: the weights cannot be used, or the folder cannot be written.
    """
    predictor = Predictor(weights)
    _, description = load_weights(weights)
    content = build(predictor)
    measured = parity(content, predictor)
    name = f"runs/{run}/network.onnx"
    write_atomic(root / name, content)
    file = NetworkFile(
        provenance=stamp(weights, predictor, run),
        file="network.onnx",
        sha256=hashlib.sha256(content).hexdigest(),
        bytes=len(content),
        opset=OPSET,
        precision="float16 weights, float32 arithmetic",
        weights=weights.name,
        weights_sha256=data.sha256(weights),
        trained=Provenance.model_validate(description["provenance"]),
        instrument=predictor.instrument.name,
        prior=Prior.model_validate(predictor.prior),
        continuum_degree=predictor.instrument.continuum_degree,
        min_coverage=MIN_COVERAGE,
        judged_from=JUDGED,
        max_excess=MAX_EXCESS,
        min_slope=round(predictor.min_slope, 6),
        parity=measured,
    )
    return write_file(root, f"runs/{run}/network.json", file)


def stamp(weights: Path, predictor: Predictor, run: str) -> Provenance:
    """Provenance of an exported network."""
    config = {"opset": OPSET, "half_from": HALF_FROM, "weights": weights.name}
    embedded = ("ts_c3k_optical_grid_R20000.npz", EMBEDDED[predictor.instrument.name])
    return provenance.stamp(
        run, f"python -m model onnx --weights {weights.parent.name}", config, PARITY_SEED, embedded,
        {weights.name: data.sha256(weights)}, (*provenance.LIBRARIES, "onnx", "onnxscript", "onnxruntime"),
    )  # fmt: skip


def write(folder: Path, out: Path) -> list[str]:
    """Put the network of every run of the results folder ``out`` whose weights are in ``folder`` into it.

    Raises:
        BadInput: ``out`` holds no results, no run has weights there, or ``out`` cannot be written.
    """
    old = read_index(out)
    runs = sorted(e.path.split("/")[1] for e in old.files if e.kind == "run")
    found = {run: folder / f"{run}.safetensors" for run in runs if (folder / f"{run}.safetensors").exists()}
    if not found:
        raise BadInput(f"--weights {folder} holds no weights of {', '.join(runs)}; give the folder that has them.")
    with replacing_folder(out) as temp:
        entries = [export(weights, temp, run) for run, weights in found.items()]
        written = {e.path for e in entries}
        entries += take_over(out, temp, (e for e in old.files if e.path not in written))
        write_index(temp, Index(main_run=old.main_run, files=sorted(entries, key=lambda e: e.path)))
    return sorted(written)
