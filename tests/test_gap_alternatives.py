"""Insertions and deletions pooled over reads: one row per gap, one verdict for all its reads."""

from dataclasses import replace

import numpy as np
import pytest
from small_samples import (
    batch_of,
    clean_reads,
    random_sequence,
    reverse_complement,
    strings_of,
    table_of,
)

from benchmarks.simulators import simulate
from dbgclean.correct.corrections import write_corrections
from dbgclean.correct.correctors import (
    AutoencoderCorrector,
    Corrector,
    LikelihoodCorrector,
    Sample,
)
from dbgclean.correct.policy import Policy
from dbgclean.correct.protection import protect
from dbgclean.correct.rewrite import Rewriter
from dbgclean.correct.verdicts import ERROR, REAL, Verdicts, all_errors
from dbgclean.evidence.alternatives import Alternatives
from dbgclean.evidence.changes import DELETE, INSERT
from dbgclean.evidence.edits import DELETION, INSERTION, N_QUALITIES, SUBSTITUTION, Edits
from dbgclean.evidence.gap_alternatives import GapEdits, pool
from dbgclean.evidence.gap_places import RUNS
from dbgclean.evidence.gaps import MAX_GAP
from dbgclean.evidence.gather import gather
from dbgclean.reads.protected import LONGEST_GAP, read_protected
from dbgclean.spectrum.histogram import fit_spectrum
from dbgclean.spectrum.whole import count_kmers
from dbgclean.training.examples import _labelled

K = 21


def repeated(unit, copies):
    """A genome of 2 kb with a tandem repeat in the middle, bounded by other bases."""
    left, right = random_sequence(1000, seed=5), random_sequence(1000, seed=6)
    ends = next(b for b in "ACGT" if b not in (unit[-1], unit[0]))
    return left[:-1] + ends, unit * copies, ends + right[1:]


def evidence_with(left, normal, changed, right, starts=(932, 940, 950, 960)):
    """Clean reads of one genome and a few of the other, every second one turned."""
    reads = clean_reads(left + normal + right, length=100, depth=40)
    other = left + changed + right
    more = [other[s : s + 100] for s in starts]
    more = [reverse_complement(r) if i % 2 else r for i, r in enumerate(more)]
    batch = batch_of(reads + more)
    table = table_of(batch, k=K)
    return batch, gathered([batch], table), len(more)


def gathered(batches, table, threads=1):
    batches = list(batches)
    return gather(batches, table, fit_spectrum(table), threads, again=lambda: batches)


def judged(evidence, corrector=LikelihoodCorrector):
    return corrector().judge(evidence, Sample(None, 2))


def gap_rows(evidence):
    """The gaps among the alternatives."""
    return evidence.alternatives.select(evidence.alternatives.gaps)


CASES = [
    ("A", 5, -1),
    ("A", 5, 1),
    ("A", 1, -1),
    ("AC", 4, -1),
    ("AC", 4, 1),
    ("ACG", 3, -1),
    ("ACGTCA", 1, -1),
    ("ACGTC", 1, 1),
]


@pytest.mark.parametrize(("unit", "copies", "step"), CASES)
def test_one_row_wherever_and_on_whichever_strand_it_was_found(unit, copies, step):
    left, normal, right = repeated(unit, copies)
    _, evidence, n = evidence_with(left, normal, unit * (copies + step), right)
    gaps, changes = gap_rows(evidence), evidence.changes
    assert len(gaps) == len(evidence.alternatives) == 1
    assert gaps.fragments.tolist() == gaps.column("reads").tolist() == [n]
    assert gaps.column("reverse")[0] == n // 2
    assert gaps.kind.tolist() == [INSERTION if step > 0 else DELETION]
    assert 25 < gaps.depth.sum() < 60
    assert gaps.column("quality")[0] == 30
    found = changes.gap[changes.kind < 3]
    assert set(gaps.of_edit[found]) == {0}
    assert sorted(set(found)) == list(range(n))
    assert judged(evidence).verdict.tolist() == [REAL]


