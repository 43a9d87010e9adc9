"""Reads rewritten by verdicts: against a rewriting read by read, letter by letter."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from small_samples import batch_of, mixture, strings_of

from benchmarks.simulators import simulate
from dbgclean.correct.rewrite import Rewriter, _spelled_as
from dbgclean.correct.verdicts import ties
from dbgclean.evidence.changes import DELETE, FILL, INSERT, MASK, OtherChanges
from dbgclean.evidence.edits import SUBSTITUTION, Edits
from dbgclean.evidence.gather import gather
from dbgclean.reads.batch import ReadBatch, encode_bases
from dbgclean.spectrum.histogram import fit_spectrum
from dbgclean.spectrum.kmers import kmers_to_strings
from dbgclean.spectrum.whole import count_codes, count_kmers


def evidence_of(edits=(), changes=(), alternatives=1):
    """Evidence with these edits (read, position, to, strand, disputed, alternative) and
    changes (read, position, kind, value, size) of no gap that was pooled, both in the order
    of the reads."""
    found = Edits.empty(len(edits))
    rows = []
    for i, (read, position, to, strand, disputed, alternative) in enumerate(edits):
        found.read[i], found.position[i], found.disputed[i] = read, position, disputed
        found.strand[i] = strand
        found.to[i] = 3 - to if strand else to  # of the alternative's own strand
        rows.append(alternative)
    columns = list(zip(*changes, strict=True)) if changes else [()] * 5
    columns.append([-1] * len(changes))
    kinds = (np.int64, np.int32, np.uint8, np.int64, np.int64, np.int64)
    others = OtherChanges(*(np.array(c, kind) for c, kind in zip(columns, kinds, strict=True)))
    of = np.array(rows, np.int64)
    support = {
        "fragments": np.bincount(of, minlength=alternatives),
        "disputed": np.bincount(of, found.disputed, alternatives),
    }
    alternatives = SimpleNamespace(of_edit=of, column=support.__getitem__)
    return SimpleNamespace(
        edits=found, changes=others, alternatives=alternatives, off_path=None,
        unplaced=np.zeros(0, np.int64),
    )  # fmt: skip


def quality_text(batch):
    """Qualities of each read, as lists."""
    return [part.tolist() for part in np.split(batch.quals, batch.offsets[1:-1])]


READS = ["ACGTacgtACGT", "GGGGG", "", "NACGN", "ttttTTTT"]


def rewritten(edits=(), changes=(), kept=None, reads=READS, first_read=0):
    qualities = [np.arange(len(read)) + 10 * i for i, read in enumerate(reads)]
    batch = batch_of(reads, qualities)
    n = 1 + max((edit[5] for edit in edits), default=0)
    kept = np.zeros(n, bool) if kept is None else np.array(kept)
    evidence = evidence_of(edits, changes, len(kept))
    rewriter = Rewriter(evidence, kept)
    result = rewriter.rewrite(batch, first_read)
    assert result.names == batch.names
    assert (result.codes == encode_bases(result.bases)).all()
    return result, rewriter


def test_a_substitution_keeps_the_case():
    result, rewriter = rewritten([(0, 0, 3, 0, 0, 0), (0, 4, 2, 1, 0, 0), (4, 7, 1, 0, 0, 1)])
    assert strings_of(result) == ["TCGTgcgtACGT", "GGGGG", "", "NACGN", "ttttTTTC"]
    assert rewriter.statistics.to_dict() == {
        "bases_changed": 3,
        "bases_deleted": 0,
        "bases_inserted": 0,
        "bases_masked": 0,
        "unknown_filled": 0,
        "reads_touched": 2,
    }


def test_kept_bases_stay_and_so_does_what_two_reads_dispute():
    edits = [(0, 0, 3, 0, 0, 0), (0, 1, 0, 0, 1, 2), (1, 2, 0, 0, 0, 1), (4, 6, 1, 0, 1, 2)]
    result, rewriter = rewritten(edits, kept=[False, True, False])
    assert strings_of(result) == ["TCGTacgtACGT", *READS[1:]]
    assert rewriter.statistics.bases_changed == rewriter.statistics.reads_touched == 1


@pytest.mark.parametrize("disputed", [(1,), (1, 0), (0, 0)])
def test_what_one_read_disputes_or_not_all_do_is_changed(disputed):
    edits = [(read, 0, 3, 0, no, 0) for read, no in enumerate(disputed)]
    result, _ = rewritten(edits)
    changed = ["T" + read[1:] for read in READS[: len(disputed)]]
    assert strings_of(result) == [*changed, *READS[len(disputed) :]]


def test_gaps_take_their_qualities_along():
    """Inserted bases get the quality of the base that they precede."""
    changes = [
        (0, 2, DELETE, 0, 1),
        (0, 3, DELETE, 0, 1),
        (0, 5, INSERT, 0b00_01_11, 3),  # ACT
        (1, 0, INSERT, 0b10, 1),
        (4, 7, DELETE, 0, 1),
    ]
    result, rewriter = rewritten(changes=changes)
    assert strings_of(result) == ["ACaACTcgtACGT", "GGGGGG", "", "NACGN", "ttttTTT"]
    assert quality_text(result) == [
        [0, 1, 4, 5, 5, 5, 5, 6, 7, 8, 9, 10, 11],
        [10, 10, 11, 12, 13, 14],
        [],
        [30, 31, 32, 33, 34],
        [40, 41, 42, 43, 44, 45, 46],
    ]
    statistics = rewriter.statistics
    assert (statistics.bases_deleted, statistics.bases_inserted) == (3, 4)
    assert statistics.reads_touched == 3


def test_masks_and_filled_ns():
    changes = [(1, 3, MASK, 0, 1), (1, 4, MASK, 0, 1), (3, 0, FILL, 3, 1), (3, 4, FILL, 0, 1)]
    changes += [(4, 0, MASK, 0, 1)]
    result, rewriter = rewritten(changes=changes)
    assert strings_of(result) == [READS[0], "GGGNN", "", "TACGA", "ntttTTTT"]
    assert (rewriter.statistics.bases_masked, rewriter.statistics.unknown_filled) == (3, 2)


def test_letters_that_are_no_bases_are_filled_in_capitals():
    """A gap sign has no case."""
    changes = [(0, 1, FILL, 0, 1), (0, 3, FILL, 1, 1), (0, 5, FILL, 2, 1)]
    result, _ = rewritten(changes=changes, reads=["A-GrT.A"])
    assert strings_of(result) == ["AAGcTGA"]


def test_without_verdicts_the_batch_itself_comes_back():
    batch = batch_of(READS)
    rewriter = Rewriter(None, None)
    assert rewriter.rewrite(batch, 0) is batch
    assert not rewriter.touched(0, len(batch)).any()


def test_reads_are_numbered_over_the_run():
    edits = [(100, 0, 3, 0, 0, 0), (104, 7, 1, 0, 0, 0)]
    result, rewriter = rewritten(edits, first_read=100)
    assert strings_of(result) == ["TCGTacgtACGT", "GGGGG", "", "NACGN", "ttttTTTC"]
    assert rewriter.touched(100, 5).tolist() == [True, False, False, False, True]
    assert rewriter.touched(99, 1).tolist() == [False]
    assert rewriter.touched(104, 2).tolist() == [True, False]


def oracle(read, quality, edits, changes):
    """One read rewritten from its last base to its first."""
    letters, quality = list(read), list(quality)
    for _, position, to, *_ in edits:
        lower = letters[position].islower()
        letters[position] = "ACGT"[to].lower() if lower else "ACGT"[to]
    for _, position, kind, value, size in reversed(changes):
        if kind in (MASK, FILL):
            letter = "N" if kind == MASK else "ACGT"[value]
            letters[position] = letter.lower() if letters[position].islower() else letter
        elif kind == DELETE:
            del letters[position], quality[position]
        else:
            bases = ["ACGT"[(value >> (2 * (size - 1 - j))) & 3] for j in range(size)]
            letters[position:position] = bases
            quality[position:position] = [quality[position]] * size
    return "".join(letters), quality


READ = st.text("ACGTacgtNn", min_size=0, max_size=30)


@given(st.lists(READ, min_size=1, max_size=6), st.randoms(use_true_random=False))
def test_any_changes_equal_a_rewriting_letter_by_letter(reads, random):
    edits, changes = [], []
    for number, read in enumerate(reads):
        for position, base in enumerate(read):
            draw = random.random()
            if base in "Nn":
                if draw < 0.5:
                    changes.append((number, position, FILL, random.randrange(4), 1))
            elif draw < 0.15:
                to = random.choice([b for b in range(4) if "ACGT"[b] != base.upper()])
                edit = (number, position, to, random.randrange(2))
                edits.append((*edit, int(random.random() < 0.2), random.randrange(2)))
            elif draw < 0.3:
                kind = random.choice([DELETE, MASK, INSERT])
                size = random.randint(1, 6) if kind == INSERT else 1
                value = random.randrange(4**size) if kind == INSERT else 0
                changes.append((number, position, kind, value, size))
    result, rewriter = rewritten(edits, changes, kept=[False, True], reads=reads)
    made = [edit for edit in edits if edit[5] == 0]
    if len(made) > 1 and all(edit[4] for edit in made):
        made = []
    for number, (text, quality) in enumerate(
        zip(strings_of(result), quality_text(result), strict=True)
    ):
        mine = [edit for edit in made if edit[0] == number]
        others = [change for change in changes if change[0] == number]
        given_quality = np.arange(len(reads[number])) + 10 * number
        assert (text, quality) == oracle(reads[number], given_quality.tolist(), mine, others)
    touched = {edit[0] for edit in made}
    touched |= {change[0] for change in changes}
    assert rewriter.statistics.reads_touched == len(touched)
    assert set(np.flatnonzero(rewriter.touched(0, len(reads))).tolist()) >= touched


def test_fasta_has_no_qualities_to_move():
    batch = batch_of(READS, None)
    changes = [(0, 2, DELETE, 0, 1), (1, 0, INSERT, 0b10, 1)]
    result = Rewriter(evidence_of((), changes), np.zeros(1, bool)).rewrite(batch, 0)
    assert result.quals is None
    assert strings_of(result)[:2] == ["ACTacgtACGT", "GGGGGG"]


@pytest.fixture(scope="module")
def sample():
    """Evidence of a mixture with everything wrong in it, and some verdicts."""
    artefacts = simulate.Artefacts(chimeras=0.05, indels=0.05)
    reads, _, _ = mixture(length=3000, depth=25, artefacts=artefacts, seed=12)
    batch = next(simulate.to_batches(reads))
    table = count_kmers([batch], 25)
    evidence = gather([batch], table, fit_spectrum(table))
    kept = np.random.default_rng(1).random(len(evidence.alternatives)) < 0.2
    assert kept.sum() > 10
    return batch, evidence, kept


def test_only_touched_reads_change(sample):
    """What the pipeline counts again is all that can differ."""
    batch, evidence, kept = sample
    rewriter = Rewriter(evidence, kept)
    result = rewriter.rewrite(batch, 0)
    touched = rewriter.touched(0, len(batch))
    before, after = strings_of(batch), strings_of(result)
    differ = np.array([a != b for a, b in zip(before, after, strict=True)])
    assert 50 < differ.sum() < len(batch)
    assert not (differ & ~touched).any()
    statistics = rewriter.statistics.to_dict()
    assert statistics.pop("reads_touched") >= differ.sum()
    assert all(n > 0 for name, n in statistics.items() if name != "unknown_filled"), statistics


def test_rewriting_in_parts_is_rewriting_the_whole(sample):
    batch, evidence, kept = sample
    whole, parts = Rewriter(evidence, kept), Rewriter(evidence, kept)
    texts, qualities = [], []
    for low in range(0, len(batch), 70):
        high = min(low + 70, len(batch))
        bases = slice(batch.offsets[low], batch.offsets[high])
        part = replace(
            batch,
            bases=batch.bases[bases],
            codes=batch.codes[bases],
            quals=batch.quals[bases],
            offsets=batch.offsets[low : high + 1] - batch.offsets[low],
            names=batch.names[low:high],
            first_read=low,
        )
        result = parts.rewrite(part, low)
        texts += strings_of(result)
        qualities += quality_text(result)
    result = whole.rewrite(batch, 0)
    assert strings_of(result) == texts
    assert quality_text(result) == qualities
    assert parts.statistics == whole.statistics


@pytest.mark.parametrize("k", [15, 31])
def test_kept_stretches_hold_the_kmers_over_kept_bases(sample, k):
    """Every k-mer of the substituted reads that covers a kept base, and no other."""
    batch, evidence, kept = sample
    kept = kept & (evidence.alternatives.kind == SUBSTITUTION)
    rewriter = Rewriter(evidence, kept)
    stretches = rewriter.kept_stretches(batch, 0, k)
    table = count_codes(stretches.codes, stretches.offsets, stretches.quals, k)
    reads = [list(read) for read in strings_of(batch)]
    edits = evidence.edits.substitutions()
    of_edit = evidence.alternatives.of_edit
    stands, left = kept[of_edit], ties(evidence.alternatives)[of_edit]
    covered = {}
    for i in range(len(edits)):
        read, position = int(edits.read[i]), int(edits.position[i])
        if stands[i]:
            covered.setdefault(read, []).append(position)
        elif not left[i]:
            to = int(edits.to[i])
            reads[read][position] = "ACGT"[3 - to if edits.strand[i] else to]
    swap = str.maketrans("ACGT", "TGCA")
    expected = set()
    for read, positions in covered.items():
        text = "".join(reads[read])
        for position in positions:
            for start in range(max(0, position - k + 1), min(position, len(text) - k) + 1):
                kmer = text[start : start + k]
                if "N" not in kmer:
                    expected.add(min(kmer, kmer.translate(swap)[::-1]))
    assert set(kmers_to_strings(table.keys, k)) == expected


def test_no_kept_base_no_stretch(sample):
    batch, evidence, kept = sample
    rewriter = Rewriter(evidence, np.zeros(len(kept), bool))
    assert len(rewriter.kept_stretches(batch, 0, 31).codes) == 0


def test_rna_stays_rna():
    """A T that a correction writes into a read with U for T is a U, in the read's case."""
    reads = [b"ACGUACGU", b"", b"ACGTACGT", b"acguacgu", b"ACTUACGU", b"ACGAACGA"]
    written = [b"ACTUACGUT", b"", b"ACTTACGT", b"acttacgu", b"ACTTACGU", b"ACTAACGA"]
    expected = [b"ACUUACGUU", b"", b"ACTTACGT", b"acuuacgu", b"ACTTACGU", b"ACTAACGA"]

    def batch(texts):
        bases = np.frombuffer(bytearray(b"".join(texts)), np.uint8)
        offsets = np.concatenate([[0], np.cumsum([len(text) for text in texts])])
        return ReadBatch(
            bases, encode_bases(bases), None, offsets, ["r"] * len(texts), 0, paired=False
        )

    result = _spelled_as(batch(reads), batch(written))
    assert result.bases.tobytes() == b"".join(expected)
    assert result.codes.tolist() == batch(written).codes.tolist()
