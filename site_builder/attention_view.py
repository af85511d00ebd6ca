"""Attention weights as the pages load them: one small file a star, large maps one file a head.

A contract file of a model with 257 tokens is 20 MB; a reader who looks at three heads should not load
it. Weights become integers in units of ``unit`` (10^-6, or 10^-5 for large maps).
"""

from functools import cached_property
from typing import Any

import numpy as np

from site_builder import lines
from site_builder.publish import Site
from site_builder.results import PUBLISHED_BELOW
from site_builder.stars import Star, lines_of, seen_by, wavelength_at

INLINE_TOKENS = 64  # maps of at most this many tokens travel with the star


class AttentionView:
    """Derived quantities of one star's attention.

    Weights have shape (layers, heads, queries, keys); patches are tokens without CLS.
    """

    def __init__(self, star: Star) -> None:
        attention = star.attention
        if attention is None:
            raise ValueError(f"{star.key} has no attention")
        self.star = star
        self.file = attention
        self.weights = np.array(attention.weights, dtype=float)
        self.patch_size = star.run.run.shape.patch_size

    @property
    def n_patches(self) -> int:
        """Number of patches."""
        return self.file.n_tokens - int(self.file.has_cls)

    @cached_property
    def pooled(self) -> np.ndarray:
        """Weight that the pooled output gives to each patch, (layers, heads, patches).

        The CLS row where the model has that token, else the mean over all queries.
        """
        if self.file.has_cls:
            return self.weights[:, :, 0, 1:]
        return self.weights.mean(axis=2)

    @cached_property
    def by_layer(self) -> np.ndarray:
        """``pooled`` averaged over heads, (layers, patches)."""
        return self.pooled.mean(axis=1)

    @cached_property
    def row_sums(self) -> tuple[float, float]:
        """Smallest and largest sum of a row of weights."""
        sums = self.weights.sum(axis=-1)
        return float(sums.min()), float(sums.max())

    def edges(self, patch: int) -> tuple[float, float]:
        """Wavelengths at the outer edges of a patch, vacuum Angstrom."""
        axis, first = self.star.file.wave, patch * self.patch_size
        last = min(first + self.patch_size, axis.n) - 1
        return wavelength_at(axis, first - 0.5), wavelength_at(axis, last + 0.5)

    def lines_in(self, patch: int) -> list[str]:
        """Names of the lines inside a patch; telluric ones only where the spectrum was observed."""
        lo, hi = self.edges(patch)
        found = [line for line in lines.load()[1] if lo <= line.vacuum < hi]
        return [x.label for x in found if x.group != "telluric" or self.star.file.origin == "observed"]

    def _content(self) -> dict[str, Any]:
        inline = self.file.n_tokens <= INLINE_TOKENS
        unit = 1e-6 if inline else 1e-5
        low, high = self.row_sums
        return {
            "run": self.star.run.name,
            "id": self.file.id,
            "n_tokens": self.file.n_tokens,
            "has_cls": self.file.has_cls,
            "patch_size": self.patch_size,
            "magnitude": self.file.magnitude,
            "noise_seed": self.file.noise_seed,
            "predicted_logg": self.file.predicted_logg,
            "predicted_sigma": self.file.predicted_sigma,
            "row_sums": [round(low, 6), round(high, 6)],
            "largest": round(float(self.weights.max()), 6),
            "rollout": self.file.rollout,
            "embedding_norm": self.file.embedding_norm,
            "unit": unit,
            "pooled": np.rint(self.pooled / 1e-6).astype(int).tolist(),
            "maps": [[self._map(unit, k, h) for h in range(self.heads)] for k in range(self.layers)]
            if inline
            else None,
            "thumbs": None if inline else [[self._thumb(k, h) for h in range(self.heads)] for k in range(self.layers)],
        }

    @property
    def layers(self) -> int:
        """Number of layers."""
        return int(self.weights.shape[0])

    @property
    def heads(self) -> int:
        """Number of heads of a layer."""
        return int(self.weights.shape[1])

    def _map(self, unit: float, layer: int, head: int) -> list[int]:
        values: list[int] = np.rint(self.weights[layer, head].ravel() / unit).astype(int).tolist()
        return values

    def thumbnail(self, layer: int, head: int, cells: int = 32) -> np.ndarray:
        """The map itself where it is small, else averaged over cells x cells blocks of about equal size."""
        n = self.file.n_tokens
        if n <= INLINE_TOKENS:
            return self.weights[layer, head]
        edges = np.linspace(0, n, cells + 1).astype(int)
        rows = np.add.reduceat(self.weights[layer, head], edges[:-1], axis=0)
        blocks: np.ndarray = np.add.reduceat(rows, edges[:-1], axis=1) / np.outer(np.diff(edges), np.diff(edges))
        return blocks

    def _thumb(self, layer: int, head: int) -> list[int]:
        """``thumbnail`` in units of 10^-6, row by row."""
        values: list[int] = np.rint(self.thumbnail(layer, head).ravel() / 1e-6).astype(int).tolist()
        return values

    def publish(self, site: Site) -> dict[str, str]:
        """Put the files into the site; addresses for the page: ``data``, ``maps`` (a prefix), ``csv``."""
        name = f"attention/{self.star.run.name}/{self.file.id}"
        content = self._content()
        if content["maps"] is None:
            for layer in range(self.layers):
                for head in range(self.heads):
                    site.publish_json(f"{name}/{layer}-{head}.json", self._map(content["unit"], layer, head))
        header = ["patch", "wave_lo_A", "wave_hi_A", "embedding_norm", "rollout"]
        header += [f"layer_{k + 1}_mean" for k in range(self.layers)]
        rows = [
            [
                p + 1,
                *(round(w, 3) for w in self.edges(p)),
                self.file.embedding_norm[p],
                self.file.rollout[p],
                *(round(float(v), 6) for v in self.by_layer[:, p]),
            ]
            for p in range(self.n_patches)
        ]
        return {
            "data": site.publish_json(f"{name}.json", content),
            "maps": f"data/{name}/",
            "csv": site.publish_csv(f"{name}.csv", header, rows),
        }