def test_other_gaps_at_one_place_are_other_rows():
    left, normal, right = repeated("ACG", 3)
    reads = clean_reads(left + normal + right, length=100, depth=40)
    for changed in ("ACGACG", "ACGACGACGT", "ACGACGACGA", "ACGACGACG"[1:]):
        other = left + changed + right
        reads += [other[s : s + 100] for s in (930, 950)]
    batch = batch_of(reads)
    table = table_of(batch, k=K)
    gaps = gap_rows(gathered([batch], table))
    assert gaps.kind.tolist() == [INSERTION] * 2 + [DELETION] * 2
    assert gaps.fragments.tolist() == [2] * 4


def test_reads_that_keep_a_gap_come_out_as_they_came():
    left, normal, right = repeated("AC", 4)
    batch, evidence, n = evidence_with(left, normal, "AC" * 3, right)
    errors = np.zeros(len(evidence.alternatives), bool)
    closed = strings_of(Rewriter(evidence, errors).rewrite(batch, 0))
    kept = Rewriter(evidence, ~errors)
    assert strings_of(kept.rewrite(batch, 0)) == strings_of(batch)
    assert [len(r) for r in closed[-n:]] == [102] * n
    # The k-mers over the gap stand in the k-mer set.
    stretches = kept.kept_stretches(batch, 0, K)
    over = table_of(batch_of([(left + "AC" * 3 + right)[980:1030]]), k=K).keys
    held = count_kmers([batch_of([s]) for s in strings_like(stretches)], K).keys
    assert np.isin(over, held).sum() > 15


def strings_like(bases):
    text = "".join("ACGTN"[c] for c in bases.codes)
    return [text[a:b] for a, b in zip(bases.offsets[:-1], bases.offsets[1:], strict=True)]


def one_gap(strands, quality=30, depth=100.0, fragments=None):
    """A gap seen by reads of these strands, pooled as the gap of a run of 200 kb."""
    n = len(strands)
    edits = Edits.empty(n)
    edits.key[:] = np.uint64(INSERTION) << np.uint64(62)
    edits.strand[:] = strands
    edits.read[:] = edits.fragment[:] = np.arange(n) if fragments is None else fragments
    edits.position[:] = np.arange(n)
    edits.quality[:] = quality
    runs = np.zeros(RUNS, np.int64)
    runs[1] = 2e7
    found = GapEdits(
        edits, np.ones(n, np.uint8), np.full(n, depth, np.int32), np.zeros(n, np.uint64), runs
    )
    return pool(found, np.ones((4, N_QUALITIES), np.int64), 1.0, depth)[0]


def test_what_makes_a_gap_real():
    assert one_gap([0, 1, 0]).likelihood[0] > 9.5
    assert one_gap([0, 1]).likelihood[0] > 9.5
    assert one_gap([0]).likelihood[0] < 9
    # Reads of poor quality are laid along a path wrongly.
    assert one_gap([0, 1, 0], quality=8).likelihood[0] < 9
    # Two reads of one fragment are one witness; more depth is more against it.
    assert one_gap([0, 1], fragments=[0, 0]).likelihood[0] < 9
    few, many = (one_gap([0, 1, 0], depth=d).likelihood[0] for d in (20.0, 1000.0))
    assert few > 9.5 > many
    assert one_gap([0, 1, 0]).expected[0] == pytest.approx(103 / (2e7 + 1 / 3e-6), rel=0.01)


class OnlyDeletions(Corrector):
    """A judge of its own, as a plug-in would bring it."""

    def judge(self, evidence, sample):
        real = evidence.alternatives.kind == DELETION
        return Verdicts(np.where(real, REAL, ERROR).astype(np.uint8), real.astype(np.float32))


@pytest.fixture(scope="module")
def mixture_with_indels():
    """20 kb at 120x; a second haplotype of 8 % with an indel every 500 bases; indel errors."""
    genome = simulate.random_genome(20_000, seed=3)
    rng = np.random.default_rng(3)
    parts, records, last = [], [], 0
    for i, place in enumerate(range(500, 19_600, 500)):
        n = i % 3 + 1
        parts.append(genome[last:place])
        anchor = "ACGT"[genome[place - 1]]
        if i % 2:
            records.append((place, anchor + simulate.decode(genome[place : place + n]), anchor))
            last = place + n
        else:
            new = rng.integers(0, 4, n).astype(np.uint8)
            parts.append(new)
            records.append((place, anchor, anchor + simulate.decode(new)))
            last = place
    other = np.concatenate([*parts, genome[last:]])
    reads = simulate.simulate_reads(
        None, haplotypes=[(genome, 0.92), (other, 0.08)], depth=120, seed=3,
        artefacts=simulate.Artefacts(indels=0.01),
    )  # fmt: skip
    return genome, other, records, reads


