"""Every figure that the project quotes comes from here: see README.md in this folder."""

import os
from pathlib import Path

DATA = Path(os.environ.get("DBGCLEAN_DATA", "../shared/data"))
"""Genomes and reads that several benchmarks take."""
