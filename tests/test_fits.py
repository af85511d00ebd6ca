"""The FITS files of the spectra page, read by astropy."""

import io

import numpy as np
import pytest

from site_builder import fits


def test_astropy_reads_the_table() -> None:
    astropy_fits = pytest.importorskip("astropy.io.fits")
    wave = np.linspace(7100.0, 8850.0, 1001)
    flux = np.sin(wave).astype(np.float32)
    flux[3] = np.nan
    raw = fits.table(
        {"wave": (wave, "Angstrom"), "flux": (flux, "")}, {"OBJECT": "K giant 'a'", "LOGG": 1.5, "TEFF": 4000}
    )
    assert len(raw) % 2880 == 0
    with astropy_fits.open(io.BytesIO(raw)) as file:
        file.verify("exception")
        header, data = file[1].header, file[1].data
        assert np.array_equal(data["wave"], wave)
        assert np.array_equal(data["flux"], flux, equal_nan=True)
        assert header["TUNIT1"] == "Angstrom"
        assert (header["OBJECT"], header["LOGG"], header["TEFF"]) == ("K giant 'a'", 1.5, 4000)


def test_same_bytes_every_time() -> None:
    columns = {"wave": (np.arange(5.0), "Angstrom")}
    assert fits.table(columns, {"OBJECT": "é"}) == fits.table(columns, {"OBJECT": "é"})