@pytest.fixture(scope="module")
def pooled(mixture_with_indels):
    batch = next(simulate.to_batches(mixture_with_indels[3]))
    table = count_kmers([batch], 25)
    return batch, table, gathered([batch], table)


def lost(genome, other, evidence, batch, kept):
    """Of the second haplotype's own k-mers in the raw reads, those that are gone."""
    kept = kept & (evidence.alternatives.kind != SUBSTITUTION)
    rewriter = Rewriter(evidence, kept)
    after = count_kmers([rewriter.rewrite(batch, 0)], 25)
    own = np.setdiff1d(simulate.true_kmers(other, None, 25), simulate.true_kmers(genome, None, 25))
    true = np.union1d(own, simulate.true_kmers(genome, None, 25))
    own = own[np.isin(own, count_kmers([batch], 25).keys)]
    return (~np.isin(own, after.keys)).mean(), (~np.isin(after.keys, true)).sum()


def test_minority_indels_stay_and_indel_errors_go(mixture_with_indels, pooled):
    genome, other, _, _ = mixture_with_indels
    batch, _, evidence = pooled
    verdicts = judged(evidence)
    gone, false = lost(genome, other, evidence, batch, verdicts.kept)
    gone_before, false_before = lost(genome, other, evidence, batch, verdicts.kept & False)
    assert gone_before > 0.4
    assert gone < 0.05
    assert false <= false_before + 50
    counts = verdicts.count(evidence.alternatives.gaps)
    assert counts["error"] > 100
    assert 20 <= counts["real"] + counts["undecided"] <= 39


@pytest.mark.parametrize(("threads", "batch_reads"), [(2, 100_000), (1, 64), (3, 1000)])
def test_neither_batches_nor_threads_make_a_difference(
    mixture_with_indels, pooled, threads, batch_reads
):
    _, table, one = pooled
    batches = simulate.to_batches(mixture_with_indels[3], batch_reads)
    two = gathered(batches, table, threads)
    for name in Alternatives.__slots__:
        first, second = (getattr(e.alternatives, name) for e in (one, two))
        np.testing.assert_array_equal(first, second, err_msg=name)
    np.testing.assert_array_equal(one.changes.gap, two.changes.gap)


@pytest.mark.parametrize("prior", [-9.0, -17.0])
def test_the_network_says_of_gaps_what_the_ratio_says(pooled, prior):
    """In a clone too, whose odds raise what a ratio has to outweigh."""
    _, _, evidence = pooled
    evidence = replace(
        evidence, context=replace(evidence.context, prior=prior),
        explained=None if prior < -9 else evidence.explained,
    )  # fmt: skip
    gaps = evidence.alternatives.gaps
    plain, network = judged(evidence), judged(evidence, AutoencoderCorrector)
    np.testing.assert_array_equal(plain.verdict[gaps], network.verdict[gaps])
    np.testing.assert_array_equal(plain.posterior[gaps], network.posterior[gaps])


def test_the_network_is_not_trained_on_gaps(pooled):
    _, _, evidence = pooled
    none, rng = np.zeros(0, np.uint64), np.random.default_rng(1)
    shown = _labelled(evidence, none, none, None, 1, rng)
    known = evidence.alternatives.select(evidence.alternatives.substitutions)
    assert 0 < len(shown.observed) <= len(known)
    keys = [int("".join(map(str, row)), 4) for row in shown.observed]
    assert set(keys) <= set(known.key.tolist())


def test_a_plug_in_judges_indels(mixture_with_indels, pooled):
    """Its verdicts are the reads' lengths."""
    batch, _, evidence = pooled
    rewriter = Rewriter(evidence, judged(evidence, OnlyDeletions).kept)
    rewriter.rewrite(batch, 0)
    kind = evidence.changes.kind
    unfiled = evidence.changes.gap < 0
    # Bases that reads have more are dropped; those that they have less are not put in.
    assert rewriter.statistics.bases_deleted == np.count_nonzero(kind == DELETE) > 100
    missing = evidence.changes.size[(kind == INSERT) & unfiled]
    assert rewriter.statistics.bases_inserted == missing.sum()


