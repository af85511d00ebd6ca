"""build.py: what it refuses, what it leaves alone, and that every number on a page is in the results."""

import hashlib
import http.server
import json
import os
import posixpath
import re
import shutil
import socket
import subprocess
import sys
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest

from site_builder import cli, publish, schemas
from site_builder.cli import build, main
from site_builder.contract import folders
from site_builder.figures import svg
from site_builder.i18n import CHINESE, ENGLISH, LANGUAGES, speaking
from site_builder.pages import MODULES, PAGES
from site_builder.publish import MARKER
from tests.factory import make_results
from tests.pages import Document, derive, read
from tests.site_fixture import build_site

ROOT = Path(__file__).resolve().parent.parent
BASE = "https://example.org/specvit/"


@pytest.fixture(scope="module")
def results_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_results(tmp_path_factory.mktemp("results"), n_stars=240, n_pixels=256)


@pytest.fixture(scope="module")
def files(results_dir: Path) -> dict[str, bytes]:
    return build(results_dir, BASE)


@pytest.fixture(scope="module")
def plain_files(results_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """The site of the same results without transfer experiments."""
    root = tmp_path_factory.mktemp("plain") / "results"
    shutil.copytree(results_dir, root)
    without(root, "transfer", "pairs")
    return build(root, BASE)


@pytest.fixture(scope="module")
def documents(files: dict[str, bytes]) -> dict[str, Document]:
    return {path: read(content) for path, content in files.items() if path.endswith(".html")}


def tree(folder: Path) -> dict[str, str]:
    """Hash of every file below a folder."""
    if not folder.is_dir():
        return {}
    return {
        str(p.relative_to(folder)): hashlib.sha256(p.read_bytes()).hexdigest()
        for p in sorted(folder.rglob("*"))
        if p.is_file()
    }


def reindex(root: Path, path: str, content: dict[str, Any]) -> None:
    """Write a changed contract file and its new hash, as an exporter would."""
    raw = json.dumps(content).encode()
    (root / path).write_bytes(raw)
    index = json.loads((root / "index.json").read_text())
    for entry in index["files"]:
        if entry["path"] == path:
            entry["sha256"], entry["bytes"] = hashlib.sha256(raw).hexdigest(), len(raw)
    (root / "index.json").write_text(json.dumps(index))


def missing(root: Path) -> None:
    shutil.rmtree(root)


def empty(root: Path) -> None:
    shutil.rmtree(root)
    root.mkdir()


def truncated(root: Path) -> None:
    path = root / "instruments/pfs-mr.json"
    path.write_bytes(path.read_bytes()[:-200])


def truncated_index(root: Path) -> None:
    (root / "index.json").write_text('{"schema_version": "1.0", "fi')


def wrong_version(root: Path) -> None:
    content = json.loads((root / "interpolation.json").read_text())
    reindex(root, "interpolation.json", content | {"schema_version": "9.0"})


def edited_by_hand(root: Path) -> None:
    path = root / "interpolation.json"
    path.write_text(path.read_text().replace("0.0004", "0.0003"))


def not_a_number(root: Path) -> None:
    path = root / "interpolation.json"
    path.write_text(path.read_text().replace("0.0004", "NaN"))


def file_gone(root: Path) -> None:
    (root / "interpolation.json").unlink()


@pytest.mark.parametrize(
    ("spoil", "named", "field"),
    [
        (missing, "results", "is not a folder"),
        (empty, "results", "index.json"),
        (truncated, "pfs-mr.json", "not complete JSON"),
        (truncated_index, "index.json", "not complete JSON"),
        (wrong_version, "interpolation.json", "schema_version"),
        (edited_by_hand, "interpolation.json", "sha256"),
        (not_a_number, "interpolation.json", "NaN"),
        (file_gone, "interpolation.json", "cannot be read"),
    ],
    ids=lambda v: v.__name__ if callable(v) else "",
)
def test_bad_results_one_sentence_and_nothing_changed(
    spoil: Any, named: str, field: str, results_dir: Path, tmp_path: Path, capsys: Any
) -> None:
    root = tmp_path / "results"
    shutil.copytree(results_dir, root)
    out = tmp_path / "site"
    out.mkdir()
    (out / MARKER).write_text("ours")
    (out / "index.html").write_text("the old site")
    spoil(root)
    before = tree(out)
    assert main(["--results", str(root), "--out", str(out)]) == 2
    told = capsys.readouterr()
    assert told.out == ""
    assert told.err.count("\n") == 1
    assert named in told.err
    assert field in told.err
    assert "Traceback" not in told.err
    assert tree(out) == before
    assert sorted(p.name for p in tmp_path.iterdir()) == sorted({"site", root.name} if root.exists() else {"site"})


def foreign_folder(tmp: Path) -> Path:
    (tmp / "out").mkdir()
    (tmp / "out" / "thesis.tex").write_text("years of work")
    return tmp / "out"


def plain_file(tmp: Path) -> Path:
    (tmp / "out").write_text("a file")
    return tmp / "out"


def below_a_file(tmp: Path) -> Path:
    return plain_file(tmp) / "site"


def forbidden_place(tmp: Path) -> Path:
    return Path("/proc/specvit-site")


@pytest.mark.parametrize("place", [foreign_folder, plain_file, below_a_file, forbidden_place], ids=lambda f: f.__name__)
def test_bad_out(place: Any, results_dir: Path, tmp_path: Path, capsys: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cli, "build", lambda *_: {"index.html": b"x"})
    out = place(tmp_path)
    before = tree(tmp_path)
    assert main(["--results", str(results_dir), "--out", str(out)]) == 2
    told = capsys.readouterr().err
    assert told.count("\n") == 1
    assert "--out" in told
    assert tree(tmp_path) == before


@pytest.mark.parametrize("url", ["specvit", "ftp://example.org/", "https://", 'https://x/"><script>'])
def test_bad_base_url(url: str, results_dir: Path, tmp_path: Path, capsys: Any) -> None:
    assert main(["--results", str(results_dir), "--out", str(tmp_path / "s"), "--base-url", url]) == 2
    assert "--base-url" in capsys.readouterr().err


def test_check_writes_nothing(results_dir: Path, tmp_path: Path, capsys: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(svg, "_draw", _no_drawing)
    monkeypatch.chdir(tmp_path)
    assert main(["--results", str(results_dir), "--check"]) == 0
    assert "consistent" in capsys.readouterr().out
    assert list(tmp_path.iterdir()) == []


def test_serve_answers_until_interrupted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any) -> None:
    asked = []

    def one_answer(server: http.server.ThreadingHTTPServer) -> None:
        """Answers one reader, then the user presses Ctrl+C."""
        address = f"http://127.0.0.1:{server.server_address[1]}/"
        with ThreadPoolExecutor(1) as reader:
            page = reader.submit(lambda: urllib.request.urlopen(f"{address}index.html", timeout=10).read())
            server.handle_request()
            asked.append((address, page.result()))
        raise KeyboardInterrupt

    monkeypatch.setattr(cli, "build", lambda *_: {"index.html": b"home"})
    monkeypatch.setattr(http.server.ThreadingHTTPServer, "serve_forever", one_answer)
    arguments = ["--out", str(tmp_path / "site"), "--no-cache", "--serve", "--port"]
    assert main([*arguments, "0"]) == 0
    ((address, page),) = asked
    assert page == b"home"
    assert f"Serving on {address} (Ctrl+C stops it)" in capsys.readouterr().out
    with socket.create_server(("127.0.0.1", 0)) as taken:
        assert main([*arguments, str(taken.getsockname()[1])]) == 2
    assert "cannot be used (Address already in use); give another, or 0 for a free one." in capsys.readouterr().err
    assert len(asked) == 1


def test_failed_swap_restores_the_old_site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    out = tmp_path / "site"
    publish.write_site(out, {"index.html": b"old"})
    before = tree(out)
    rename, calls = os.rename, []

    def second_fails(a: Any, b: Any) -> None:
        calls.append((a, b))
        if len(calls) == 2:
            raise OSError(28, "No space left on device")
        rename(a, b)

    monkeypatch.setattr(folders, "_exchange", lambda *_: False)
    monkeypatch.setattr(publish.os, "rename", second_fails)
    with pytest.raises(publish.BadInput, match="No space left"):
        publish.write_site(out, {"index.html": b"new"})
    assert tree(out) == before
    assert [p.name for p in tmp_path.iterdir()] == ["site"]


def test_failed_write_leaves_the_old_site(tmp_path: Path) -> None:
    out = tmp_path / "site"
    publish.write_site(out, {"index.html": b"old"})
    before = tree(out)
    with pytest.raises(publish.BadInput):
        publish.write_site(out, {"a": b"a file", "a/b": b"below a file"})
    assert tree(out) == before
    assert [p.name for p in tmp_path.iterdir()] == ["site"]


def test_two_builds_are_byte_identical(results_dir: Path, tmp_path: Path) -> None:
    trees = []
    for i, zone in enumerate(("UTC", "Asia/Shanghai")):
        out = tmp_path / f"deep{'er' * i}" / "site"
        env = os.environ | {"TZ": zone, "PYTHONHASHSEED": str(i + 1), "LC_ALL": "C"}
        command = [
            sys.executable,
            str(ROOT / "build.py"),
            "--results",
            str(results_dir),
            "--out",
            str(out),
            "--base-url",
            BASE,
        ]
        done = subprocess.run(command, env=env, cwd=tmp_path, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        trees.append(tree(out))
    assert trees[0] == trees[1]
    assert len(trees[0]) > 40


def test_every_number_is_in_the_results(files: dict[str, bytes], documents: dict[str, Document]) -> None:
    cache: dict[str, Any] = {}
    count = 0
    for path, document in documents.items():
        for shown in document.numbers:
            with speaking(CHINESE if path.startswith("zh/") else ENGLISH):
                assert shown.says(derive(files, shown, cache)), f"{path}: {shown}"
            count += 1
    assert count > 200


def test_no_result_literals_in_templates() -> None:
    allowed = {"3.11"}  # the Python version
    for path in sorted((ROOT / "templates").rglob("*.j2")):
        text = path.read_text()
        text = re.sub(r"\{#.*?#\}|\{%.*?%\}|\{\{.*?\}\}|<svg.*?</svg>|<[^>]*>", " ", text, flags=re.S)
        found = set(re.findall(r"(?<![\w.])\d+\.\d+", re.sub(r"arXiv[: ]\d{4}\.\d{5}", "", text))) - allowed
        # The edges of the star classes and of a 95 % interval are definitions.
        assert found <= {"2.5", "3.5", "1.96"}, f"{path.name}: {found}"


def test_markup_is_trusted_in_one_place() -> None:
    for path in sorted((ROOT / "site_builder").rglob("*.py")):
        if path.name != "markup.py":
            assert "Markup(" not in path.read_text(), path
    for path in sorted((ROOT / "templates").rglob("*.j2")):
        assert not re.search(r"\|\s*safe", path.read_text()), path
        assert "autoescape" not in path.read_text(), path


def test_links_and_fragments_resolve(files: dict[str, bytes], documents: dict[str, Document]) -> None:
    for path, document in documents.items():
        for link in document.links:
            if re.match(r"https?://", link) and not link.startswith(BASE):
                continue
            here = posixpath.join("/", posixpath.dirname(path)) if not link.startswith(BASE) else "/"
            target, _, fragment = unquote(link.removeprefix(BASE)).partition("#")
            target = target.split("?")[0]
            if not target and not link.startswith("#"):
                target = "index.html"
            target = posixpath.normpath(posixpath.join(here, target)).lstrip("/") if target else path
            if target + "/index.html" in files:
                target += "/index.html"
            assert target in files, f"{path} links to {link}"
            if fragment and target in documents and "=" not in fragment:
                assert fragment in documents[target].ids, f"{path} links to {link}"


def test_both_languages_name_each_other(files: dict[str, bytes]) -> None:
    sitemap = files["sitemap.xml"].decode()
    for page in PAGES:
        url = {one.tag: BASE + one.folder + page.file.removesuffix("index.html") for one in LANGUAGES}
        for one in LANGUAGES:
            html = files[one.folder + page.file].decode()
            assert f'<html lang="{one.tag}">' in html
            named = dict(re.findall(r'<link rel="alternate" hreflang="([^"]+)" href="([^"]+)">', html))
            if not page.indexed:
                assert not named
                continue
            assert named == url | {"x-default": url[ENGLISH.tag]}
            assert f'<link rel="canonical" href="{url[one.tag]}">' in html
            assert f'<meta property="og:locale" content="{one.locale}">' in html
            entry = re.search(rf"<url><loc>{re.escape(url[one.tag])}</loc>(.*?)</url>", sitemap)
            assert entry is not None
            assert dict(re.findall(r'hreflang="([^"]+)" href="([^"]+)"', entry[1])) == named


def test_addresses_in_a_page_lead_to_files(files: dict[str, bytes]) -> None:
    count = 0
    for path in (p for p in files if p.endswith(".html")):
        for block in re.findall(
            r'<script type="application/json" id="[^"]+">(.*?)</script>', files[path].decode(), re.S
        ):
            for address in re.findall(r'"((?:\.\./)*(?:data|assets)/[^"]*[^"/])"', block):
                file = address.partition("#")[0]  # what is behind it is a place in the file
                target = posixpath.normpath(posixpath.join(posixpath.dirname(path), file))
                assert target in files, f"{path}: {address}"
                count += 1
    assert count > 50


def test_pages_are_well_formed(documents: dict[str, Document]) -> None:
    assert {one.folder + p.file for p in PAGES for one in LANGUAGES} == set(documents)
    assert len(PAGES) == 11
    for path, document in documents.items():
        assert document.headings.count("h1") == 1, path
        assert len(set(document.ids)) == len(document.ids), (
            path,
            sorted(i for i in document.ids if document.ids.count(i) > 1),
        )
        for target in document.targets:
            for one in target.split():
                assert one in document.ids, f"{path}: {one}"
        least = 40 if "/" not in path else 12  # Chinese says it in fewer characters
        assert least < len(document.head["description"]) < 180, path


def test_sentences_are_apart(files: dict[str, bytes], documents: dict[str, Document]) -> None:
    for path in documents:
        text = re.sub(r"<(script|svg|code|pre|math)\b.*?</\1>", "", files[path].decode(), flags=re.S)
        text = re.sub(r"</?(data|a|span|strong|em|i|b|button)\b[^>]*>", "", text)
        text = re.sub(r"<[^>]*>", "\n", text)
        glued = re.findall(r".{30}[a-z)\]][.;:][A-Z].{20}", text)
        assert not glued, f"{path}: {glued}"


def test_strict_policy(documents: dict[str, Document]) -> None:
    for path, document in documents.items():
        assert document.forbidden == [], path
        assert "default-src" in document.csp, path
        assert document.csp.count("sha256-") == 1, path
        if not path.endswith("spectra.html"):
            assert "unsafe" not in document.csp, path


def test_base_url(files: dict[str, bytes], documents: dict[str, Document]) -> None:
    sitemap = files["sitemap.xml"].decode()
    for page in PAGES:
        url = BASE if page.slug == "index" else BASE + page.file
        assert (f"<loc>{url}</loc>" in sitemap) == page.indexed
        if page.indexed:
            assert documents[page.file].head["og:url"] == url
    assert f"Sitemap: {BASE}sitemap.xml" in files["robots.txt"].decode()
    assert files["card.png"][:8] == b"\x89PNG\r\n\x1a\n"
    assert b'<base href="' + BASE.encode() in files["404.html"]
    assert documents["index.html"].head["og:image"] == BASE + "card.png"


def test_budgets(files: dict[str, bytes]) -> None:
    import gzip

    fonts = [content for path, content in files.items() if path.endswith(".woff2")]
    assert sum(map(len, fonts)) <= 80_000
    assets = next(p for p in files if p.endswith("css/site.css")).removesuffix("css/site.css")
    shared = ["css/site.css", "js/common.js"]
    base = sum(len(gzip.compress(files[assets + p])) for p in shared) + sum(map(len, fonts))
    for page in PAGES:
        assert base + len(gzip.compress(files[page.file])) <= 150_000, page.file
    plotly = len(gzip.compress(files[assets + "vendor/plotly/plotly-basic.min.js"]))
    assert base + len(gzip.compress(files["results.html"])) + plotly <= 550_000


def test_results_are_published_unchanged(files: dict[str, bytes], results_dir: Path) -> None:
    for path in ["index.json", *(e["path"] for e in json.loads((results_dir / "index.json").read_text())["files"])]:
        assert files[f"data/results/{path}"] == (results_dir / path).read_bytes()


def test_schemas_are_current() -> None:
    for name, content in schemas.schema_files().items():
        assert (schemas.FOLDER / name).read_bytes() == content, f"{name}: run python -m site_builder schema"


def _no_drawing(draw: Any, size: tuple[int, int], narrow: bool, margins: Any) -> str:
    return f'<?xml?><svg width="1" height="1" viewBox="0 0 {size[0]} {size[1]}" version="1.1"></svg>'


STUDIES = ("limits", "calibration", "scaling", "ablations", "stress", "history")


@pytest.mark.parametrize(
    "gone", [*((kind,) for kind in STUDIES), STUDIES, ("scaling", "history"), ("limits", "stress")]
)
def test_pages_without_a_study_leave_it_out(
    gone: tuple[str, ...], results_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(svg, "_draw", _no_drawing)
    root = tmp_path / "results"
    shutil.copytree(results_dir, root)
    index = json.loads((root / "index.json").read_text())
    index["files"] = [e for e in index["files"] if e["kind"] not in gone]
    (root / "index.json").write_text(json.dumps(index))
    if "limits" in gone:
        for name in ("giant-a", "subgiant-b", "dwarf-c"):
            path = f"runs/specvit-test-pfs-mr/examples/{name}.json"
            content = json.loads((root / path).read_text())
            content["ladder"]["limits"] = None
            reindex(root, path, content)
    page = read(build(root)["results.html"])
    tabs = {"scaling": "scaling", "ablations": "ablations", "history": "training"}
    for kind, tab in tabs.items():
        assert (tab in page.ids) == (kind not in gone), kind
    assert ("fig-limit-gaps" in page.ids) == ("limits" not in gone)
    assert ("fig-pit" in page.ids) == ("calibration" not in gone)


# The set of observed stars that a run was tried on is told where no experiment tells of the same survey.
ZERO_SHOT = ("runs/specvit-test-lamost/run.json", "runs/specvit-test-lamost/metrics.lamost-dr10.json")
CHANGES = [
    ("runs/specvit-test-pfs-mr/run.json", ("models", 0, "n_parameters"), 123457),
    ("runs/specvit-test-pfs-mr/run.json", ("models", 1, "train_seconds"), 7777.0),
    ("runs/specvit-test-pfs-mr/run.json", ("models", 0, "training", "learning_rate"), 0.0123),
    ("runs/specvit-test-pfs-mr/run.json", ("vit", "width"), 51),
    ("runs/specvit-test-pfs-mr/run.json", ("provenance", "seed"), 99),
    ("runs/specvit-test-pfs-mr/metrics.test.json", ("rows", 0, "r2", "value"), 0.999),
    ("runs/specvit-test-pfs-mr/metrics.test.json", ("rows", 0, "mae", "lo"), 0.123456),
    ("runs/specvit-test-pfs-mr/metrics.snr-curve.json", ("rows", 4, "median_snr"), 77.0),
    ("runs/specvit-test-pfs-mr/predictions.test.json", ("predicted", "specvit-test", 0), 9.0),
    ("runs/specvit-test-lamost/run.json", ("sets", 1, "selection", "with labels"), 4321),
    ("runs/specvit-test-lamost/examples/obs-dwarf-c.json", ("predicted_logg",), 1.2345),
    ("runs/specvit-test-lamost/metrics.lamost-dr10.json", ("rows", 0, "bias", "hi"), 3.3333),
    ("runs/specvit-test-pfs-mr/history.json", ("val_n",), 4242),
    ("interpolation.json", ("axes", 1, "p99"), 0.0321),
    ("runs/specvit-test-pfs-mr/limits.snr-curve.json", ("bins", 3, "r2_se"), 0.0123),
    ("runs/specvit-test-pfs-mr/limits.snr-curve.json", ("bins", 3, "r2", "value"), 0.99),
    ("runs/specvit-test-pfs-mr/limits.test.json", ("checks", 0, "value"), 1.03),
    ("runs/specvit-test-pfs-mr/scaling.json", ("points", 2, "r2", "value"), 0.5401),
    ("runs/specvit-test-pfs-mr/ablations.json", ("rows", 2, "r2_faint", "lo"), 0.1234),
    ("runs/specvit-test-pfs-mr/stress.json", ("rows", 2, "bias", "hi"), 0.4321),
    ("runs/specvit-test-pfs-mr/examples/giant-a.json", ("ladder", "limits", "crlb3", 0), 0.1101),
    ("instruments/pfs-mr.json", ("n_exposures",), 31),
    ("transfer/lamost-optical.json", ("rows", 0, "mae", "hi"), 0.7654),
    ("transfer/lamost-optical.json", ("sets", 0, "label_error"), 0.0123),
    ("transfer/lamost-optical.json", ("sets", 1, "selection", "with labels"), 48),
    ("transfer/lamost-optical.json", ("stars", 0, "answers", 0, "predicted", 0), 9.0),
    ("transfer/h-band.json", ("folds",), 7),
    ("spectra/test-giant.json", ("teff",), 4321.0),
]


@pytest.mark.parametrize(
    ("path", "place", "value"), CHANGES, ids=lambda v: ".".join(map(str, v)) if isinstance(v, tuple) else ""
)
def test_a_changed_value_changes_a_page_or_is_refused(
    path: str,
    place: tuple[Any, ...],
    value: Any,
    results_dir: Path,
    files: dict[str, bytes],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    request: pytest.FixtureRequest,
) -> None:
    before = request.getfixturevalue("plain_files") if path in ZERO_SHOT else files
    monkeypatch.setattr(svg, "_draw", _no_drawing)
    root = tmp_path / "results"
    shutil.copytree(results_dir, root)
    if path in ZERO_SHOT:
        without(root, "transfer", "pairs")
    content = json.loads((root / path).read_text())
    target = content
    for key in place[:-1]:
        target = target[key]
    assert target[place[-1]] != value
    target[place[-1]] = value
    reindex(root, path, content)
    try:
        changed = build(root, BASE)
    except publish.BadInput as error:
        refused = str(error)
        changed = {}
    else:
        refused = ""
    if refused:
        assert any(name in refused for name in (Path(path).name, "metrics", "limits", "run.json"))
        return
    texts = {
        p: re.sub(r"<svg class=.fig-svg.*?</svg>", "", c.decode(), flags=re.S)
        for p, c in changed.items()
        if p.endswith(".html")
    }
    old = {p: re.sub(r"<svg class=.fig-svg.*?</svg>", "", before[p].decode(), flags=re.S) for p in texts}
    touched = [p for p in texts if texts[p] != old[p] and p != "data.html"]
    assert touched or place == ("provenance", "seed"), "no page but the list of hashes noticed"


def without(root: Path, *kinds: str) -> None:
    """Take the files of some kinds off the index."""
    index = json.loads((root / "index.json").read_text())
    index["files"] = [e for e in index["files"] if e["kind"] not in kinds]
    (root / "index.json").write_text(json.dumps(index))


def test_transfer_experiments_take_the_place_of_the_zero_shot_set(
    files: dict[str, bytes], documents: dict[str, Document]
) -> None:
    page = documents["transfer.html"]
    for name in ("lamost-optical", "h-band"):
        assert {f"x-{name}", f"tab-x-{name}", f"fig-transfer-{name}-gain"} <= set(page.ids), name
    assert "set-1" not in page.ids  # the same survey's stars are not told twice
    text = files["transfer.html"].decode()
    assert "Support vector regression" in text
    assert "as given by others" in text
    assert "are emulated" in text
    assert "What others report" in text
    assert "LAMOST DR10" in files["index.html"].decode()


def test_pages_without_transfer_experiments(results_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(svg, "_draw", _no_drawing)
    root = tmp_path / "results"
    shutil.copytree(results_dir, root)
    without(root, "transfer", "pairs", "spectrum")
    built = build(root)
    page = read(built["transfer.html"])
    assert "set-1" in page.ids
    assert not any(name.startswith("x-") for name in page.ids)
    assert "What others report" in built["transfer.html"].decode()
    assert "spe-h-surveys" not in read(built["spectra.html"]).ids
    assert "files-transfer" not in read(built["data.html"]).ids


def test_one_experiment_of_bare_rows(results_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(svg, "_draw", _no_drawing)
    root = tmp_path / "results"
    shutil.copytree(results_dir, root)
    content = json.loads((root / "transfer/lamost-optical.json").read_text())
    content["rows"] = [r for r in content["rows"] if r["slice"] == "all" and r["set"] == "lamost-dr10"]
    content["rows"] = [r for r in content["rows"] if r["model"] == "ridge"]
    content["sets"], content["stars"] = content["sets"][:1], content["stars"][:1]
    content["stars"][0]["answers"], content["augmentation"], content["subset"] = [], {}, None
    reindex(root, "transfer/lamost-optical.json", content)
    without(root, "pairs")
    page = read(build(root)["transfer.html"])
    assert "x-lamost-optical" in page.ids
    assert "fig-transfer-lamost-optical-gain" not in page.ids


def test_spectra_without_labels_are_shown_without_labels(
    files: dict[str, bytes], documents: dict[str, Document]
) -> None:
    assert "spe-h-surveys" in documents["spectra.html"].ids
    text = files["spectra.html"].decode()
    assert "DESI: observed galaxy" in text
    assert "outside what the model knows" in text
    shown = {source for number in documents["spectra.html"].numbers for source in number.sources}
    assert "data/results/spectra/test-giant.json#/logg" in shown
    assert "data/results/spectra/test-galaxy.json#/logg" not in shown
    assert b"TEFF" not in files["data/spectra/test-galaxy.fits"]
    assert "instruments" in documents["deep-dive.html"].ids
    assert "files-spectra" in documents["data.html"].ids


def test_home_is_an_argument_of_fewer_than_900_words(tmp_path: Path) -> None:
    """Words of the shipped home page: what a reader meets without opening anything."""
    modules = [module for module in MODULES if module.PAGE.slug == "index"]
    page = (build_site(ROOT / "results", tmp_path / "site", modules) / "index.html").read_text(encoding="utf-8")
    main = page[page.index("<main") : page.index("</main>")]
    hidden = "svg|script|details|noscript"
    text = re.sub(r"<[^>]+>", " ", re.sub(rf"<({hidden})\b.*?</\1>", "", main, flags=re.S))
    words = [word for word in text.split() if re.search("[A-Za-z]", word)]
    assert 400 < len(words) < 900