def measure_files(star: Star, view: AttentionView, site: Site) -> dict[str, str | None]:
    """Addresses of where the answer for a star comes from: the contract file and a table; None where there is none."""
    found = star.run.attribution.get(star.file.id)
    if found is None:
        return {"attribution": None, "measures_csv": None}
    rows = []
    for cut in found.cuts:
        for i, values in enumerate(zip(cut.fisher, cut.fisher_plain, cut.gradient, cut.occlusion, strict=True)):
            ends = (wavelength_at(star.file.wave, k * cut.size - 0.5) for k in (i, i + 1))
            rows.append([cut.size, i + 1, *(round(w, 3) for w in ends), *values])
    header = [
        "window_pixels",
        "window",
        "wave_lo_A",
        "wave_hi_A",
        "fisher",
        "fisher_plain",
        "gradient",
        "occlusion_dex",
    ]
    path = f"attribution/{star.run.name}/{star.file.id}.csv"
    return {
        "attribution": PUBLISHED_BELOW + star.attribution_path,
        "measures_csv": site.publish_csv(path, header, rows),
    }


def browser_data(stars: list[Star], site: Site) -> dict[str, Any]:
    """What the scripts of the token and attention pages need to know before a star is loaded."""
    entries = []
    for star in stars:
        view = AttentionView(star)
        entries.append(
            {
                "key": star.key,
                "title": star.file.title,
                "origin": star.file.origin,
                "url": star.url,
                "attention": PUBLISHED_BELOW + star.attention_path,
                "run": PUBLISHED_BELOW + star.run.path,
                "instrument": PUBLISHED_BELOW + star.instrument_path,
                "instrument_name": star.instrument.name,
                **seen_by(star),
                **view.publish(site),
                **measure_files(star, view, site),
            }
        )
    return {"stars": entries, "lines": {s.instrument.name: lines_of(s.file.wave) for s in stars}}
