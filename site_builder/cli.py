"""Options of ``build.py``, and the order of a build: read, check, render, swap."""

import argparse
import gc
import http.server
import os
import sys
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path

from site_builder.cache import Cache, default_folder
from site_builder.config import Own
from site_builder.contract import BadInput
from site_builder.contract.errors import told
from site_builder.contract.io import read_bytes
from site_builder.jobs import MANY, apart, workers
from site_builder.publish import ROOT, Site, check_out, write_site
from site_builder.results import PUBLISHED_BELOW, Results


def parser() -> argparse.ArgumentParser:
    """The command line."""
    p = argparse.ArgumentParser(prog="build.py", description="Build the SpecViT results site.")
    p.add_argument(
        "--config", type=Path, metavar="FILE", help="site.toml with name, links, colours and folders of the site"
    )
    p.add_argument(
        "--results",
        type=Path,
        action="append",
        metavar="DIR",
        help="exported results (default: results/); give it again to show the runs of several folders on one site",
    )
    p.add_argument("--out", type=Path, metavar="DIR", help="folder of the site (default: public)")
    p.add_argument(
        "--base-url", metavar="URL", help="address of the site: adds canonical links, sitemap, social card links"
    )
    p.add_argument("--check", action="store_true", help="validate, check and render, but write nothing")
    p.add_argument(
        "--explain",
        metavar="PAGE",
        help="print where each number of a page comes from (snr, zh/snr, ...); write nothing",
    )
    p.add_argument("--no-cache", action="store_true", help="draw everything again, and keep no drawings")
    p.add_argument("--serve", action="store_true", help="after the build, serve the site on this computer")
    p.add_argument("--port", type=int, default=8000, help="port of --serve (default: 8000; 0 takes a free one)")
    return p


def check_base_url(url: str | None) -> None:
    """Refuse a base URL that is no http(s) address.

    Raises:
        BadInput: one sentence.
    """
    from urllib.parse import urlsplit

    if url is None:
        return
    parts = urlsplit(url)
    if (
        parts.scheme not in ("http", "https")
        or not parts.netloc
        or parts.query
        or parts.fragment
        or set(url) & set(" \"'<>")
    ):
        raise BadInput(
            f"--base-url {url} is not an address like https://name.github.io/specvit/; give one with http(s)."
        )


def build(
    results_dir: Path | Sequence[Path],
    base_url: str | None = None,
    cache_folder: Path | None = None,
    processes: int = 1,
    own: Own | None = None,
) -> Mapping[str, bytes]:
    """Every file of the site, by path.

    Args:
        results_dir: folder of the results, or several whose runs are shown together.
        base_url: address of the site, if it is known.
        cache_folder: where drawings are kept from one build to the next; None keeps none.
        processes: how many draw.
        own: name, links and colours of the site.

    Raises:
        BadInput: the results are missing, not valid or not consistent.
    """
    from site_builder import checks, site_files
    from site_builder.render import compile_all

    collecting = gc.isenabled()
    gc.disable()  # a build makes many objects and few cycles; looking for those takes a fifth of the time
    try:
        folders = [results_dir] if isinstance(results_dir, Path) else list(results_dir)
        begun = Results.begin(*folders)
        cache = Cache(cache_folder, *(read_bytes(folder / "index.json") for folder in folders))
        site = Site(base_url, cache=cache, processes=processes, own=own)
        compile_all(site)
        site.begin()  # templates are compiled while the other results are read
        alone = processes > 1 and len(begun.undrawn) > MANY
        checked = apart(lambda: checks.check_undrawn(begun)) if alone else lambda: None  # while long columns are read
        results = begun.complete()
        checks.run_all(results, undrawn=not alone)
        site_files.render_all(results, site)
        checked()
    finally:
        if collecting:
            gc.enable()
    return site.files


def checks_told(files: Mapping[str, bytes]) -> list[str]:
    """What ``--check`` prints of a build: every check with its sentence and what it looked at."""
    from site_builder.checks import told
    from site_builder.contract.schema import Index

    return told(Index.model_validate_json(files[f"{PUBLISHED_BELOW}index.json"]).files)


def explain_page(results: Sequence[Path], page: str, own: Own, cache_folder: Path | None) -> None:
    """Print every number of a page with its JSON pointers, run, hashes, seed and machine, separated by tabs.

    Raises:
        BadInput: there is no such page, or the results cannot be built.
    """
    from site_builder.explain import known, listing

    path = known(page)
    files = build(results, None, cache_folder, workers(), own)
    try:
        for line in listing(files, path, own):
            print("\t".join(line))
        sys.stdout.flush()
    except BrokenPipeError:  # the reader, for example head, has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def serve(out: Path, port: int) -> None:
    """Serve a folder on the loopback interface until interrupted."""
    handler = partial(http.server.SimpleHTTPRequestHandler, directory=str(out))
    try:
        server = http.server.ThreadingHTTPServer(("127.0.0.1", port), handler)
    except OSError as error:
        raise BadInput(f"--port {port} cannot be used ({error.strerror}); give another, or 0 for a free one.") from None
    print(f"Serving on http://127.0.0.1:{server.server_address[1]}/ (Ctrl+C stops it)", flush=True)
    try:
        server.serve_forever()
    except KeyboardInterrupt:
        pass
    finally:
        server.server_close()


def main(argv: list[str] | None = None) -> int:
    """Run the command; 0 when done, 2 with one sentence on standard error for bad input."""
    args = parser().parse_args(argv)
    try:
        own = Own.read(args.config) if args.config else Own()
        config = own.config
        results = args.results or [own.folder(name) for name in config.results] or [ROOT / "results"]
        out = args.out or (own.folder(config.out) if config.out else Path("public"))
        base_url = args.base_url or config.base_url
        check_base_url(base_url)
        if args.explain is not None:
            explain_page(results, args.explain, own, None if args.no_cache else default_folder())
            return 0
        if not args.check:
            check_out(out)
        folder = None if args.no_cache or args.check else default_folder()
        files = build(results, base_url, folder, workers(), own)
        pages = sum(path.endswith(".html") for path in files)
        if args.check:
            print("\n".join(checks_told(files)))
            print(f"{', '.join(map(str, results))} is valid and consistent; {pages} pages render. Nothing was written.")
            return 0
        size = write_site(out, files)
        print(f"{pages} pages in {out}/ ({size / 1e6:.1f} MB)", flush=True)
        if args.serve:
            serve(out, args.port)
    except (BadInput, PermissionError) as error:
        print(f"build.py: {told(error)}", file=sys.stderr)
        return 2
    return 0
