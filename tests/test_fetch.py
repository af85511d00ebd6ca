"""``python -m model fetch`` against a local server that cuts, lies, stalls and refuses."""

import email.utils
import gzip
import hashlib
import json
import re
import shlex
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import archive_server as server
import filelock
import numpy as np
import pytest
from archive_server import ArchiveServer
from astropy.table import Table

from model import cli
from model.fetch import archives, hashes, select
from model.fetch.archives import Remote, archive
from model.fetch.collect import Collector, Summary, size
from model.fetch.download import GAIN, FetchError, Manners, ResumingDownloader, new_session
from site_builder.contract import BadInput

CONTENT = np.random.default_rng(1).bytes(300_000)
COADD = "spectro/redux/iron/healpix/main/bright/108/10813/coadd-main-bright-10813.fits"
REDROCK = "spectro/redux/iron/healpix/main/bright/108/10813/redrock-main-bright-10813.fits"
DESI_HASHES = "spectro/redux/iron/healpix/main/bright/108/10813/redux_iron_healpix_main_bright_108_10813.sha256sum"


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")


@pytest.fixture
def web() -> Iterator[ArchiveServer]:
    with server.serving() as archive_on_localhost:
        yield archive_on_localhost


class Waits(list[float]):
    """Pauses that were asked for, none of them made."""

    def manners(self, **changes: object) -> Manners:
        fixed = {"sleep": self.append, "jitter": lambda low, high: 1.0, "timeout": (5.0, 5.0)}
        return Manners(**fixed | changes)  # type: ignore[arg-type]


def take(out: Path, waits: Waits, *urls: str, hash_url: str | None = None, **changes: object) -> Summary:
    """Take files through a collector; a file is called by the end of its address."""
    check = bool(changes.pop("check", False))
    session = new_session()
    collector = Collector(out, waits.manners(**changes), check, session)
    try:
        return collector.take([Remote(url, url.rpartition("/")[2], 1.0, hash_url) for url in urls])
    finally:
        session.close()


def run(capsys: pytest.CaptureFixture[str], *arguments: object) -> tuple[int, str, str]:
    """Exit code, standard output and error of ``python -m model fetch ARGUMENTS``."""
    code = cli.main(["fetch", *map(str, arguments)])
    out, err = capsys.readouterr()
    return code, out, err


def leftovers(out: Path) -> set[str]:
    """Files that are neither downloads nor notes about them."""
    return {p.name for p in out.rglob("*") if ".part" in p.name or p.name.startswith("tmp")}


# The whole chain