def test_rules_hold_for_gaps(pooled):
    _, _, evidence = pooled
    plain = judged(evidence)
    gaps = evidence.alternatives.gaps
    clone = Policy(ploidy=1).apply(evidence, plain)
    assert clone.count(gaps)["real"] + clone.count(gaps)["undecided"] == 0
    assert clone.ruled()["ploidy"] == plain.kept.sum()
    rare = Policy(min_vaf=0.2).apply(evidence, plain)
    assert rare.ruled()["min_vaf"] >= 0.8 * plain.kept.sum()
    assert Policy().apply(evidence, plain) is plain


def test_listed_indels_are_protected(mixture_with_indels, pooled, tmp_path):
    genome, _, records, _ = mixture_with_indels
    _, _, evidence = pooled
    (tmp_path / "ref.fa").write_text(f">g\n{simulate.decode(genome)}\n")
    lines = "".join(f"g\t{place}\t.\t{ref}\t{alt}\t.\t.\t.\n" for place, ref, alt in records)
    head = "##fileformat=VCFv4.2\n##contig=<ID=g>\n#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\n"
    (tmp_path / "list.vcf").write_text(head + lines)
    listed = read_protected(str(tmp_path / "list.vcf"), str(tmp_path / "ref.fa"))
    assert (listed.listed, listed.unusable) == (39, {})
    policy = Policy(protection=protect(listed), ploidy=1)
    ruled = policy.apply(evidence, all_errors(evidence.alternatives))
    plain, gaps = judged(evidence), evidence.alternatives.gaps
    assert ruled.kept[gaps][plain.kept[gaps]].all()
    assert ruled.ruled()["protected"] == ruled.restored == ruled.kept.sum()
    assert 20 <= len(ruled.matched) <= 39
    assert policy.report(ruled)["protected"]["matched"] == len(ruled.matched)


def test_indels_in_regions_are_protected(mixture_with_indels, pooled, tmp_path):
    genome, _, records, _ = mixture_with_indels
    _, _, evidence = pooled
    (tmp_path / "ref.fa").write_text(f">g\n{simulate.decode(genome)}\n")
    halves = [f"g\t{place - 2}\t{place + 5}\n" for place, _, _ in records[::2]]
    (tmp_path / "list.bed").write_text("".join(halves))
    listed = read_protected(str(tmp_path / "list.bed"), str(tmp_path / "ref.fa"))
    gaps = evidence.alternatives.gaps
    found, regions = protect(listed).match(evidence.alternatives)
    found, plain = found[gaps], judged(evidence).kept[gaps]
    # What is real lies in these regions or in the others; an error is seldom in either.
    assert 0.3 * plain.sum() < (found & plain).sum() < 0.7 * plain.sum()
    assert found.sum() < (found & plain).sum() + 10
    assert 10 <= len(regions) <= len(halves)
    everywhere = tmp_path / "all.bed"
    everywhere.write_text("g\t0\t20000\n")
    whole = protect(read_protected(str(everywhere), str(tmp_path / "ref.fa")))
    assert whole.match(evidence.alternatives)[0][gaps].mean() > 0.95


def test_the_table_gives_all_reads_of_a_gap_one_verdict(tmp_path):
    import gzip

    left, normal, right = repeated("ACG", 3)
    _, evidence, n = evidence_with(left, normal, "ACG" * 4, right)
    path = tmp_path / "c.tsv.gz"
    write_corrections(path, evidence, judged(evidence))
    header, *lines = gzip.decompress(path.read_bytes()).decode().splitlines()
    rows = [dict(zip(header.split("\t"), line.split("\t"), strict=True)) for line in lines]
    rows = [row for row in rows if row["kind"] == "deletion"]
    assert len(rows) == 3 * n
    assert {(r["verdict"], r["reason"], r["fragments"], r["raw_count"]) for r in rows} == {
        ("real", "real", str(n), str(n))
    }


def test_lists_and_threading_agree_on_the_longest_gap():
    assert LONGEST_GAP == MAX_GAP
