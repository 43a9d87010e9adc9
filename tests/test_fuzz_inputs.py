"""Forty damaged files, of every format in turn (`fuzz_inputs.py`), in a process of their own."""

import subprocess
import sys
from pathlib import Path

import pytest


@pytest.mark.timeout(600)
def test_damaged_files_of_every_format():
    """In a fresh interpreter: it forks, which threads of other tests would not survive."""
    script = Path(__file__).with_name("fuzz_inputs.py")
    argv = [sys.executable, str(script), "--mutations", "40", "--seed", "7"]
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr[-3000:]
    assert "40 mutations, 0 failures" in done.stdout
