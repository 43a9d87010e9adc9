"""Kernels compiled side by side on the first run after an install.

The search that threads reads takes longer to compile than everything before it. Where
it is not in the cache yet, a second process compiles it while this one counts; what it
has put into the cache is loaded from there. Then each goes on with a part of what comes
behind the search, and of what makes graphs: of equal size, for either waits for the other.
"""

from __future__ import annotations

import atexit
import logging
import os
import subprocess
import sys
from pathlib import Path
from threading import Thread

import numpy as np

from dbgclean._memory import allowed_cpus
from dbgclean._temporary import temporary_folder
from dbgclean.evidence.alternatives import Alternatives, pool_edits
from dbgclean.evidence.changes import OtherChanges, other_changes
from dbgclean.evidence.edits import N_QUALITIES, Edits, collect_edits, quality_profile
from dbgclean.evidence.explanations import explain
from dbgclean.evidence.gap_alternatives import collect_gaps, pool
from dbgclean.evidence.lookup import no_nodes
from dbgclean.evidence.off_path import Stretches
from dbgclean.evidence.planting import Facts, Planter
from dbgclean.evidence.sites import Sites
from dbgclean.evidence.solid import SolidGraph
from dbgclean.evidence.threading import Threads, kernels_are_cached, thread_batch
from dbgclean.pipeline.counts import Counting
from dbgclean.pipeline.options import Options
from dbgclean.reads import InputGroup, open_writer
from dbgclean.reads.batch import ReadBatch, encode_bases
from dbgclean.spectrum.kmers import canonical_kmers
from dbgclean.spectrum.table import KmerTable

__all__ = ["Compiling", "start_compiling"]

logger = logging.getLogger(__name__)

_K = 11


class Compiling:
    """The second process; `finish_threading` before reads are threaded, `finish` before graphs.

    Whatever goes wrong there only means that this process compiles for itself.

    Parameters
    ----------
    graph : bool
        Go on with the kernels of the graph.
    """

    def __init__(self, graph: bool) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-c", f"from {__name__} import compile_all as c; c({graph})"],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        atexit.register(self._stop)

    def finish_threading(self) -> None:
        """Compile what follows threading, then wait for what comes first over there."""
        if self._process.poll() is None:
            compile_pooling()
        assert self._process.stdout is not None
        self._process.stdout.readline()

    def finish(self) -> None:
        """Compile what writes graphs, then wait for the other process to end."""
        assert self._process.stdout is not None
        if self._process.poll() is None and self._process.stdout.readline():
            compile_graph_files()
        self._process.wait()  # before its standard input is closed, which would end it
        self._process.communicate()
        atexit.unregister(self._stop)

    def _stop(self) -> None:
        """End the process: nobody waits for it any more."""
        self._process.kill()
        self._process.communicate()


def start_compiling(*, graph: bool = False) -> Compiling | None:
    """Start on the kernels of threading where they have to be compiled and a core is free."""
    if allowed_cpus() < 2 or os.environ.get("NUMBA_DISABLE_JIT") or kernels_are_cached():
        return None
    logger.debug("first run: compiling kernels in a second process")
    try:
        return Compiling(graph)
    except OSError:
        return None


def compile_all(graph: bool) -> None:
    """What the second process does; says when all is ready that reads need, then when
    graphs can be compacted.

    It ends with the first one, however that ends: its standard input is then closed.
    """
    Thread(target=_end_with_parent, daemon=True).start()
    compile_threading()
    compile_planting()
    print("ready", flush=True)
    if graph:
        compile_compaction()
        print("compacted", flush=True)
        compile_graph()


def _end_with_parent() -> None:
    sys.stdin.buffer.read()
    os._exit(1)


def _toy_reads() -> ReadBatch:
    """Two reads of a mate pair."""
    bases = np.frombuffer(bytearray(b"ACGGTCATTGCAACGT" * 6), np.uint8)
    n = len(bases) // 2
    return ReadBatch(
        bases, encode_bases(bases), np.full(2 * n, 30, np.uint8), np.array([0, n, 2 * n]),
        ["a", "a"], 0, True,
    )  # fmt: skip