def test_desi_from_the_command_line(web: ArchiveServer, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    web.add(COADD, CONTENT)
    web.add(REDROCK, CONTENT[:999])
    web.add_hashes(DESI_HASHES, COADD, REDROCK)
    command = ("desi", "--healpix", 10813, "--mirror", web.url, "--out", tmp_path / "down")
    code, out, err = run(capsys, *command)
    assert (code, err) == (0, "")
    assert "2 files taken (301.0 kB), 0 were there; 2 of 2 agree with a hash" in out
    assert "CC BY 4.0" in out
    assert "Koposov" in out
    assert (tmp_path / "down/desi" / COADD).read_bytes() == CONTENT
    assert (tmp_path / "down/desi" / REDROCK).read_bytes() == CONTENT[:999]
    assert len(web.asked(DESI_HASHES)) == 1
    assert all("SpecViT" in r.headers["User-Agent"] for r in web.requests)
    assert leftovers(tmp_path) == set()
    entries = [json.loads(line) for line in (tmp_path / "down/fetched.jsonl").read_text().splitlines()]
    assert [(e["bytes"], e["sha256"]) for e in entries] == [
        (len(c), hashlib.sha256(c).hexdigest()) for c in (CONTENT, CONTENT[:999])
    ]

    web.requests.clear()
    code, out, _ = run(capsys, *command)
    assert code == 0
    assert "0 files taken (0 bytes), 2 were there; 2 of 2 agree" in out
    assert web.requests == []


def test_what_fails_is_told_after_the_rest_was_taken(
    web: ArchiveServer, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    web.add(REDROCK, CONTENT)
    code, out, err = run(capsys, "desi", "--healpix", 10813, "--mirror", web.url, "--out", tmp_path)
    assert code == 2
    assert (tmp_path / "desi" / REDROCK).read_bytes() == CONTENT
    assert "1 files taken" in out
    assert err.startswith("error: 1 of 2 files could not be taken, the first http://127.0.0.1")
    assert "404" in err
    assert err.count("\n") == 1
    assert len(web.asked(COADD)) == 1  # what is not there is not asked for again


def test_dry_run_asks_for_sizes_and_writes_nothing(
    web: ArchiveServer, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    web.add(COADD, CONTENT)
    web.add(REDROCK, CONTENT[:1000])
    out_folder = tmp_path / "down"
    code, out, _ = run(capsys, "desi", "--healpix", 10813, "--mirror", web.url, "--out", out_folder, "--dry-run")
    assert code == 0
    assert "2 files to take, 301.0 kB; 0 are there" in out
    assert {r.method for r in web.requests} == {"HEAD"}
    assert not out_folder.exists()


def test_dry_run_without_the_archive_tells_typical_sizes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"http://127.0.0.1:{free.getsockname()[1]}/"
    command = ("desi", "--catalogue-only", "--out", tmp_path / "down", "--mirror", address, "--dry-run")
    code, out, _ = run(capsys, *command)
    assert code == 0
    assert "1 files to take, 13.1 GB; 0 sizes are the archive's, the others typical ones" in out


# Servers that fail


def test_a_cut_connection_is_continued(web: ArchiveServer, tmp_path: Path) -> None:
    waits = Waits()
    url = web.add("a.fits", CONTENT, server.cut(150_000), server.status(502))
    summary = take(tmp_path, waits, url)
    assert (summary.taken, summary.failed) == (1, [])
    assert (tmp_path / "a.fits").read_bytes() == CONTENT
    first, *later = [r.headers.get("Range") for r in web.asked("a.fits")]
    assert first is None
    assert len(later) == 2
    assert later[0] == later[1]
    assert 0 < int(later[0].removeprefix("bytes=").removesuffix("-")) <= 150_000
    assert waits == [2.0, 4.0]
    assert leftovers(tmp_path) == set()


def test_a_later_call_continues_what_an_earlier_one_began(web: ArchiveServer, tmp_path: Path) -> None:
    url = web.add("a.fits", CONTENT, server.cut(200_000))
    assert take(tmp_path, Waits(), url, tries=1).failed == [(url, "the connection was cut (1 attempts)")]
    assert not (tmp_path / "a.fits").exists()
    begun = (tmp_path / "a.fits.part").stat().st_size
    assert 0 < begun <= 200_000
    assert take(tmp_path, Waits(), url).taken == 1
    assert (tmp_path / "a.fits").read_bytes() == CONTENT
    assert web.asked("a.fits")[-1].headers["Range"] == f"bytes={begun}-"


def test_a_file_that_changed_in_between_is_taken_anew(web: ArchiveServer, tmp_path: Path) -> None:
    url = web.add("a.fits", CONTENT, server.cut(200_000))
    take(tmp_path, Waits(), url, tries=1)
    other = CONTENT[::-1]
    web.add("a.fits", other)
    assert take(tmp_path, Waits(), url).taken == 1
    assert web.asked("a.fits")[-1].headers["If-Range"].startswith('"')
    assert (tmp_path / "a.fits").read_bytes() == other


@pytest.mark.parametrize("trick", [server.ignore_range, server.another_byte, server.only_a_piece])
def test_a_server_that_mistakes_the_range_corrupts_nothing(web: ArchiveServer, tmp_path: Path, trick: object) -> None:
    url = web.add("a.fits", CONTENT, server.cut(200_000), trick)
    assert take(tmp_path, Waits(), url).taken == 1
    assert (tmp_path / "a.fits").read_bytes() == CONTENT
    assert "Range" in web.asked("a.fits")[1].headers


@pytest.mark.parametrize(
    ("part", "requests"), [(CONTENT, 1), (CONTENT + b"more", 2)], ids=["part is whole", "part is too long"]
)
def test_416(web: ArchiveServer, tmp_path: Path, part: bytes, requests: int) -> None:
    url = web.add("a.fits", CONTENT)
    (tmp_path / "a.fits.part").write_bytes(part)
    assert take(tmp_path, Waits(), url).taken == 1
    assert (tmp_path / "a.fits").read_bytes() == CONTENT
    assert len(web.asked("a.fits")) == requests


def test_a_whole_part_needs_no_server(web: ArchiveServer, tmp_path: Path) -> None:
    """What a program leaves that is stopped while it computes the hash."""
    url = web.add("a.fits", CONTENT)
    (tmp_path / "a.fits.part").write_bytes(CONTENT)
    (tmp_path / "a.fits.part.json").write_text(json.dumps({"validator": None, "total": len(CONTENT)}))
    assert take(tmp_path, Waits(), url).taken == 1
    assert (tmp_path / "a.fits").read_bytes() == CONTENT
    assert web.requests == []


def test_retry_after_in_seconds_and_as_a_date(web: ArchiveServer, tmp_path: Path) -> None:
    waits = Waits()
    later = email.utils.formatdate(time.time() + 100, usegmt=True)
    tricks = (server.status(503, Retry_After="7"), server.status(429, Retry_After=later))
    assert take(tmp_path, waits, web.add("a.fits", CONTENT, *tricks)).taken == 1
    assert waits[0] == 7.0
    assert 50 < waits[1] <= 100


def test_a_long_pause_is_not_waited_for(web: ArchiveServer, tmp_path: Path) -> None:
    waits = Waits()
    url = web.add("a.fits", CONTENT, server.status(503, Retry_After="86400"))
    ((_, why),) = take(tmp_path, waits, url).failed
    assert "asks for a pause of 86400 s" in why
    assert waits == []


def test_backoff_doubles_and_ends(web: ArchiveServer, tmp_path: Path) -> None:
    waits = Waits()
    url = web.add("a.fits", CONTENT, *[server.status(503)] * 9)
    ((_, why),) = take(tmp_path, waits, url, longest_wait=10.0).failed
    assert "503" in why
    assert waits == [2.0, 4.0, 8.0, 10.0, 10.0]
    assert len(web.asked("a.fits")) == 6


def test_jitter_spreads_the_waits() -> None:
    waits: list[float] = []
    manners = Manners(sleep=waits.append)
    with server.serving() as web:
        for _ in range(8):
            url = web.add("a.fits", b"", server.status(503))
            hashes.read_text(url, new_session(), manners)
    assert len(set(waits)) > 1
    assert all(1.0 <= wait <= 3.0 for wait in waits)


def test_a_list_of_hashes_is_no_longer_than_one(web: ArchiveServer) -> None:
    url = web.add("a.sha256sum", b"x" * 100)
    assert hashes.read_text(url, new_session(), Manners(), largest=100) == "x" * 100
    with pytest.raises(FetchError, match="more than 99 bytes, too many for a list of hashes"):
        hashes.read_text(url, new_session(), Manners(), largest=99)


def test_a_connection_that_brings_bytes_is_not_given_up(web: ArchiveServer, tmp_path: Path) -> None:
    content = CONTENT * 20
    steps = 4

    def some_more(handler: server.Handler, whole: bytes) -> None:
        start = int(handler.headers.get("Range", "bytes=0-").removeprefix("bytes=").removesuffix("-"))
        piece = whole[start : start + GAIN + 200_000]
        rest = f"bytes {start}-{len(whole) - 1}/{len(whole)}"
        handler.reply(206 if start else 200, piece, length=len(whole) - start, Content_Range=rest)

    url = web.add("a.fits", content, *[some_more] * steps)
    assert take(tmp_path, Waits(), url, tries=2).taken == 1
    assert (tmp_path / "a.fits").read_bytes() == content
    assert len(web.asked("a.fits")) > 2


def test_a_server_that_falls_silent(web: ArchiveServer, tmp_path: Path) -> None:
    waits = Waits()
    url = web.add("a.fits", CONTENT, server.silence)
    assert take(tmp_path, waits, url, timeout=(5.0, 0.2)).taken == 1
    assert (tmp_path / "a.fits").read_bytes() == CONTENT
    assert waits == [2.0]


def test_a_server_that_cannot_be_reached_is_tried_for_one_file_only(tmp_path: Path) -> None:
    waits = Waits()
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"http://127.0.0.1:{free.getsockname()[1]}/"
    summary = take(tmp_path, waits, address + "a.fits", address + "b.fits", tries=3)
    assert [why for _, why in summary.failed] == [
        "the server cannot be reached (3 attempts)",
        "not tried: the server cannot be reached",
    ]
    assert len(waits) == 2


def test_redirect(web: ArchiveServer, tmp_path: Path) -> None:
    web.add("there/b.fits", CONTENT, server.cut(150_000))
    again = server.redirect("/there/b.fits")
    url = web.add("a.fits", b"", again, again)
    assert take(tmp_path, Waits(), url).taken == 1
    assert (tmp_path / "a.fits").read_bytes() == CONTENT
    assert "Range" in web.asked("there/b.fits")[1].headers


def test_a_page_to_log_in_is_no_spectrum(web: ArchiveServer, tmp_path: Path) -> None:
    url = web.add("a.fits", CONTENT, server.log_in)
    ((_, why),) = take(tmp_path, Waits(), url).failed
    assert "log in" in why
    assert not (tmp_path / "a.fits").exists()


def test_a_compressed_file_is_kept_as_it_is(web: ArchiveServer, tmp_path: Path) -> None:
    content = gzip.compress(CONTENT)
    url = web.add("a.txt.gz", content, server.compressed)
    assert take(tmp_path, Waits(), url).taken == 1
    assert (tmp_path / "a.txt.gz").read_bytes() == content


# Hashes


@pytest.mark.parametrize("times", [1, 2])
def test_a_wrong_hash(web: ArchiveServer, tmp_path: Path, times: int) -> None:
    url = web.add("a.fits", CONTENT, *[server.damaged] * times)
    web.add_hashes("all.sha256sum", "a.fits")
    summary = take(tmp_path, Waits(), url, hash_url=web.url + "all.sha256sum")
    if times == 1:
        assert (summary.taken, summary.checked) == (1, 1)
        assert (tmp_path / "a.fits").read_bytes() == CONTENT
    else:
        assert "does not have the published hash sha256:" in summary.failed[0][1]
        assert not (tmp_path / "a.fits").exists()
    assert len(web.asked("a.fits")) == 2
    assert leftovers(tmp_path) == set()


def test_hashes_found_in_a_listing(web: ArchiveServer, tmp_path: Path) -> None:
    url = web.add("stars/a.fits", CONTENT)
    web.add_hashes("stars/some name.sha1sum".replace(" ", "_"), "stars/a.fits", kind="sha1")
    summary = take(tmp_path, Waits(), url, hash_url=web.url + "stars/*.sha1sum")
    assert (summary.taken, summary.checked) == (1, 1)
    web.files["stars/a.fits"] = CONTENT[::-1]
    (tmp_path / "a.fits").write_bytes(b"")
    assert "published hash sha1:" in take(tmp_path, Waits(), url, hash_url=web.url + "stars/*.sha1sum").failed[0][1]


def test_without_a_file_of_hashes_a_file_is_taken_and_not_called_checked(web: ArchiveServer, tmp_path: Path) -> None:
    summary = take(tmp_path, Waits(), web.add("a.fits", CONTENT), hash_url=web.url + "none.sha256sum")
    assert (summary.taken, summary.checked) == (1, 0)
    assert "0 of 1 agree" in summary.sentence()


def test_check_finds_what_has_changed_on_disk(web: ArchiveServer, tmp_path: Path) -> None:
    url = web.add("a.fits", CONTENT)
    take(tmp_path, Waits(), url)
    (tmp_path / "a.fits").write_bytes(CONTENT[::-1])
    assert take(tmp_path, Waits(), url).there == 1
    assert take(tmp_path, Waits(), url, check=True).taken == 1
    assert (tmp_path / "a.fits").read_bytes() == CONTENT
    assert take(tmp_path, Waits(), url, check=True).there == 1


def test_lists_of_hashes() -> None:
    sha256, sha1, md5 = "A" * 64, "b" * 40, "c" * 32
    text = f"{sha256}  a.fits\n{sha1} *./b.fits\r\n{md5}  deep/c d.fits\n# nothing\n{'a' * 33}  e.fits\n\n"
    assert hashes.parse(text) == {
        "a.fits": "sha256:" + "a" * 64,
        "b.fits": f"sha1:{sha1}",
        "deep/c d.fits": f"md5:{md5}",
    }


# The folder of downloads


def test_one_fetch_at_a_time_in_a_folder(tmp_path: Path) -> None:
    with filelock.FileLock(tmp_path / ".fetch.lock"), pytest.raises(BadInput, match="another fetch is at work"):
        take(tmp_path, Waits(), "http://127.0.0.1:9/a.fits")


def test_a_folder_that_cannot_be_written(
    web: ArchiveServer, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").write_text("")
    code, _, err = run(capsys, "lamost", "--obsids", 1, "--mirror", web.url, "--out", tmp_path / "file/down")
    assert code == 2
    assert "cannot be written" in err


def test_a_ledger_that_was_cut_costs_only_another_look(web: ArchiveServer, tmp_path: Path) -> None:
    url = web.add("a.fits", CONTENT)
    take(tmp_path, Waits(), url)
    ledger = tmp_path / "fetched.jsonl"
    ledger.write_text(ledger.read_text()[:20] + "\n")
    assert take(tmp_path, Waits(), url).there == 1
    assert len(web.asked("a.fits")) == 1


def test_a_file_from_elsewhere_is_kept_if_it_is_whole(web: ArchiveServer, tmp_path: Path) -> None:
    for name, content in (("a.fits", CONTENT), ("b.fits", CONTENT[:-1])):
        web.add(name, CONTENT)
        (tmp_path / name).write_bytes(content)
    summary = take(tmp_path, Waits(), web.url + "a.fits", web.url + "b.fits")
    assert (summary.there, summary.taken) == (1, 1)
    assert (tmp_path / "b.fits").read_bytes() == CONTENT
    assert web.asked("a.fits") == []


def test_stopped_by_hand(
    web: ArchiveServer, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ctrl-C while the hash is computed costs nothing: the next call needs no byte of the file."""
    url = web.add(COADD, CONTENT)
    web.add_hashes(DESI_HASHES, COADD)
    command = ("desi", "--healpix", 10813, "--products", "coadd", "--mirror", web.url, "--out", tmp_path)

    def stop(*args: object, **options: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("pooch.core.hash_matches", stop)
        with pytest.raises(SystemExit) as stopped:
            run(capsys, *command)
    assert stopped.value.code == 130
    assert "give the command again" in capsys.readouterr().err
    assert len(web.asked(COADD)) == 1, url
    assert run(capsys, *command)[0] == 0
    assert (tmp_path / "desi" / COADD).read_bytes() == CONTENT
    assert len(web.asked(COADD)) == 1


def test_pooch_may_ask_whether_a_file_is_there(web: ArchiveServer, tmp_path: Path) -> None:
    with new_session() as session:
        downloader = ResumingDownloader(tmp_path / "a.part", session, Waits().manners())
        assert downloader(web.add("a.fits", CONTENT), "", None, check_only=True)
        assert not downloader(web.url + "b.fits", "", None, check_only=True)


# What is chosen


def urls(*arguments: str) -> list[str]:
    """Addresses that the survey's options choose."""
    command = cli.tyro.extras.subcommand_cli_from_dict(cli.COMMANDS, args=["fetch", *arguments]).survey
    return [r.url for r in command.files(archive(command.name()), Collector(Path("unused")))]


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (
            "desi --healpix 10813 --products coadd",
            "https://data.desi.lbl.gov/public/dr1/spectro/redux/iron/healpix/main/bright/108/10813/"
            "coadd-main-bright-10813.fits",
        ),
        (
            "desi --healpix 42 --survey special --program backup --products redrock",
            "https://data.desi.lbl.gov/public/dr1/spectro/redux/iron/healpix/special/backup/0/42/"
            "redrock-special-backup-42.fits",
        ),
        (
            "desi --healpix 10813 --products rvtab",
            "https://data.desi.lbl.gov/public/dr1/vac/dr1/mws/iron/v1.0/rv_output/240520/healpix/main/bright/108/"
            "10813/rvtab_coadd-main-bright-10813.fits",
        ),
        (
            "desi --catalogue-only",
            "https://data.desi.lbl.gov/public/dr1/vac/dr1/mws/iron/v1.0/mwsall-pix-iron.fits",
        ),
        (
            "apogee --stars apo25m/M53/2M13121982+1731016",
            "https://data.sdss.org/sas/dr17/apogee/spectro/redux/dr17/stars/apo25m/M53/"
            "apStar-dr17-2M13121982%2B1731016.fits",
        ),
        (
            "apogee --stars lco25m/293-37-C/2M03174068-7748459",
            "https://data.sdss.org/sas/dr17/apogee/spectro/redux/dr17/stars/lco25m/293-37-C/"
            "asStar-dr17-2M03174068-7748459.fits",
        ),
        (
            "apogee --stars lco25m/293-37-C/2M03174068-7748459 --products aspcapStar",
            "https://data.sdss.org/sas/dr17/apogee/spectro/aspcap/dr17/synspec_rev1/lco25m/293-37-C/"
            "aspcapStar-dr17-2M03174068-7748459.fits",
        ),
        (
            "apogee --catalogue-only --lite",
            "https://data.sdss.org/sas/dr17/apogee/spectro/aspcap/dr17/synspec_rev1/allStarLite-dr17-synspec_rev1.fits",
        ),
        (
            "sdss --spectra 1323-52797-12",
            "https://data.sdss.org/sas/dr17/sdss/spectro/redux/26/spectra/lite/1323/spec-1323-52797-0012.fits",
        ),
        (
            "sdss --spectra 7166-56602-536 --run2d v5_13_2",
            "https://data.sdss.org/sas/dr17/eboss/spectro/redux/v5_13_2/spectra/lite/7166/spec-7166-56602-0536.fits",
        ),
        ("lamost --obsids 8002245", "https://www.lamost.org/dr10/v2.0/spectrum/fits/8002245"),
    ],
)
def test_addresses_as_others_have_used_them(arguments: str, expected: str) -> None:
    """Addresses that public documents and programs of others give, letter by letter (+ may be %2B)."""
    assert urls(*arguments.split()) == [expected]


def test_bosz_addresses() -> None:
    found = urls("bosz", "--teff", "5000", "5000", "--logg", "3", "4.5", "--mh", "-0.3", "0")
    root = "https://archive.stsci.edu/hlsps/bosz/bosz2024/"
    assert found[0] == root + "wavelength_grids/bosz2024_wave_r20000.txt"
    assert len(found) == 1 + 4 * 2
    assert root + "r20000/m%2B0.00/bosz2024_mp_t5000_g%2B4.5_m%2B0.00_a%2B0.00_c%2B0.00_v2_r20000_resam.txt.gz" in found
    assert root + "r20000/m-0.25/bosz2024_ms_t5000_g%2B3.0_m-0.25_a%2B0.00_c%2B0.00_v2_r20000_resam.txt.gz" in found


def test_bosz_grid_has_the_published_extent() -> None:
    nodes = select.bosz_nodes((0, 1e5), (-9, 9))
    assert len(nodes) == len(set(nodes))
    at = {t: [g for _, u, g in nodes if u == t] for t in (2800, 4500, 5000, 5500, 7000, 7250, 16000)}
    assert {t: (min(g), max(g)) for t, g in at.items()} == {
        2800: (-0.5, 5.5),
        4500: (-0.5, 5.0),
        5000: (0.0, 5.0),
        5500: (0.5, 5.0),
        7000: (1.0, 5.0),
        7250: (2.0, 5.0),
        16000: (3.0, 5.0),
    }
    assert {f for f, t, g in nodes if t <= 8000 and g < 3.5} == {"ms"}
    assert {f for f, t, g in nodes if t <= 8000 and g >= 3.5} == {"mp"}
    assert {f for f, t, _ in nodes if t > 8000} == {"ap"}


def test_holes_of_the_grid_are_no_failure_but_no_model_at_all_is(
    web: ArchiveServer, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    web.add("wavelength_grids/bosz2024_wave_r500.txt", b"500\n")
    model = "r500/m+0.00/bosz2024_mp_t5000_g+4.0_m+0.00_a+0.00_c+0.00_v2_r500_resam.txt.gz"
    chosen = ("--resolution", 500, "--teff", 5000, 5000, "--logg", 4, 4.5, "--mh", 0, 0)
    command = ("bosz", *chosen, "--mirror", web.url, "--out", tmp_path)
    code, _, err = run(capsys, *command)
    assert code == 2
    assert "none of these models" in err
    web.add(model, gzip.compress(b"1 1\n"))
    code, out, _ = run(capsys, *command)
    assert code == 0
    assert "1 files taken" in out
    assert "1 are not in the archive's grid" in out


@pytest.fixture
def catalogues(tmp_path: Path) -> dict[str, Path]:
    """Small catalogues with the columns of DESI's and APOGEE's."""
    paths = {name: tmp_path / f"{name}.fits" for name in ("mwsall", "tilepix", "allstar")}
    pixels = [7, 8, 8, 9, 9, 9, 5]
    programs = ["bright"] * 6 + ["backup"]
    table = Table({"SURVEY": ["main"] * 7, "PROGRAM": programs, "HEALPIX": np.array(pixels, "i4")})
    for name, extension in (("mwsall", "RVTAB"), ("tilepix", "TILEPIX")):
        table.meta["EXTNAME"] = extension
        table.write(paths[name])
    Table(
        {
            "TELESCOPE": ["apo25m", "apo25m", "lco25m"],
            "FIELD": ["M53             ", "M53", "M15"],
            "APOGEE_ID": ["2M1", "2M2", "2M3"],
        }
    ).write(paths["allstar"])
    return paths


def test_healpixels_with_most_stars(catalogues: dict[str, Path]) -> None:
    chosen = urls("desi", "--richest", "2", "--from-catalogue", str(catalogues["mwsall"]), "--products", "coadd")
    assert [u.rpartition("-")[2] for u in chosen] == ["9.fits", "8.fits"]


def test_every_healpixel_of_a_program(
    web: ArchiveServer, tmp_path: Path, catalogues: dict[str, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    web.add("spectro/redux/iron/healpix/tilepix.fits", catalogues["tilepix"].read_bytes())
    command = ("desi", "--all", "--products", "redrock", "--mirror", web.url, "--out", tmp_path / "d", "--dry-run")
    code, out, _ = run(capsys, *command)
    assert code == 0
    assert "3 files to take" in out
    assert "redrock-main-bright-7.fits" in out
    code, _, err = run(capsys, *command, "--program", "other")
    assert (code, "--survey main has no healpixel of --program other; give another." in err) == (2, True)
    code, _, err = run(capsys, *command[:4], "--mirror", f"{web.url}nowhere/", "--out", tmp_path / "e", "--dry-run")
    assert code == 2
    assert "--all: the list of healpixels" in err
    assert "cannot be had" in err


def test_stars_and_fields_of_apogee(catalogues: dict[str, Path]) -> None:
    allstar = ("--from-catalogue", str(catalogues["allstar"]))
    assert [u.rpartition("/")[2] for u in urls("apogee", "--fields", "apo25m/M53", *allstar)] == [
        "apStar-dr17-2M1.fits",
        "apStar-dr17-2M2.fits",
    ]
    assert urls("apogee", "--stars", "2M3", *allstar) == urls("apogee", "--stars", "lco25m/M15/2M3")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ("desi", "give one of --healpix"),
        ("desi --healpix 1 --all", "give one of --healpix"),
        ("desi --healpix 49152", "no healpixel of NSIDE 64"),
        ("desi --richest 3", "needs --from-catalogue"),
        ("desi --richest 3 --from-catalogue {mwsall} --program dark", "no star of main dark"),
        ("desi --richest 3 --from-catalogue {allstar}", "cannot be read"),
        ("desi --richest 3 --from-catalogue nowhere.fits", "is not there"),
        ("apogee", "give --stars or --fields"),
        ("apogee --stars 2M1", "TELESCOPE/FIELD/ID"),
        ("apogee --fields apo25m/M53", "--from-catalogue"),
        ("apogee --stars 2M9 --from-catalogue {allstar}", "has no 2M9"),
        ("apogee --fields apo25m/M99 --from-catalogue {allstar}", "has no apo25m/M99"),
        ("sdss", "give --spectra"),
        ("sdss --spectra 12", "PLATE-MJD-FIBER"),
        ("sdss --spectra 1-52797-1 --run2d 5", "--run2d 5"),
        ("bosz --teff 5000 4000", "--teff 5000 4000 is an empty range"),
        ("bosz --teff 1000 2000", "no model lies inside"),
        ("bosz --alpha 0.1", "--alpha 0.1"),
        ("lamost", "give --obsids"),
        ("lamost --obsids -3", "--obsids -3 is negative"),
        ("lamost --obsids 3 --mirror ftp://there", "--mirror ftp://there is no address"),
    ],
)
def test_what_cannot_be_meant(
    arguments: str, words: str, catalogues: dict[str, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    code, out, err = run(capsys, *arguments.format(**catalogues).split(), "--dry-run")
    assert (code, out) == (2, "")
    assert err.startswith("error: ")
    assert words in err
    assert err.count("\n") == 1


def test_commands_of_the_document_exist() -> None:
    """Each ``python -m model`` of docs/desi.md is understood, and chooses something if it is a fetch."""
    text = (Path(__file__).parent.parent / "docs/desi.md").read_text()
    blocks = "\n".join(re.findall(r"```sh\n(.*?)```", text, re.DOTALL))
    commands = [shlex.split(line, comments=True) for line in blocks.splitlines() if "-m model" in line]
    assert {c[3] for c in commands} >= {"fetch", "ingest", "transfer"}
    for command in commands:
        parsed = cli.tyro.extras.subcommand_cli_from_dict(cli.COMMANDS, args=command[3:])
        if command[3] == "fetch" and not {"--all", "--richest"} & set(command):
            assert urls(*command[4:])
        assert callable(parsed.run)


def test_every_archive_says_whose_it_is() -> None:
    assert archives.archives() == ("desi", "apogee", "sdss", "bosz", "lamost")
    for name in archives.archives():
        entry = archive(name)
        assert entry.base.startswith("https://")
        assert entry.base.endswith("/")
        assert entry.documentation.startswith("https://")
        assert entry.licence
        assert entry.credit
        assert entry.sources
        for product in entry.products.values():
            assert product.megabytes > 0
            assert product.what


def test_sizes_in_words() -> None:
    assert [size(n) for n in (0, 999, 1500, 13_051_186_560, 2e13)] == [
        "0 bytes",
        "999 bytes",
        "1.5 kB",
        "13.1 GB",
        "20.0 TB",
    ]
