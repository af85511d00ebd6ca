"""Where DESI's files lie, and how their names follow from survey, program and healpix or from tile and night.

Source: DESI data model, DESI_SPECTRO_REDUX/SPECPROD (desidatamodel.readthedocs.io), and the data model of the Milky
Way Survey's catalogues (github.com/desimilkyway).
"""

from pathlib import Path


def healpix_file(root: Path, survey: str, program: str, healpix: int, kind: str = "coadd") -> Path:
    """root/healpix/main/bright/100/10016/coadd-main-bright-10016.fits (``kind``: coadd, spectra, redrock)."""
    folder = root / "healpix" / survey / program / str(healpix // 100) / str(healpix)
    return folder / f"{kind}-{survey}-{program}-{healpix}.fits"


def tile_file(root: Path, tile: int, night: int, petal: int, kind: str = "coadd") -> Path:
    """root/tiles/cumulative/80613/20210324/coadd-4-80613-thru20210324.fits (``kind``: coadd, spectra, redrock)."""
    folder = root / "tiles" / "cumulative" / str(tile) / str(night)
    return folder / f"{kind}-{petal}-{tile}-thru{night}.fits"


def find_files(root: Path, kind: str = "coadd") -> list[Path]:
    """All files of a ``kind`` below ``root`` in either layout, sorted."""
    layouts = (f"healpix/*/*/*/*/{kind}-*.fits*", f"tiles/cumulative/*/*/{kind}-*.fits*")
    return sorted(p for layout in layouts for p in root.glob(layout))


def find_redrock(path: Path) -> Path | None:
    """The redrock file beside a coadd or spectra file, where there is one."""
    name = path.name.replace("coadd-", "redrock-", 1).replace("spectra-", "redrock-", 1)
    beside = path.with_name(name)
    return beside if name != path.name and beside.is_file() else None


def find_catalogue(path: Path) -> Path | None:
    """The catalogue of labels for a coadd or spectra file.

    Looked for in this order: ``rvtab_`` and ``sptab_`` beside the file (rvspecfit and FERRE write
    ``rvtab_coadd-main-bright-10016.fits``); the same name in the parallel trees ``rv_output/RUN`` and
    ``sp_output/RUN`` beside ``healpix`` or ``tiles`` (the last RUN by name); ``mwsall-*.fits`` in the folder of the
    file or in any folder above it.
    """
    for prefix in ("rvtab_", "sptab_"):
        beside = path.with_name(prefix + path.name)
        if beside.is_file():
            return beside
    top = next((i for i, p in enumerate(path.parts) if p in ("healpix", "tiles")), None)
    if top:
        root, below = Path(*path.parts[:top]), Path(*path.parts[top:])
        for tree, prefix in (("rv_output", "rvtab_"), ("sp_output", "sptab_")):
            found = sorted(root.glob(f"{tree}/*/{below.with_name(prefix + path.name)}"))
            if found:
                return found[-1]
    for folder in path.resolve().parents:
        found = sorted(folder.glob("mwsall-*.fits"))
        if found:
            return found[-1]
    return None
