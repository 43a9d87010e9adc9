"""What was read and what was left out, summed over batches."""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields

import numpy as np

from dbgclean.reads.batch import ReadBatch

__all__ = ["ReadStatistics"]


@dataclass
class ReadStatistics:
    """Counts over the reads of one or more inputs; add with ``+=``.

    The last six are only ever non-zero for BAM and CRAM. `secondary`,
    `supplementary`, `qc_fail` and `duplicate` count records that were skipped,
    each under the first of the four that applies.
    """

    reads: int = 0
    pairs: int = 0
    bases: int = 0
    acgt_bases: int = 0  # 0 with bases > 0: nothing but N
    longest: int = 0  # below k: no read holds a k-mer
    shortest: int | None = None
    empty: int = 0  # reads of no bases at all
    secondary: int = 0
    supplementary: int = 0
    qc_fail: int = 0
    duplicate: int = 0
    orphans: int = 0  # reads without their mate in a name-grouped file; kept
    without_quality: int = 0  # kept, with quality 33 throughout

    def __iadd__(self, other: ReadStatistics) -> ReadStatistics:
        for field in fields(self):
            if field.name not in ("longest", "shortest"):
                total = getattr(self, field.name) + getattr(other, field.name)
                setattr(self, field.name, total)
        self.longest = max(self.longest, other.longest)
        if other.shortest is not None:
            shortest = other.shortest if self.shortest is None else self.shortest
            self.shortest = min(shortest, other.shortest)
        return self

    @property
    def skipped(self) -> int:
        """Number of records of BAM or CRAM files that are no reads of their own."""
        return self.secondary + self.supplementary + self.qc_fail + self.duplicate

    def add_batch(self, batch: ReadBatch) -> None:
        """Count the reads and bases of one batch."""
        if not len(batch):
            return
        lengths = np.diff(batch.offsets)
        self += ReadStatistics(
            reads=len(batch),
            pairs=len(batch) // 2 if batch.paired else 0,
            bases=len(batch.bases),
            acgt_bases=int(np.count_nonzero(batch.codes < 4)),
            longest=int(lengths.max()),
            shortest=int(lengths.min()),
            empty=int(np.count_nonzero(lengths == 0)),
        )

    def to_dict(self) -> dict[str, int]:
        """Return the counts for the report; `shortest` is 0 where nothing was read."""
        counts = asdict(self)
        counts["shortest"] = self.shortest or 0
        return counts
