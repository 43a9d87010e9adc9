"""What a corrector did to simulated reads, base by base and k-mer by k-mer.

Base level, after Yang et al. 2013 (doi:10.1093/bib/bbs015): an error base that became the
true one is a true positive, one that did not (another wrong base, N, cut off, read dropped)
a false negative, a true base that became another one a false positive, as is an inserted
base. A true base that became N, or was cut off an end, is no base the reader would trust
wrongly: it is counted by itself, as *masked* or *trimmed*, and ``gain_masked`` is the gain
with both taken as false positives. Reads with a simulated indel have no base-for-base truth
and are scored by their k-mers only.

A corrected read of its raw length is compared column by column. One of another length, or
with four false positives and more (a base deleted here and inserted there), is aligned to
its truth by unit edit costs, the truth's ends free.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numba
import numpy as np

from benchmarks.accuracy.samples import Sample
from benchmarks.harness.ours import K, batches_of
from benchmarks.simulators.simulate import ADAPTER, CHIMERA, INDEL
from dbgclean.pipeline.rewriting import Written
from dbgclean.reads import ReadBatch
from dbgclean.report.cost import truth_cost
from dbgclean.spectrum.counting import KmerCounter
from dbgclean.spectrum.table import KmerTable

__all__ = ["BaseScore", "Both", "Scorer", "kmer_score", "rows_of", "score_files"]

# Columns of the tally that the kernels fill.
_COLUMNS = 9
TP, FP, FN, MASKED, MASKED_ERRORS, TRIMMED, ALIGNED, REF_DESTROYED, ALT_DESTROYED = range(_COLUMNS)
_ALIGN_FROM = 4


@dataclass
class BaseScore:
    """Counts over bases of reads without simulated indels; see the module for what is what.

    ``masked_errors`` are among ``fn``. ``alleles`` is the number of read bases at allele
    sites that show either allele truly, ``destroyed`` how many of them became the other
    allele; the same with ``alt`` for the alternative ones only.
    """

    bases: int = 0
    errors: int = 0
    tp: int = 0
    fp: int = 0
    fn: int = 0
    masked: int = 0
    masked_errors: int = 0
    trimmed: int = 0
    reads: int = 0
    reads_dropped: int = 0
    reads_aligned: int = 0
    reads_with_indels: int = 0
    alleles: int = 0
    destroyed: int = 0
    alt_alleles: int = 0
    alt_destroyed: int = 0
    unknown_names: int = 0
    repeat_fp: int = 0
    repeat_fn: int = 0

    @property
    def gain(self) -> float:
        """(TP - FP) / (TP + FN)."""
        return (self.tp - self.fp) / max(self.errors, 1)

    def to_dict(self) -> dict[str, Any]:
        """Counts and what follows of them, for the results file."""
        errors = max(self.errors, 1)
        counts = asdict(self)
        if not self.alleles:
            counts = {k: v for k, v in counts.items() if k not in _ALLELES}
        else:
            counts["destroyed_share"] = self.destroyed / self.alleles
            counts["alt_destroyed_share"] = self.alt_destroyed / max(self.alt_alleles, 1)
        return {
            "gain": self.gain,
            "gain_masked": (self.tp - self.fp - self.masked - self.trimmed) / errors,
            "sensitivity": self.tp / errors,
            "precision": self.tp / max(self.tp + self.fp, 1),
            "fp_per_mb": 1e6 * self.fp / max(self.bases, 1),
            **counts,
        }


_ALLELES = ("alleles", "destroyed", "alt_alleles", "alt_destroyed")


@dataclass
class Scorer:
    """Scores corrected reads against their sample, batch by batch.

    Attributes
    ----------
    sample : Sample
    per_read : int32 (n, 9)
        The tally of each read, zero where it did not come; for a look at what is left.
    seen : bool (n,)
    left : list of (int, uint8 codes)
        Row and corrected bases of reads that still differ from their truth.
    """

    sample: Sample
    per_read: np.ndarray = field(init=False)
    seen: np.ndarray = field(init=False)
    left: list[tuple[int, np.ndarray]] = field(default_factory=list)
    unknown: int = 0

    def __post_init__(self) -> None:
        n = len(self.sample.codes)
        self.per_read = np.zeros((n, _COLUMNS), np.int32)
        self.seen = np.zeros(n, bool)

    def add(self, codes: np.ndarray, offsets: np.ndarray, rows: np.ndarray) -> None:
        """Score corrected reads.

        Parameters
        ----------
        codes : uint8 (bases,)
            0 to 4, the reads back to back.
        offsets : int64 (reads + 1,)
        rows : int64 (reads,)
            Row of each in the sample; -1 for a read that is none of its.
        """
        sample = self.sample
        known = rows >= 0
        self.unknown += int((~known).sum())
        self.seen[rows[known]] = True
        other = sample.other_allele
        if other is None:
            other = np.zeros((0, sample.codes.shape[1]), np.uint8)
        _score_reads(codes, offsets, rows, sample.codes, sample.truth, other, self.per_read)
        differ = known & (self.per_read[rows][:, [FP, FN, MASKED, TRIMMED]].any(axis=1))
        for read in np.flatnonzero(differ):
            self.left.append((int(rows[read]), codes[offsets[read] : offsets[read + 1]].copy()))

    def save_left(self, path: Path) -> None:
        """Write ``left`` as an archive of arrays: row, offsets, codes."""
        codes = [read for _, read in self.left]
        np.savez_compressed(
            path,
            row=np.array([row for row, _ in self.left], np.int64),
            offsets=np.cumsum([0, *map(len, codes)]),
            codes=np.concatenate([np.zeros(0, np.uint8), *codes]),
        )

    def finish(self) -> BaseScore:
        """Sum up, reads that never came counted as dropped."""
        sample = self.sample
        scored = (sample.kind & (INDEL | ADAPTER | CHIMERA)) == 0
        errors = (sample.codes != sample.truth).sum(axis=1)
        came = scored & self.seen
        total = self.per_read[came].sum(axis=0, dtype=np.int64)
        lost = int(errors[scored & ~self.seen].sum())
        score = BaseScore(
            bases=int(scored.sum()) * sample.codes.shape[1],
            errors=int(errors[scored].sum()),
            tp=int(total[TP]),
            fp=int(total[FP]),
            fn=int(total[FN]) + lost,
            masked=int(total[MASKED]),
            masked_errors=int(total[MASKED_ERRORS]),
            trimmed=int(total[TRIMMED]),
            reads=int(scored.sum()),
            reads_dropped=int((scored & ~self.seen).sum()),
            reads_aligned=int(total[ALIGNED]),
            reads_with_indels=int((~scored).sum()),
            unknown_names=self.unknown,
        )
        repeated = self.per_read[came & sample.repeated]
        score.repeat_fp, score.repeat_fn = int(repeated[:, FP].sum()), int(repeated[:, FN].sum())
        if sample.other_allele is not None:
            shown = (sample.codes == sample.truth) & came[:, None]
            score.alt_alleles = int(((sample.other_allele & 0xFC) == 4)[shown].sum())
            score.alleles = int((sample.other_allele != 255)[shown].sum())
            score.alt_destroyed = int(total[ALT_DESTROYED])
            score.destroyed = int(total[REF_DESTROYED] + total[ALT_DESTROYED])
        return score


@numba.njit(cache=True, nogil=True)
def _score_reads(
    codes: np.ndarray,
    offsets: np.ndarray,
    rows: np.ndarray,
    raw: np.ndarray,
    truth: np.ndarray,
    other: np.ndarray,
    tally: np.ndarray,
) -> None:
    """Fill the rows of ``tally``, int32 (n, 9), of the reads given; see `Scorer.add`."""
    width = truth.shape[1]
    for read in range(len(rows)):
        row = rows[read]
        if row < 0:
            continue
        begin, end = offsets[read], offsets[read + 1]
        count = tally[row]
        count[:] = 0
        if end - begin == width:
            for column in range(width):
                _score_base(codes[begin + column], raw, truth, other, row, column, count)
        if end - begin != width or count[FP] >= _ALIGN_FROM:
            count[:] = 0
            count[ALIGNED] = 1
            _score_aligned(codes[begin:end], raw, truth, other, row, count)


@numba.njit(cache=True, nogil=True)
def _score_base(
    base: int,
    raw: np.ndarray,
    truth: np.ndarray,
    other: np.ndarray,
    row: int,
    column: int,
    count: np.ndarray,
) -> None:
    right, was_wrong = truth[row, column], raw[row, column] != truth[row, column]
    if base == right:
        if was_wrong:
            count[TP] += 1
        return
    if was_wrong:
        count[FN] += 1
        if base > 3:
            count[MASKED_ERRORS] += 1
    elif base > 3:
        count[MASKED] += 1
    else:
        count[FP] += 1
        if len(other) and other[row, column] != 255 and other[row, column] & 3 == base:
            count[ALT_DESTROYED if other[row, column] > 3 else REF_DESTROYED] += 1


@numba.njit(cache=True, nogil=True)
def _score_aligned(
    codes: np.ndarray,
    raw: np.ndarray,
    truth: np.ndarray,
    other: np.ndarray,
    row: int,
    count: np.ndarray,
) -> None:
    """Score one read along its alignment to the truth with the fewest edits."""
    length, width = len(codes), truth.shape[1]
    cost = np.zeros((length + 1, width + 1), np.int32)
    cost[:, 0] = np.arange(length + 1)
    for i in range(1, length + 1):
        for j in range(1, width + 1):
            same = cost[i - 1, j - 1] + (codes[i - 1] != truth[row, j - 1])
            cost[i, j] = min(same, cost[i - 1, j] + 1, cost[i, j - 1] + 1)
    i, j = length, int(np.argmin(cost[length]))
    for column in range(j, width):
        _score_missing(raw, truth, row, column, TRIMMED, count)
    while i > 0:
        if j > 0 and cost[i, j] == cost[i - 1, j - 1] + (codes[i - 1] != truth[row, j - 1]):
            i, j = i - 1, j - 1
            _score_base(codes[i], raw, truth, other, row, j, count)
        elif cost[i, j] == cost[i - 1, j] + 1:
            i -= 1
            count[FP] += 1
        else:
            j -= 1
            _score_missing(raw, truth, row, j, FP, count)
    for column in range(j):
        _score_missing(raw, truth, row, column, TRIMMED, count)


@numba.njit(cache=True, nogil=True)
def _score_missing(
    raw: np.ndarray, truth: np.ndarray, row: int, column: int, what: int, count: np.ndarray
) -> None:
    if raw[row, column] != truth[row, column]:
        count[FN] += 1
    else:
        count[what] += 1


def rows_of(names: list[str], mate: int, paired: bool) -> np.ndarray:
    """Rows of reads in their sample: int64 (n,), -1 for a name that is none of ours.

    Parameters
    ----------
    names
        Header lines; a tool may have put words behind the name, or cut off the mate.
    mate
        0 or 1: taken where the name does not tell.
    """
    rows = np.full(len(names), -1, np.int64)
    for at, header in enumerate(names):
        name = header.split(None, 1)[0]
        number, _, suffix = name.removeprefix("sim.").partition("/")
        if not number.isdecimal():
            continue
        if not paired:
            rows[at] = int(number)
        else:
            rows[at] = 2 * int(number) + (int(suffix) - 1 if suffix else mate)
    return rows


def kmer_score(sample: Sample, table: KmerTable) -> dict[str, list[int]]:
    """False 31-mers left and true ones lost, at abundance 1, 2 and 3."""
    keys, counts = sample.raw
    cost = truth_cost(
        sample.true_kmers, table.keys, table.counts, raw_keys=keys, raw_counts=counts
    ).to_dict()
    return {
        "false_kmers_left": [cost["false_kmers_left" + level] for level in ("", "_2", "_3")],
        "true_kmers_lost": [cost["true_kmers_lost" + level] for level in ("", "_2", "_3")],
    }


@dataclass
class Both:
    """Scores reads at both levels as they come.

    Attributes
    ----------
    scorer : Scorer
    counter : KmerCounter
    """

    scorer: Scorer
    counter: KmerCounter

    @classmethod
    def of(cls, sample: Sample, threads: int) -> Both:
        """Start on a sample."""
        return cls(Scorer(sample), KmerCounter(K, threads=threads))

    def add(self, batch: ReadBatch, mate: int = 0) -> None:
        """Score a batch; ``mate``, 0 or 1, is for reads whose names do not tell."""
        rows = rows_of(batch.names, mate, self.scorer.sample.paired)
        self.scorer.add(batch.codes, batch.offsets, rows)
        self.counter.add(batch)

    def add_written(self, written: Written) -> None:
        """The same as a sink of `dbgclean.pipeline.rewriting.rewrite`."""
        self.add(written.after)

    def finish(self) -> dict[str, Any]:
        """Everything for a row of the results."""
        bases = self.scorer.finish().to_dict()
        return {**bases, **kmer_score(self.scorer.sample, self.counter.finish())}


def score_files(sample: Sample, files: list[Path], mates: list[int], threads: int = 2) -> Both:
    """Score corrected FASTQ files.

    Parameters
    ----------
    mates
        For each file the mate (0 or 1) of the reads whose names do not tell.
    """
    both = Both.of(sample, threads)
    for number, batch in batches_of(files, threads):
        both.add(batch, mates[number])
    return both
