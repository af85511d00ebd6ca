"""``python -m site_builder new DIR``: a folder to begin a site of one's own in."""

from pathlib import Path

from site_builder.contract import BadInput
from site_builder.contract.folders import replacing_folder

CONFIG = """# What the site says of itself; every field may be left out. All fields: docs/results.md of SpecViT.
name = "{name}"
headline = "Reading log g with a model of our own"
description = "What our model reads from stellar spectra, with every number traced to the run that it comes from."
authors = ["Your name, your institute"]
results = ["results"]
out = "public"
# base_url = "https://name.github.io/{name}/"
# logo = "logo.svg"

[accent]
light = "#1d5b79"

[citation]
title = "{name}: our results"
author = "Your name"
version = "1"
date = "2026-01-01"
key = "{key}"

[[links]]
text = "Code"
url = "https://github.com/name/{name}"
"""
README = """# {name}

A results site made with [SpecViT](https://github.com/name/specvit)'s builder.

1. Write your results into `results/`: with `model/own.py` of SpecViT (arrays in, a folder out; its
   `examples/sklearn_model.py` is a whole program), or by any program that follows `docs/results.md` there.
2. Correct `site.toml`: name, authors, links, colour.
3. Build and look, in a clone of SpecViT:

       python build.py --config PATH/site.toml --serve

4. To publish on GitHub Pages, commit this folder with `results/`, put the address of your clone of SpecViT into
   `.github/workflows/pages.yml`, and choose "GitHub Actions" in the settings of Pages.
"""
WORKFLOW = """name: pages

# Builds the site of results/ and publishes it on GitHub Pages. In the repository's settings, Pages must be set to
# "GitHub Actions".
on:
  push:
    branches: [main]
  workflow_dispatch:

permissions:
  contents: read

concurrency:
  group: pages
  cancel-in-progress: false # a deployment that has begun is finished

jobs:
  build:
    runs-on: ubuntu-24.04
    timeout-minutes: 15
    permissions:
      contents: read
      pages: read # configure-pages asks for the address of the site
    steps:
      - uses: actions/checkout@3d3c42e5aac5ba805825da76410c181273ba90b1 # v7.0.1
        with:
          persist-credentials: false
      - uses: actions/checkout@3d3c42e5aac5ba805825da76410c181273ba90b1 # v7.0.1
        with:
          repository: name/specvit # the builder: your clone, at a commit that you name
          path: builder
          persist-credentials: false
      - uses: actions/setup-python@5fda3b95a4ea91299a34e894583c3862153e4b97 # v7.0.0
        with:
          python-version: "3.11"
      - id: pages
        uses: actions/configure-pages@45bfe0192ca1faeb007ade9deae92b16b8254a0d # v6.0.0
      - run: make -C builder site SITE_ARGS="--config ../site.toml --out ../public --base-url $BASE_URL"
        env:
          BASE_URL: ${{ steps.pages.outputs.base_url }}
      - uses: actions/upload-pages-artifact@fc324d3547104276b827a68afc52ff2a11cc49c9 # v5.0.0
        with:
          path: public

  deploy:
    needs: build
    runs-on: ubuntu-24.04
    timeout-minutes: 15
    permissions:
      pages: write # deploy-pages publishes the artifact
      id-token: write # and proves which workflow it came from
    environment:
      name: github-pages
      url: ${{ steps.deployment.outputs.page_url }}
    steps:
      - id: deployment
        uses: actions/deploy-pages@cd2ce8fcbc39b97be8ca5fce6e763baed58fa128 # v5.0.0
"""


def begin(folder: Path) -> list[Path]:
    """Write a site's first files into a new folder and return their paths.

    Raises:
        BadInput: there is something already, or the folder cannot be written.
    """
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise BadInput(f"{folder} exists and is not empty; name a new folder.")
    name = folder.resolve().name
    key = "".join(c for c in name.lower() if c.isascii() and c.isalnum()) or "site"
    words = {"name": "".join(c for c in name if c.isprintable() and c not in '"\\')[:60] or "site", "key": key}
    files = {
        "site.toml": CONFIG.format(**words),
        "README.md": README.format(**words),
        ".gitignore": "/public/\n/builder/\n",
        ".github/workflows/pages.yml": WORKFLOW,
    }
    with replacing_folder(folder) as temp:
        for path, text in files.items():
            (temp / path).parent.mkdir(parents=True, exist_ok=True)
            (temp / path).write_text(text, encoding="utf-8")
    return [folder / path for path in files]
