"""Labels and velocities of DESI targets: the Milky Way Survey's catalogues, and redrock's redshifts.

A catalogue is recognised by its HDUs: RVTAB (rvspecfit: ``mwsall-pix-*.fits`` and ``rvtab_*.fits``), SPTAB (FERRE:
the same value-added catalogue and ``sptab_*.fits``), REDSHIFTS (``redrock-*.fits``: velocities only).
Columns: github.com/desimilkyway/desi-mws-edr-datamodel. Cuts: RVS_WARN = 0, SUCCESS and redrock's type STAR are what
Koposov et al. (2024, MNRAS 533, 1012, DESI EDR; 2025, arXiv 2505.14787, DR1) select by.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from astropy.io import fits

from model.surveys import reading
from site_builder.contract import BadInput

TABLES = ("RVTAB", "SPTAB")
MAX_VELOCITY = 1500.0  # km/s; redrock's bound on what it takes for a star
# place of [Fe/H], Teff and log g in FERRE's PARAM and COVAR: ([Fe/H], [a/Fe], log10micro, Teff, logg)
FERRE = {"mh": 0, "teff": 3, "logg": 4}
FERRE_LABELS = 5


@dataclass
class Catalogue:
    """One row a target.

    Attributes:
        targetid: (n,) increasing, unique.
        z: (n,) heliocentric velocity / c, or redrock's redshift.
        labels: teff [K], logg and mh [dex], each (n,); NaN where invalid.
        errors: their errors, NaN where there is none.
        cuts: by name, (n,) bool: the rows that pass.
    """

    targetid: np.ndarray
    z: np.ndarray
    labels: dict[str, np.ndarray]
    errors: dict[str, np.ndarray]
    cuts: dict[str, np.ndarray]

    def rows(self, targetid: np.ndarray) -> np.ndarray:
        """(N,) the row of each TARGETID, -1 where it is not in the catalogue."""
        if not len(self.targetid):
            return np.full(len(targetid), -1)
        at = np.searchsorted(self.targetid, targetid).clip(max=len(self.targetid) - 1)
        return np.where(self.targetid[at] == targetid, at, -1)


def read(path: Path, labels: str = "RVTAB") -> Catalogue:
    """The catalogue of a file.

    Where a TARGETID stands in several rows (it was observed in several surveys or programs), the row with the
    smallest VRAD_ERR (SPTAB: the largest SNR_MED; redrock: the smallest ZERR) is taken, rows that pass the cuts
    before those that do not.

    Args:
        labels: the table that labels are taken from where the file has both, RVTAB or SPTAB.

    Raises:
        BadInput: the file has none of the HDUs RVTAB, SPTAB and REDSHIFTS, or lacks a column.
    """
    if labels not in TABLES:
        raise BadInput(f"labels: {labels} is no table of labels; choose one of {', '.join(TABLES)}.")
    with reading.open_fits(path) as hdus:
        have = reading.names(hdus)
        if "REDSHIFTS" in have:
            return _redrock(path, reading.table(hdus, path, "REDSHIFTS"))
        name = labels if labels in have else next((t for t in TABLES if t in have), None)
        if name is None:
            raise BadInput(
                f"{path}: HDU RVTAB is missing (there are {', '.join(have)}); give an mwsall, rvtab, sptab or "
                "redrock file."
            )
        data = reading.table(hdus, path, name)
        catalogue, badness = read_rvtab(path, data) if name == "RVTAB" else read_sptab(path, data)
        if name == "SPTAB" and "RVTAB" in have:
            _rvtab_cuts(path, reading.table(hdus, path, "RVTAB"), catalogue)
        fiber_cut(path, hdus, catalogue)
    return one_row_each(catalogue, badness)


def read_rvtab(path: Path, data: fits.FITS_rec) -> tuple[Catalogue, np.ndarray]:
    """rvspecfit's labels, and how bad each row is: the error of its velocity."""
    columns = {"teff": "TEFF", "logg": "LOGG", "mh": "FEH"}
    vrad = reading.column(data, path, "VRAD").astype(np.float64)
    cuts = {
        "RVS_WARN = 0": reading.column(data, path, "RVS_WARN") == 0,
        "SUCCESS": reading.column(data, path, "SUCCESS").astype(bool),
    }
    spectype = reading.optional(data, "RR_SPECTYPE")
    if spectype is not None:
        cuts["RR_SPECTYPE = STAR"] = reading.text(spectype) == "STAR"
    cuts["velocity of a star"] = np.abs(vrad) < MAX_VELOCITY
    catalogue = Catalogue(
        targetid=reading.column(data, path, "TARGETID").astype(np.int64),
        z=vrad / reading.C_KMS,
        labels={k: reading.label(k, reading.column(data, path, c)) for k, c in columns.items()},
        errors={k: reading.error(reading.column(data, path, c + "_ERR")) for k, c in columns.items()},
        cuts=cuts,
    )
    return catalogue, reading.error(reading.column(data, path, "VRAD_ERR"))


