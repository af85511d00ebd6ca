"""A run's network as a file that a browser can run."""

from typing import Literal

from pydantic import Field

from site_builder.contract.base import ContractFile, Prior, Provenance, Sha256, Slug, Strict


class Parity(Strict):
    """Largest differences between the exported network and the trained one, dex."""

    n: int = Field(ge=1, description="noisy synthetic spectra compared")
    seed: int = Field(ge=0)
    logg: float = Field(ge=0)
    sigma: float = Field(ge=0)
    half95: float = Field(ge=0)


class NetworkFile(ContractFile):
    """``runs/<run>/network.json``: the run's SpecViT as an ONNX file, which lies beside it.

    Inputs: flux (1, pixels), normalised as the instrument's spectra are, and valid (1, pixels), 0 where there is no
    data. Outputs: logg, sigma, half95 (1,); pooled (layers, heads, patches), the weight that the pooled output gives to
    each patch; rollout (patches,). Outputs that depend on no input: used (pixels,); basis_mean (pixels,) and basis (k,
    pixels), what synthetic spectra can look like; continuum_basis (pixels, d) and continuum_fit (d, pixels), where the
    instrument's spectra are divided by a continuum.
    """

    kind: Literal["network"] = "network"
    file: Literal["network.onnx"]
    sha256: Sha256
    bytes: int = Field(ge=1, le=100_000_000, description="of the file; GitHub Pages takes none larger than 100 MB")
    opset: int = Field(ge=1, description="version of ONNX's operators")
    precision: str = Field(description="how numbers are stored and computed")
    weights: str = Field(description="weights that it was made from")
    weights_sha256: Sha256
    trained: Provenance = Field(description="where those weights come from")
    instrument: Slug
    prior: Prior
    continuum_degree: int | None = Field(description="of the polynomial that spectra are divided by; null: none")
    min_coverage: float = Field(gt=0, le=1, description="share of the used pixels that a spectrum must cover")
    max_excess: float = Field(
        gt=0, description="largest rms misfit to synthetic spectra beyond the noise, as a share of the flux"
    )
    judged_from: float = Field(gt=0, le=1, description="share of the used pixels from which it is judged at all")
    min_slope: float = Field(
        description="least change of the flux per wavelength over 1000 Angstrom, as a share of that at 8000 Angstrom"
    )
    parity: Parity

    @property
    def attachments(self) -> dict[str, tuple[str, int]]:
        """The ONNX file, its hash and its bytes."""
        return {self.file: (self.sha256, self.bytes)}
