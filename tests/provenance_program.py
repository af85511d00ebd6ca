"""Build a site and explain every number of every page, for ``test_provenance``: as a program, without runtime checks.

python -m tests.provenance_program RESULTS OUT
"""

import json
import sys
from dataclasses import asdict
from pathlib import Path

from site_builder.cli import build
from site_builder.explain import Texts, explain
from site_builder.i18n import LANGUAGES
from site_builder.publish import write_site


def main(results: Path, out: Path) -> None:
    files = build(results)
    found = {}
    for language in LANGUAGES:
        texts = Texts(files, language)
        pages = [p for p in files if p.endswith(".html") and p.startswith("zh/") == (language.folder == "zh/")]
        found |= {path: [asdict(one) for one in explain(files, path, texts)] for path in pages}
    write_site(out / "site", files)
    (out / "found.json").write_text(json.dumps(found))


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