def read_sptab(path: Path, data: fits.FITS_rec) -> tuple[Catalogue, np.ndarray]:
    """FERRE's labels, and how bad each row is."""
    columns = {"teff": "TEFF", "logg": "LOGG", "mh": "FEH"}
    vrad = reading.column(data, path, "RV_ADOP").astype(np.float64)
    covariance = reading.column(data, path, "COVAR").reshape(len(vrad), FERRE_LABELS, FERRE_LABELS)
    with np.errstate(invalid="ignore"):
        errors = {k: reading.error(np.sqrt(covariance[:, i, i])) for k, i in FERRE.items()}
    catalogue = Catalogue(
        targetid=reading.column(data, path, "TARGETID").astype(np.int64),
        z=vrad / reading.C_KMS,
        labels={k: reading.label(k, reading.column(data, path, c)) for k, c in columns.items()},
        errors=errors,
        cuts={
            "SUCCESS": reading.column(data, path, "SUCCESS") != 0,
            "velocity of a star": np.abs(vrad) < MAX_VELOCITY,
        },
    )
    return catalogue, -reading.column(data, path, "SNR_MED").astype(np.float64)


def _redrock(path: Path, data: fits.FITS_rec) -> Catalogue:
    z = reading.column(data, path, "Z").astype(np.float64)
    nothing = {k: np.full(len(z), np.nan) for k in FERRE}
    targetid = reading.column(data, path, "TARGETID").astype(np.int64)
    catalogue = Catalogue(targetid, z, nothing, dict(nothing), {})
    return one_row_each(catalogue, reading.error(reading.column(data, path, "ZERR")))


def _rvtab_cuts(path: Path, data: fits.FITS_rec, catalogue: Catalogue) -> None:
    """Add rvspecfit's cuts to FERRE's labels: the two tables of the value-added catalogue match row by row."""
    rvtab, _ = read_rvtab(path, data)
    if not np.array_equal(rvtab.targetid, catalogue.targetid):
        raise BadInput(f"{path}: field TARGETID differs between RVTAB and SPTAB; fetch the file again.")
    extra = {k: v for k, v in rvtab.cuts.items() if k.startswith("R")}
    catalogue.cuts = extra | catalogue.cuts


def fiber_cut(path: Path, hdus: fits.HDUList, catalogue: Catalogue) -> None:
    """Add the cut on COADD_FIBERSTATUS where the file has a FIBERMAP."""
    if "FIBERMAP" not in reading.names(hdus):
        return
    fibermap = reading.table(hdus, path, "FIBERMAP")
    status = reading.optional(fibermap, "COADD_FIBERSTATUS")
    if status is None:
        return
    targetid = reading.column(fibermap, path, "TARGETID")
    if np.array_equal(targetid, catalogue.targetid):  # row by row the same, as the value-added catalogue has it
        good = status == 0
    else:
        good = np.isin(catalogue.targetid, targetid[status == 0])
    catalogue.cuts["COADD_FIBERSTATUS = 0 in the catalogue"] = good


def one_row_each(catalogue: Catalogue, badness: np.ndarray) -> Catalogue:
    """One row a target: the one that passes the cuts with the smallest ``badness``."""
    fails = ~np.logical_and.reduce([np.ones(len(badness), bool), *catalogue.cuts.values()])
    order = np.lexsort((np.nan_to_num(badness, nan=np.inf), fails, catalogue.targetid))
    first = order[np.r_[True, np.diff(catalogue.targetid[order]) > 0]] if len(order) else order
    return Catalogue(
        catalogue.targetid[first],
        catalogue.z[first],
        *({k: v[first] for k, v in d.items()} for d in (catalogue.labels, catalogue.errors, catalogue.cuts)),
    )
