"""Pictures made of spectra: strips like a photographic plate, and the card that links show.

PNGs are written by hand (zlib and struct), so that they do not depend on an imaging library.
"""

import struct
import zlib

import numpy as np

from site_builder.contract.schema import ExampleFile
from site_builder.stars import wavelengths

# Deep red to warm white: what the eye would make of this light if it could.
STOPS = np.array([[10, 4, 6], [60, 8, 12], [150, 22, 20], [226, 92, 52], [255, 206, 160], [255, 244, 226]], float)


def png(pixels: np.ndarray) -> bytes:
    """(rows, columns, 3) uint8 as a PNG file."""
    rows, columns, _ = pixels.shape
    raw = b"".join(b"\0" + row.tobytes() for row in np.ascontiguousarray(pixels, np.uint8))

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", columns, rows, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(raw, 9)) + chunk(b"IEND", b"")


def resample(star: ExampleFile, lo: float, hi: float, columns: int) -> np.ndarray:
    """(columns,) mean flux in equal steps of wavelength; gaps are bridged for the picture only."""
    wave, flux = wavelengths(star.wave), star.flux
    good = np.isfinite(flux)
    fine = np.interp(np.linspace(lo, hi, columns * 4), wave[good], flux[good])
    return fine.reshape(columns, 4).mean(1)


def flattened(flux: np.ndarray, blocks: int = 16) -> np.ndarray:
    """(columns,) flux over a smooth continuum: a parabola through the brightest tenth of each block."""
    x = np.linspace(-1, 1, len(flux))
    parts = np.array_split(np.arange(len(flux)), blocks)
    top = [np.percentile(flux[part], 90) for part in parts]
    middle = [x[part].mean() for part in parts]
    return flux / np.maximum(np.polyval(np.polyfit(middle, top, 2), x), 1e-3)


def shade(values: np.ndarray, low: float, high: float) -> np.ndarray:
    """(..., 3) uint8 colours of (...) values between ``low`` and ``high``."""
    t = np.clip((values - low) / (high - low), 0, 1) * (len(STOPS) - 1)
    i = np.minimum(t.astype(int), len(STOPS) - 2)
    part = (t - i)[..., None]
    return np.round(STOPS[i] * (1 - part) + STOPS[i + 1] * part).astype(np.uint8)


def strip(star: ExampleFile, lo: float, hi: float, columns: int = 1000) -> bytes:
    """One star as a one-pixel-high PNG, stretched by the page."""
    flux = flattened(resample(star, lo, hi, columns))
    low, high = np.percentile(flux, [0.2, 99])
    return png(shade(flux, float(low) - 0.08, float(high) * 1.08)[None])


def band(stars: list[ExampleFile]) -> tuple[float, float]:
    """Wavelengths that every star covers."""
    ends = []
    for star in stars:
        wave = wavelengths(star.wave)[np.isfinite(star.flux)]
        ends.append((float(wave[0]), float(wave[-1])))
    return max(e[0] for e in ends), min(e[1] for e in ends)


def choose(stars: list[ExampleFile], count: int) -> list[ExampleFile]:
    """At most ``count`` stars spread evenly over log g, lowest first; one of each identifier."""
    ordered = sorted({star.id: star for star in stars}.values(), key=lambda star: (star.logg, star.id))
    if len(ordered) <= count:
        return ordered
    return [ordered[round(i * (len(ordered) - 1) / (count - 1))] for i in range(count)]
