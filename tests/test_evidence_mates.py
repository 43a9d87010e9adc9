"""What the mate says of an edit, against the molecules the reads came from."""

import numpy as np
from small_samples import mixture, strings_of, table_of

from benchmarks.simulators import simulate
from dbgclean.evidence.edits import collect_edits
from dbgclean.evidence.mates import AGREES, APART, DENIES
from dbgclean.evidence.solid import SolidGraph
from dbgclean.evidence.threading import thread_batch

K, LENGTH = 25, 100


def test_mates_are_where_the_molecule_has_them():
    """Place and base of the mate from the simulator's coordinates."""
    reads, _, _ = mixture(4000, 60, spacing=200, fractions=(0.08,), insert=130)
    batch = next(simulate.to_batches(reads))
    table = table_of(batch, k=K)
    graph = SolidGraph.build(table, 5, 3)
    edits = collect_edits(batch, thread_batch(batch, graph), graph)
    seen = {APART: 0, AGREES: 0, DENIES: 0}
    texts = strings_of(batch)
    for e in range(len(edits)):
        read, at = int(edits.read[e]), int(edits.position[e])
        mate = read ^ 1
        own = (LENGTH - 1 - at if reads.reverse[read] else at) + int(reads.position[read])
        there = own - int(reads.position[mate])
        there = LENGTH - 1 - there if reads.reverse[mate] else there
        if edits.mate[e] == APART:
            # Only within the reach of an end, or beside errors, may a mate be missed.
            assert not 16 <= there < LENGTH - 16 or _errs_near(reads, mate, there)
        else:
            base = texts[mate][there]
            same = base == texts[read][at].translate(str.maketrans("ACGT", "TGCA"))
            assert edits.mate[e] == (AGREES if same else DENIES)
            assert edits.mate_quality[e] == batch.quals[batch.offsets[mate] + there]
        seen[int(edits.mate[e])] += 1
    assert min(seen.values()) > 20


def _errs_near(reads, read, at):
    low, high = at - 8, at + 9
    wrong = reads.codes[read, low:high] != reads.truth[read, low:high]
    return np.count_nonzero(wrong) > 0
