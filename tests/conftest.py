"""What every test shares: threads, runtime type checks, one browser."""

import os
import shutil
import tempfile
from collections.abc import Iterator

import pytest
from beartype import BeartypeConf
from beartype.claw import beartype_package
from jaxtyping import install_import_hook

# Before torch and numpy are imported. With pytest-xdist each worker gets its share.
THREADS = str(max(1, 2 // int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))))
for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[name] = THREADS

# Annotations are checked at each call while testing; an int will do for a float, as mypy has it. (jaxtyping's hook
# doubles the time of a build, and the builder has no tensors.)
install_import_hook("model", "typecheck.typecheck")
beartype_package("site_builder", conf=BeartypeConf(is_pep484_tower=True, claw_is_pep526=False))

# What a build keeps for the next one stays out of the user's folder.
os.environ["SPECVIT_CACHE"] = os.path.join(tempfile.gettempdir(), f"specvit-test-cache-{os.getpid()}")

CHROMIUM = ("chromium", "chromium-browser", "google-chrome")


@pytest.fixture(scope="session")
def chromium_path() -> str | None:
    """The system's Chromium, or None for the one that playwright installed."""
    return next(filter(None, map(shutil.which, CHROMIUM)), None)


@pytest.fixture(scope="session")
def browser(chromium_path: str | None) -> Iterator[object]:
    """One Chromium for the whole session (playwright's synchronous interface)."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium_path)
        yield browser
        browser.close()
