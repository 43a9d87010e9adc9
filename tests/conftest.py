"""Fixtures that tests of several modules share."""

import os
from pathlib import Path

import pytest
from hypothesis import settings

# First calls compile kernels, and other work may share the machine: no deadline per example.
settings.register_profile("dbgclean", deadline=None)
settings.load_profile("dbgclean")


@pytest.fixture(scope="session")
def shared_data():
    """Folder of real data beside the project; the test is skipped where it is absent."""
    beside = Path(__file__).resolve().parents[2] / "shared" / "data"
    folder = Path(os.environ.get("DBGCLEAN_DATA", beside))
    if not folder.is_dir():
        pytest.skip(f"no real data in {folder}; set DBGCLEAN_DATA")
    return folder
