"""``python -m model fetch SURVEY``: options of each survey."""

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import tyro

from model.fetch import select
from model.fetch.archives import Archive, Remote, archive
from model.fetch.collect import Collector
from site_builder.contract import BadInput


@dataclass(kw_only=True)
class _Common:
    out: Path = Path("downloads")
    """folder of downloads; what is complete there is not taken again, what was cut goes on"""
    dry_run: bool = False
    """print what would be taken and how much it is, and take nothing"""
    check: bool = False
    """hash the files that are there again, and take those anew that have changed"""
    mirror: str | None = None
    """address to use in place of the archive's, down to the folder in the table of archives"""

    def name(self) -> str:
        """The survey's name in the table of archives."""
        return type(self).__name__.lower()

    def files(self, source: Archive, collector: Collector) -> list[Remote]:
        """What the options choose."""
        raise NotImplementedError

    def run(self) -> None:
        """Carry it out."""
        source = archive(self.name(), self.mirror)
        collector = Collector(self.out, check=self.check)
        files = self.files(source, collector)
        if self.dry_run:
            print("\n".join(collector.plan(files)))
            return
        try:
            summary = collector.take(files)
        except KeyboardInterrupt:
            print(f"stopped; give the command again to go on with what is in {self.out}", file=sys.stderr)
            raise SystemExit(130) from None
        print(f"{source.title}: {summary.sentence()}; in {self.out / source.name}")
        print(f"Licence: {source.licence}. Credit: {source.credit}. Documentation: {source.documentation}")
        if summary.failed:
            url, why = summary.failed[0]
            raise BadInput(
                f"{len(summary.failed)} of {len(files)} files could not be taken, the first {url} ({why}); "
                "give the command again to take what is missing."
            )
        if files and summary.missing and not summary.taken + summary.there > 1:
            raise BadInput("the archive has none of these models; give other values of the grid.")


@dataclass(kw_only=True)
class Desi(_Common):
    """DESI DR1: coadded spectra by healpixel, and the stellar catalogue."""

    healpix: tuple[int, ...] = ()
    """healpixels (NSIDE 64, nested)"""
    richest: int = 0
    """in place of --healpix: so many healpixels, those with most stars of --from-catalogue"""
    from_catalogue: Path | None = None
    """mwsall-pix-iron.fits, for --richest"""
    all: bool = False
    """in place of --healpix: every healpixel of the survey and program (thousands of files)"""
    survey: Literal["main", "special", "sv1", "sv2", "sv3", "cmx"] = "main"
    """survey"""
    program: Literal["bright", "backup", "dark", "other"] = "bright"
    """program; stars are in bright and backup"""
    products: tuple[Literal["coadd", "redrock", "rvtab"], ...] = ("coadd", "redrock")
    """kinds of file of each healpixel; rvtab has stellar labels of this healpixel alone"""
    with_catalogue: bool = False
    """take the stellar catalogue too (13 GB)"""
    catalogue_only: bool = False
    """take the stellar catalogue alone"""

    def files(self, source: Archive, collector: Collector) -> list[Remote]:
        """What the options choose."""
        ways = [bool(self.healpix), self.richest != 0, self.all, self.catalogue_only]
        if sum(ways) != 1:
            raise BadInput("desi: give one of --healpix, --richest with --from-catalogue, --all, --catalogue-only.")
        files = select.desi(source, self._pixels(source, collector), self.survey, self.program, self.products)
        catalogue = self.with_catalogue or self.catalogue_only
        return [source.remote("catalogue")] * catalogue + files

    def _pixels(self, source: Archive, collector: Collector) -> list[int]:
        if self.richest:
            if self.from_catalogue is None or self.richest < 0:
                raise BadInput("--richest needs --from-catalogue mwsall-pix-iron.fits and a number of 1 or more.")
            return select.richest_healpixels(self.from_catalogue, self.survey, self.program, self.richest)
        if self.all:
            tilepix = source.remote("tilepix")
            for url, why in collector.take([tilepix]).failed:
                raise BadInput(f"--all: the list of healpixels {url} cannot be had ({why}); give --healpix.")
            pixels = select.listed_healpixels(collector.out / tilepix.path, self.survey, self.program)
            if not pixels:
                raise BadInput(f"--survey {self.survey} has no healpixel of --program {self.program}; give another.")
            return pixels
        return list(self.healpix)


