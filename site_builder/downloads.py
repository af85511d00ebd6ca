"""Spectra of the example stars as files to take away."""

from collections.abc import Sequence

import numpy as np

from site_builder import fits
from site_builder import stars as star_list
from site_builder.contract.columns import filled
from site_builder.publish import Site
from site_builder.stars import Loose, Star


def spectrum_files(star: Star, site: Site) -> dict[str, str]:
    """Publish the spectrum of a star as CSV and FITS, which ``python -m model predict`` reads; addresses by kind."""
    f = star.file
    wave, flux = star_list.wavelengths(f.wave), f.flux
    columns = {"wave": (wave, "Angstrom"), "flux": (flux.astype(np.float32), "")}
    if f.sigma is not None:
        columns["sigma"] = (f.sigma.astype(np.float32), "")
    if f.model_flux is not None:
        columns["model"] = (f.model_flux.astype(np.float32), "")
    keywords: dict[str, str | int | float] = {
        "OBJECT": f.title,
        "ORIGIN": f.survey,
        "CREDIT": f.credit,
        "TEFF": f.teff,
        "LOGG": f.logg,
        "M_H": f.mh,
        "FRAME": f"rest, vacuum wavelengths, flux / {star.instrument.normalisation}",
        "RUN": star.run.name,
        "COMMIT": f.provenance.commit,
    }
    name = f"spectra/{star.run.name}/{f.id}"
    lists: list[Sequence[float | None]] = [[round(float(w), 4) for w in wave], filled(f.flux)]
    lists += [filled(values) for values in (f.sigma, f.model_flux) if values is not None]
    return {
        "csv": site.publish_csv(f"{name}.csv", list(columns), zip(*lists, strict=True)),
        "fits": site.publish(f"data/{name}.fits", fits.table(columns, keywords)),
    }


def loose_files(one: Loose, site: Site) -> dict[str, str]:
    """Publish a loose spectrum as CSV and FITS; addresses by kind."""
    f = one.file
    wave = star_list.wavelengths(f.wave)
    columns = {"wave": (wave, "Angstrom"), "flux": (f.flux.astype(np.float32), "")}
    lists: list[Sequence[float | None]] = [[round(float(w), 4) for w in wave], filled(f.flux)]
    if f.sigma is not None:
        columns["sigma"] = (f.sigma.astype(np.float32), "")
        lists.append(filled(f.sigma))
    keywords: dict[str, str | int | float] = {
        "OBJECT": f.title,
        "ORIGIN": f"{f.origin}, {f.survey}",
        "CREDIT": f.credit,
        "FRAME": f"{f.frame}, vacuum wavelengths, flux / {f.normalisation}",
        "RUN": f.provenance.run,
        "COMMIT": f.provenance.commit,
    }
    keywords |= {k: v for k, v in (("TEFF", f.teff), ("LOGG", f.logg), ("M_H", f.mh), ("Z", f.z)) if v is not None}
    return {
        "csv": site.publish_csv(f"{one.key}.csv", list(columns), zip(*lists, strict=True)),
        "fits": site.publish(f"data/{one.key}.fits", fits.table(columns, keywords)),
    }
