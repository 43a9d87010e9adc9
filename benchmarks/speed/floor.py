"""The least that could be done with the reads: read them once, and look every k-mer up once.

    python -m benchmarks.speed.floor FLOOR.json R1.fastq R2.fastq

CPU seconds of one thread: the reads taken apart into batches, and each of their k-mers looked
up in the graph of the solid ones, as threading does. How far a command is from their sum says
what is left to gain in it.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path

import numba
import numpy as np

from dbgclean.evidence.cutoffs import choose_cutoffs
from dbgclean.evidence.gather import build_graph
from dbgclean.evidence.lookup import Nodes, unowned_nodes
from dbgclean.evidence.runs import look_up
from dbgclean.evidence.unowned import unowned
from dbgclean.log import Progress
from dbgclean.pipeline.passes import Options, count, open_run

__all__ = ["floor", "main"]


@numba.njit(nogil=True)
def _look_up_all(
    codes: np.ndarray, offsets: np.ndarray, nodes: Nodes, k: np.int64, payloads: np.ndarray
) -> None:
    graph, room = unowned_nodes(nodes), unowned(payloads)
    for read in range(len(offsets) - 1):
        stretch = codes[offsets[read] : offsets[read + 1]]
        look_up(stretch, len(stretch), graph, k, room)


def floor(files: list[str]) -> dict[str, float]:
    """CPU seconds of ``reading`` and of ``look_ups``, and the ``bases`` of the reads."""
    with Progress(quiet=True) as progress:
        inputs = open_run(files, Options(corrector="nearest"), progress)
        counted = count(inputs)
        spectrum = counted.threading_spectrum
        cutoffs = choose_cutoffs(spectrum, counted.rarest)
        graph = build_graph(counted.table, spectrum, 1, cutoffs)
        k, bases, look_ups = np.int64(graph.k), 0, 0.0
        # Compiled on nothing, before the clock is looked at.
        none = np.zeros(0, np.uint64)
        _look_up_all(np.zeros(0, np.uint8), np.zeros(1, np.int64), graph.nodes, k, none)
        begun = time.process_time()
        for _, _, batch in inputs.batches("Reading"):
            room = np.zeros(int(np.diff(batch.offsets).max(initial=1)), np.uint64)
            clock = time.thread_time()
            _look_up_all(batch.codes, batch.offsets, graph.nodes, k, room)
            look_ups += time.thread_time() - clock
            bases += len(batch.codes)
        reading = time.process_time() - begun - look_ups
    return {"reading": round(reading, 3), "look_ups": round(look_ups, 3), "bases": bases}


def main(argv: list[str] | None = None) -> int:
    """Measure, and write the figures as JSON."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.speed.floor")
    parser.add_argument("json", type=Path)
    parser.add_argument("reads", nargs="+")
    args = parser.parse_args(argv)
    args.json.write_text(json.dumps(floor(args.reads)) + "\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
