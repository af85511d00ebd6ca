"""The model card and the data card of ``docs/``, published beside the results that their numbers come from."""

import re

from site_builder.publish import ROOT
from site_builder.results import Results

CARDS = ("model-card.md", "data-card.md")


def standalone(text: str) -> str:
    """Markdown in which links into the repository are plain text; those to other sites and within the file stay."""
    return re.sub(r"\[([^\]]+)\]\((?!https?:|#)[^)\s]*\)", r"\1", text)


def cards(results: Results) -> dict[str, str]:
    """The cards by file name, if the model card is of these runs; none for results of one's own."""
    paths = [ROOT / "docs" / name for name in CARDS]
    if not all(path.exists() for path in paths):
        return {}
    texts = {path.name: path.read_text(encoding="utf-8") for path in paths}
    records = [run.run.provenance for run in results.runs.values()]
    if not all(f"`{p.run}`" in texts[CARDS[0]] and p.created in texts[CARDS[0]] for p in records):
        return {}
    return {name: standalone(text) for name, text in texts.items()}