@dataclass(kw_only=True)
class Apogee(_Common):
    """APOGEE (SDSS DR17): spectra in the H band by star or field, and the catalogue."""

    stars: tuple[str, ...] = ()
    """stars as TELESCOPE/FIELD/ID, or as ID with --from-catalogue"""
    fields: tuple[str, ...] = ()
    """all stars of fields, as TELESCOPE/FIELD; needs --from-catalogue"""
    from_catalogue: Path | None = None
    """allStar or allStarLite file that stars and fields are looked up in"""
    products: tuple[Literal["apStar", "aspcapStar"], ...] = ("apStar",)
    """kinds of file of each star"""
    catalogue_only: bool = False
    """take the catalogue allStar alone"""
    lite: bool = False
    """with --catalogue-only: allStarLite, which has fewer columns"""

    def files(self, source: Archive, collector: Collector) -> list[Remote]:
        """What the options choose."""
        if self.catalogue_only == bool(self.stars or self.fields):
            raise BadInput("apogee: give --stars or --fields, or --catalogue-only.")
        if self.catalogue_only:
            return [source.remote("catalogue-lite" if self.lite else "catalogue")]
        return select.apogee(source, self.stars, self.fields, self.from_catalogue, self.products)


@dataclass(kw_only=True)
class Sdss(_Common):
    """SDSS and BOSS optical spectra (DR17) by plate, date and fibre."""

    spectra: tuple[str, ...] = ()
    """spectra as PLATE-MJD-FIBER"""
    run2d: str = "26"
    """reduction: 26 (SDSS), 103 (cluster plates), 104 (SEGUE-2), v5_13_2 (BOSS, eBOSS)"""

    def files(self, source: Archive, collector: Collector) -> list[Remote]:
        """What the options choose."""
        if not self.spectra:
            raise BadInput("sdss: give --spectra PLATE-MJD-FIBER, one or more.")
        if self.run2d not in ("26", "103", "104", "v5_13_2"):
            raise BadInput(f"--run2d {self.run2d} is no reduction of DR17; give 26, 103, 104 or v5_13_2.")
        return select.sdss(source, self.spectra, self.run2d)


@dataclass(kw_only=True)
class Bosz(_Common):
    """BOSZ 2024 synthetic spectra (MAST) inside ranges of Teff, log g and [M/H]."""

    resolution: Literal[500, 1000, 2000, 5000, 10000, 20000, 50000] = 20000
    """resolving power"""
    teff: tuple[float, float] = (3750.0, 7000.0)
    """lowest and highest effective temperature, K"""
    logg: tuple[float, float] = (1.0, 5.0)
    """lowest and highest log g, dex"""
    mh: tuple[float, float] = (-2.5, 0.75)
    """lowest and highest [M/H], dex"""
    alpha: float = 0.0
    """[alpha/M], dex: -0.25, 0, 0.25 or 0.5"""
    carbon: float = 0.0
    """[C/M], dex: from -0.75 to 0.5 in steps of 0.25"""
    vmicro: Literal[0, 1, 2, 4] = 2
    """microturbulence, km/s"""

    def files(self, source: Archive, collector: Collector) -> list[Remote]:
        """What the options choose."""
        for name, value, low in (("alpha", self.alpha, -0.25), ("carbon", self.carbon, -0.75)):
            if not (low <= value <= 0.5 and (value * 4).is_integer()):
                raise BadInput(f"--{name} {value:g} is not in the grid; give {low:g} to 0.5 in steps of 0.25.")
        return select.bosz(source, self.resolution, self.teff, self.logg, self.mh, self.alpha, self.carbon, self.vmicro)


@dataclass(kw_only=True)
class Lamost(_Common):
    """LAMOST DR10 low-resolution spectra by observation; its catalogues are taken by hand from its website."""

    obsids: tuple[int, ...] = ()
    """numbers of observations (column obsid)"""

    def files(self, source: Archive, collector: Collector) -> list[Remote]:
        """What the options choose."""
        if not self.obsids:
            raise BadInput(
                "lamost: give --obsids; whole catalogues are offered at https://www.lamost.org/dr10/v2.0/catalogue "
                "only by hand."
            )
        return select.lamost(source, self.obsids)


@dataclass
class Fetch:
    """Get spectra, catalogues and grids from their public archives; goes on where it was stopped."""

    survey: tyro.conf.OmitSubcommandPrefixes[
        Annotated[Desi, tyro.conf.subcommand("desi")]
        | Annotated[Apogee, tyro.conf.subcommand("apogee")]
        | Annotated[Sdss, tyro.conf.subcommand("sdss")]
        | Annotated[Bosz, tyro.conf.subcommand("bosz")]
        | Annotated[Lamost, tyro.conf.subcommand("lamost")]
    ]

    def run(self) -> None:
        """Carry it out."""
        self.survey.run()