def _toy_table(batch: ReadBatch) -> KmerTable:
    codes = batch.codes.astype(np.uint64)
    n = len(codes) - _K + 1
    kmers = np.zeros(n, np.uint64)
    for i in range(_K):
        kmers = kmers * np.uint64(4) + codes[i : i + n]
    keys, counts = np.unique(canonical_kmers(kmers, _K), return_counts=True)
    columns = [counts.astype(np.uint32) for _ in range(3)]
    return KmerTable(_K, keys, *columns)


def compile_counting() -> None:
    """Compile what counts reads."""
    for _ in Counting(Options(), {_K: 2}, _K).over([(0, _toy_reads())], 1):
        pass


def compile_threading() -> None:
    """Compile the solid graph and the search."""
    batch = _toy_reads()
    thread_batch(batch, SolidGraph.build(_toy_table(batch), 2, 2))


def compile_pooling() -> None:
    """Compile what comes after the search."""
    batch = _toy_reads()
    n = len(batch.codes)
    path = batch.codes.copy()
    path[n // 4] ^= 1
    threads = Threads(path, np.ones(n, np.uint8), np.zeros((0, 3), np.int64), np.ones(2, np.uint8))
    graph = SolidGraph(_K, no_nodes(), 2, 2)
    edits = collect_edits(batch, threads, graph)
    profile = quality_profile(batch, threads)
    pool(collect_gaps(batch, threads, graph, 0, other_changes(batch, threads, 0))[0], profile, 1, 9)
    pooled = pool_edits(edits, profile, _toy_table(batch), float(n // 2))
    sites = Sites(pooled.key, pooled.depth.sum(1))
    seen = sites.read([(0, batch)])
    rows = np.arange(len(pooled))
    explain(
        pooled, edits, rows, sites, seen, genome_size=1e3, read_length=float(n // 2), paired=True
    )


def compile_planting() -> None:
    """Compile what plants alleles, and what writes reads."""
    batch = _toy_reads()
    none = np.zeros(0, np.int64)
    alternatives = Alternatives.empty(0, none, np.zeros((4, 4, N_QUALITIES)))
    facts = Facts(np.zeros((4, N_QUALITIES), np.int64), 48.0, 30.0, 1.0, 1e3, True)
    planter = Planter(SolidGraph(_K, no_nodes(), 2, 2), alternatives, Edits.empty(), facts, 1)
    planter.planting(0, batch)
    with temporary_folder() as folder:
        names = tuple(str(Path(folder) / f"{mate}.fq") for mate in (1, 2))
        with open_writer(InputGroup(names, "paired", "fastq"), [f"{n}.out" for n in names]) as out:
            out.write(batch)


def compile_compaction() -> None:
    """Compile what rewritten reads are counted by, and graphs made of them with."""
    from dbgclean.correct.off_path import off_path_pieces
    from dbgclean.graph.compaction import compact

    batch = _toy_reads()
    table = _toy_table(batch)
    changes = OtherChanges.concatenate([])
    off_path_pieces(Stretches.empty(), changes, batch, batch.offsets, batch.codes, 0, _K)
    table.combine(table)
    compact(table.keys, table.counts, table.k, 1)


def compile_graph() -> None:
    """Compile what graphs are measured and cleaned with."""
    from dbgclean.graph.ambiguity import ambiguity
    from dbgclean.graph.cleaning import classical_clean
    from dbgclean.graph.compaction import compact_rows, outline

    table = _toy_table(_toy_reads())
    given = table.keys, table.counts, table.k
    compacted = compact_rows(*given, 1)
    ambiguity(compacted[0])
    classical_clean(*given, 1, compacted=compacted)
    ambiguity(outline(*given, 1))


def compile_graph_files() -> None:
    """Compile what graphs and k-mers are written with."""
    from dbgclean.graph.compaction import compact
    from dbgclean.graph.gfa import write_gfa
    from dbgclean.graph.unitig_fasta import write_unitigs
    from dbgclean.spectrum.formats import write_kmer_fasta

    table = _toy_table(_toy_reads())
    given = table.keys, table.counts, table.k
    graph = compact(*given, 1)
    with temporary_folder() as folder:
        write_gfa(Path(folder) / "a.gfa", graph)
        write_unitigs(Path(folder) / "a.fa", graph)
        write_kmer_fasta(Path(folder) / "b.fa.gz", *given)
