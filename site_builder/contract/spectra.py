"""``spectra/<id>.json``: a spectrum to look at, of any survey; with labels where there are some, with no answer."""

from typing import Literal

from pydantic import Field, model_validator

from site_builder.contract.base import ContractFile, Origin, Slug, WaveAxis, class_of
from site_builder.contract.columns import GappedColumn


class SpectrumFile(ContractFile):
    """One spectrum as a page draws it: divided by its median or continuum, on an axis of its own.

    Pixels without data are null in ``flux`` and in ``sigma``. What has no labels has null ones, and the class
    "unknown".
    """

    kind: Literal["spectrum"] = "spectrum"
    id: Slug
    title: str
    origin: Origin
    survey: str = Field(min_length=1, description="who observed it, or what computed it")
    what: str = Field(min_length=1, description="what it is of, in words: a star, a galaxy")
    credit: str
    source_file: str = Field(description="name of the file that it was read from, and which spectrum of it")
    star_class: Literal["giant", "subgiant", "dwarf", "unknown"]
    logg: float | None
    teff: float | None
    mh: float | None
    label_source: str | None
    wave: WaveAxis
    frame: Literal["rest", "observed"] = Field(description="frame of the wavelengths")
    z: float | None = Field(gt=-1, description="redshift that leads from the rest frame to the observed one, if known")
    resolution: float | None = Field(gt=0, description="lambda / FWHM, where one number describes it")
    normalisation: Literal["median", "continuum"]
    n_native: int = Field(ge=2, description="pixels of the band in the file that it was read from")
    snr: float | None = Field(description="median over pixels of flux / sigma as the file has them")
    noise_source: str = Field(description="where sigma comes from, in words; empty where there is none")
    flux: GappedColumn
    sigma: GappedColumn | None
    note: str = Field(description="what a reader must know to look at it rightly; may be empty")

    @model_validator(mode="after")
    def _consistent(self) -> "SpectrumFile":
        for name in ("flux", "sigma"):
            column = getattr(self, name)
            if column is not None and len(column) != self.wave.n:
                raise ValueError(f"{name} has {len(column)} entries where wave.n is {self.wave.n}")
        expected = "unknown" if self.logg is None else class_of(self.logg)
        if self.star_class != expected:
            raise ValueError(f"star_class is {self.star_class} but logg {self.logg} is {expected}")
        if self.logg is not None and self.label_source is None:
            raise ValueError("label_source is null but logg is given")
        if self.frame == "rest" and self.origin == "observed" and self.z is None:
            raise ValueError("z is null but the frame is rest")
        return self
