"""What each step takes of one core, from the package's own functions on whole K-12.

The steps are not run as such: blocks are counted apart and merged through files, and the rest is
`dbgclean.pipeline.passes` on all reads, with the step switched where one ends and the next begins.
Input and output are BGZF, as between the steps of a cluster.
"""

from __future__ import annotations

import gzip
import pickle
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import asdict
from itertools import islice
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np

from benchmarks.scale.meter import Meter
from dbgclean.evidence import gather, solid
from dbgclean.evidence.cutoffs import CORRECTION_K
from dbgclean.log import Progress
from dbgclean.pipeline import engines, passes
from dbgclean.pipeline.options import Options
from dbgclean.reads import iter_batches, open_writer, plan_inputs
from dbgclean.spectrum.counting import PARTITION_BITS, KmerCounter
from dbgclean.spectrum.partition import Partition, Settled
from dbgclean.spectrum.tally import Tally

__all__ = ["measure_steps", "measured"]

_COPIED = 1 << 22
_WARMING_READS = 20_000
_LINES = 4


def _compressed(source: Path, target: Path, reads: int | None = None) -> Path:
    """The file, or its first reads, as a sequencer's software would leave it."""
    with source.open("rb") as lines, gzip.open(target, "wb", compresslevel=1) as out:
        out.writelines(islice(lines, None if reads is None else _LINES * reads))
    return target


def measured(files: list[Path], folder: Path, blocks: int) -> dict[str, Any]:
    """Kernels are loaded on a few of the reads, then the steps are measured on all of them."""
    for reads in (_WARMING_READS, None):
        inside = folder / ("all" if reads is None else "few")
        inside.mkdir()
        given = [
            _compressed(path, inside / f"given_{mate}.fastq.gz", reads)
            for mate, path in enumerate(files, 1)
        ]
        found = measure_steps(given, inside, blocks)
        shutil.rmtree(inside)
    return found


def measure_steps(files: list[Path], folder: Path, blocks: int) -> dict[str, Any]:
    """Go through all steps on one core; what each took, and of how much.

    Parameters
    ----------
    files
        R1 and R2, compressed as they come from a sequencer.
    folder
        Empty; holds what the steps leave to each other.
    blocks
        Of reads, that are counted apart.
    """
    meter, sizes = Meter(), dict[str, int]()
    blocked = _plan(files, folder, meter)
    found = _count(blocked, folder, blocks, meter, sizes)
    _merge(found, folder, meter, sizes)
    corrected = _rest(blocked, folder, meter, sizes)
    _join(corrected, folder, meter)
    meter.switch("other")
    steps = {name: asdict(took) for name, took in meter.steps.items()}
    return {"blocks": blocks, "sizes": sizes, "steps": steps}


def _plan(files: list[Path], folder: Path, meter: Meter) -> list[Path]:
    """Write the reads as BGZF, which can be cut into blocks."""
    (group,) = plan_inputs([str(path) for path in files])
    blocked = [folder / f"blocked_{mate}.fastq.gz" for mate in range(1, len(files) + 1)]
    with meter.at("plan") as took:
        with open_writer(group, blocked) as writer:
            for batch in iter_batches(group, threads=1):
                writer.write(batch)
        took.nbytes = _on_disk(blocked)
    return blocked


class _Block(KmerCounter):
    """The k-mers of one block, handed out as they are kept, by partition."""

    def settled(self) -> list[Settled]:
        self._flush()
        pieces = [self._settled(partition) for partition in range(1 << PARTITION_BITS)]
        self._close()
        return pieces


def _count(
    files: list[Path], folder: Path, blocks: int, meter: Meter, sizes: dict[str, int]
) -> list[list[tuple[int, int]]]:
    """Count each block and write it; for each, words and rows by partition."""
    (group,) = plan_inputs([str(path) for path in files])
    batches = list(iter_batches(group, threads=1))  # to know how many there are
    sizes["bases"] = sum(len(batch.codes) for batch in batches)
    sizes["reads"] = sum(len(batch) for batch in batches)
    ends = np.linspace(0, len(batches), blocks + 1).round().astype(int)[1:]
    del batches
    found = []
    with meter.at("count") as took:
        counter = _Block(CORRECTION_K, min_count=2)
        for number, batch in enumerate(iter_batches(group, threads=1), 1):
            counter.add(batch)
            if number in ends:
                sizes["kmers"] = sizes.get("kmers", 0) + counter.statistics.kmers
                pieces = counter.settled()
                path = folder / f"block_{len(found)}"
                with path.open("wb") as file:
                    for piece in pieces:
                        for array in piece:
                            array.tofile(file)
                took.nbytes += path.stat().st_size
                found.append([(len(piece.singles), len(piece.keys)) for piece in pieces])
                counter = _Block(CORRECTION_K, min_count=2)
    words, rows = np.sum([list(map(sum, zip(*block, strict=True))) for block in found], 0)
    sizes["block_words"], sizes["block_rows"] = int(words), int(rows)
    return found


def _read_piece(path: Path, places: list[tuple[int, int]], partition: int) -> Settled:
    before = sum(8 * words + 20 * rows for words, rows in places[:partition])
    words, rows = places[partition]
    with path.open("rb") as file:
        file.seek(before)
        singles, keys = (np.fromfile(file, np.uint64, n) for n in (words, rows))
        return Settled(singles, keys, np.fromfile(file, np.uint32, 3 * rows).reshape(3, -1))


def _merge(
    found: list[list[tuple[int, int]]], folder: Path, meter: Meter, sizes: dict[str, int]
) -> None:
    """Merge each partition over all blocks, and write what was seen twice."""
    tally, target = Tally(), folder / "partition"
    with meter.at("merge") as took:
        for number in range(1 << PARTITION_BITS):
            partition = Partition()
            partition.give(
                [
                    _read_piece(folder / f"block_{at}", block, number)
                    for at, block in enumerate(found)
                ]
            )
            merged = partition.take()
            tally += Tally.of(merged)
            with target.open("wb") as file:
                merged.keys.tofile(file)
                merged.values.tofile(file)
            took.nbytes += target.stat().st_size
    sizes["distinct"], sizes["twice"] = tally.distinct, took.nbytes // 20


def _rest(files: list[Path], folder: Path, meter: Meter, sizes: dict[str, int]) -> list[Path]:
    """Everything behind the counting, in one process."""
    options, outputs = Options(threads=1), [folder / f"out_{mate}.fastq.gz" for mate in (1, 2)]
    with Progress(quiet=True) as progress, ExitStack() as stack:
        counted = passes.count(passes.open_run([str(path) for path in files], options, progress))
        for owner, name, wrapped in _switches(meter, folder):
            stack.enter_context(patch.object(owner, name, wrapped))
        with meter.at("judge") as took:
            judged = passes.judge(counted, [options.corrector])
            took.nbytes = len(pickle.dumps(judged.chosen.verdicts, pickle.HIGHEST_PROTOCOL))
        del counted
        assert judged.evidence is not None
        sizes["edits"] = len(judged.evidence.edits)
        sizes["alternatives"] = len(judged.evidence.alternatives)
        out = passes.ReadOutputs([[str(path) for path in outputs]])
        with meter.at("write") as took:
            with passes.reads_out(judged.groups, out, options) as sink:
                passes.rewrite(judged, sink)
            took.nbytes = _on_disk(outputs)
    return outputs


def _switches(meter: Meter, folder: Path) -> Iterator[tuple[Any, str, Callable[..., Any]]]:
    """(module, name, function): where the steps of the second pass begin and end."""
    build, pool, spans = gather.build_graph, gather.Gathered.pool, solid.in_spans
    over = engines.Engine.over

    def building(*args: Any) -> Any:
        with meter.at("solid") as took:
            graph = build(*args)
            arrays = [*graph.nodes, graph.reverse]
            took.nbytes = sum(array.nbytes for array in arrays)
            for number, array in enumerate(arrays):
                np.save(folder / f"solid_{number}.npy", array)
            return graph

    def in_parallel(*args: Any) -> Any:
        begun = time.process_time()
        done = spans(*args)
        meter["solid, by spans"].cpu += time.process_time() - begun  # within that of "solid"
        return done

    def pooling(*args: Any, **more: Any) -> Any:
        with meter.at("pool"):
            return pool(*args, **more)

    def passing(*given: Any) -> Iterator[Any]:
        step = given[2]
        if step not in ("thread", "compare"):
            yield from over(*given)
            return
        with meter.at(step) as took, (folder / step).open("wb") as file:
            for part in over(*given):
                pickle.dump(part, file, pickle.HIGHEST_PROTOCOL)
                yield part
            took.nbytes = file.tell()
        if step == "compare":  # what pooling still does then is for the judge
            meter.switch("judge")

    yield passes, "build_graph", building
    yield solid, "in_spans", in_parallel
    yield engines.Engine, "over", passing
    yield gather.Gathered, "pool", pooling


def _join(files: list[Path], folder: Path, meter: Meter) -> None:
    """BGZF files one after another are a BGZF file."""
    with meter.at("join") as took:
        for path in files:
            with path.open("rb") as block, (folder / "joined").open("ab") as out:
                shutil.copyfileobj(block, out, _COPIED)
        took.nbytes = _on_disk(files)


def _on_disk(files: list[Path]) -> int:
    return sum(path.stat().st_size for path in files)
