"""Alleles of simulated windows: all of them found, in the right place, counted right."""

from __future__ import annotations

import numpy as np
import pytest
from small_windows import (
    Truth,
    fragments_over,
    other_base,
    random_reference,
    simulate,
    whole,
)

from dbgclean.correct.verdicts import REAL
from dbgclean.variants.allele_table import KINDS
from dbgclean.variants.consensus import consensus
from dbgclean.variants.evidence import WindowEvidence, count_alleles, gather_window
from dbgclean.variants.regions import Region

BOTH, FIRST = (0, 1), (0,)


def gathered(reads, reference, **options) -> WindowEvidence:
    place = whole(reference)
    return gather_window(reads, reference, place, place, corrector="likelihood", **options)


def rows_by_name(evidence: WindowEvidence) -> dict[tuple[int, str, str], int]:
    table = evidence.alleles
    return {
        (int(p), r, a): i
        for i, (p, r, a) in enumerate(zip(table.position, table.ref, table.alt, strict=True))
    }


@pytest.fixture(scope="module")
def diploid():
    """Substitutions and gaps of both zygosities, far enough apart."""
    reference = random_reference(6000, 3)
    alleles = []
    for i, haplotypes in enumerate((FIRST, BOTH) * 6):
        place = 300 + 420 * i
        kind = i // 2
        if kind == 0:
            alleles.append(Truth(place, place + 1, other_base(reference[place]), haplotypes))
        elif kind < 4:
            size = (1, 3, 8)[kind - 1]
            alleles.append(Truth(place, place + size, "", haplotypes))
        else:
            size = (3, 20)[kind - 4]
            alleles.append(Truth(place, place, random_reference(size, 50 + i), haplotypes))
    return reference, alleles, simulate(reference, alleles, (0.5, 0.5), depth=50)


def test_every_allele_is_found_counted_and_believed(diploid):
    reference, alleles, (reads, haplotype, spans) = diploid
    evidence = gathered(reads, reference)
    table, rows = evidence.alleles, rows_by_name(evidence)
    for allele in alleles:
        row = rows[vcf_name(reference, allele)]
        # Reads that end next to the allele may or may not tell.
        least, _ = fragments_over(
            spans, haplotype, allele.start - 6, allele.end + 6, allele.haplotypes
        )
        most, over = fragments_over(
            spans, haplotype, allele.start + 1, allele.end, allele.haplotypes
        )
        assert least <= table.alt_fragments[row] <= most + 2, allele
        assert table.depth[row] <= over + 2
        if allele.haplotypes == BOTH:
            assert table.ref_fragments[row] <= 1
        assert table.verdict[row] == REAL, allele


def vcf_name(reference: str, allele: Truth) -> tuple[int, str, str]:
    """As VCF writes it: to the left, with the base before a gap."""
    start, end, alt = allele.start, allele.end, allele.alt
    if end - start == len(alt):
        return start, reference[start:end], alt
    while start and (reference[start - 1] == (reference[end - 1] if end > start else alt[-1])):
        if not end > start:
            alt = alt[-1] + alt[:-1]
        start, end = start - 1, end - 1
    return start - 1, reference[start - 1 : end], reference[start - 1] + alt


def test_little_else_is_believed(diploid):
    reference, alleles, (reads, _, _) = diploid
    evidence = gathered(reads, reference)
    names = {vcf_name(reference, a) for a in alleles}
    table = evidence.alleles
    extra = [
        name
        for name, row in rows_by_name(evidence).items()
        if table.verdict[row] == REAL and name not in names
    ]
    assert extra == []


def test_columns_are_filled_and_agree(diploid):
    reference, _, (reads, _, _) = diploid
    table = gathered(reads, reference).alleles
    n = table.alt_fragments
    assert (n > 0).all()
    assert (n + table.ref_fragments <= table.depth).all()
    assert (table.alt_reads >= n).all()
    assert (table.cycles <= n).all()
    for name in ("agreed", "denied", "near_end", "low_quality", "mapped_nowhere_else"):
        assert (getattr(table, name) <= n).all(), name
    assert (table.mapping_quality == 60).all()
    assert np.isfinite(table.likelihood).all()
    assert np.isfinite(table.expected).all()
    assert (table.copies == 1).all()
    order = list(zip(table.position, table.ref, table.alt, strict=True))
    assert order == sorted(order)


def test_reads_of_lists_the_fragments_that_were_counted(diploid):
    reference, _, (reads, haplotype, _) = diploid
    evidence = gathered(reads, reference)
    table = evidence.alleles
    offsets, fragment, shows = evidence.reads_of
    for row in np.flatnonzero(table.verdict == REAL):
        part = slice(offsets[row], offsets[row + 1])
        assert shows[part].sum() == table.alt_fragments[row]
        assert (~shows[part]).sum() == table.ref_fragments[row]
        if table.ref_fragments[row] > 5:
            assert (haplotype[fragment[part][shows[part]]] == 0).mean() > 0.95


def test_arms_spell_both_alleles(diploid):
    reference, _, (reads, _, _) = diploid
    table = gathered(reads, reference).alleles
    for row in range(len(table)):
        own, other = table.arms[row]
        place = int(table.position[row])
        assert own in reference
        spelled = reference[:place] + table.alt[row] + reference[place + len(table.ref[row]) :]
        assert other in spelled


def test_a_core_holds_the_alleles_that_begin_in_it(diploid):

    reference, _, (reads, _, _) = diploid
    everything = rows_by_name(gathered(reads, reference))
    core = Region("contig", 1000, 3000)
    part = gather_window(reads, reference, whole(reference), core, corrector="likelihood")
    inside = {name for name in everything if 1000 <= name[0] < 3000}
    assert set(rows_by_name(part)) == inside


def test_homopolymers_do_not_hide_a_base_more_or_less():
    flank = random_reference(1500, 8)
    reference = flank[:500] + "C" + "A" * 9 + "G" + flank[500:1000] + "C" + "T" * 11 + flank[1000:]
    alleles = [Truth(501, 502, "", FIRST), Truth(1012, 1012, "T", BOTH)]
    reads, haplotype, spans = simulate(reference, alleles, (0.5, 0.5), depth=60)
    evidence = gathered(reads, reference)
    rows, table = rows_by_name(evidence), evidence.alleles
    first, second = rows[(500, "CA", "C")], rows[(1011, "C", "CT")]
    with_it, over = fragments_over(spans, haplotype, 499, 512, FIRST)
    assert abs(table.alt_fragments[first] - with_it) <= 2
    assert abs(table.ref_fragments[first] - (over - with_it)) <= 2
    assert table.ref_fragments[second] <= 1
    assert table.run[first] == 9
    assert 11 <= table.run[second] <= 13
    assert (table.verdict[[first, second]] == REAL).all()


def test_neighbours_in_one_read_are_told_apart():
    reference = random_reference(2000, 12)
    near = [
        Truth(600, 601, other_base(reference[600]), FIRST),
        Truth(605, 606, other_base(reference[605]), (1,)),
        Truth(900, 901, other_base(reference[900]), BOTH),
        Truth(903, 906, "", FIRST),
    ]
    cluster = [Truth(p, p + 1, other_base(reference[p]), BOTH) for p in range(1300, 1321, 3)]
    reads, haplotype, spans = simulate(reference, near + cluster, (0.5, 0.5), depth=60)
    evidence = gathered(reads, reference)
    rows, table = rows_by_name(evidence), evidence.alleles
    for allele in near + cluster:
        row = rows[vcf_name(reference, allele)]
        with_it, _ = fragments_over(
            spans, haplotype, allele.start - 4, allele.end + 4, allele.haplotypes
        )
        assert table.alt_fragments[row] >= with_it - 1, allele
        assert table.verdict[row] == REAL, allele


@pytest.mark.parametrize("fraction", [0.05, 0.02])
def test_rare_alleles_are_counted(fraction):
    reference = random_reference(1200, 21)
    alleles = [
        Truth(300, 301, other_base(reference[300]), FIRST),
        Truth(600, 601, "", FIRST),
        Truth(800, 800, "ACGTACGTAC", FIRST),
    ]
    reads, haplotype, spans = simulate(reference, alleles, (fraction, 1 - fraction), depth=400)
    evidence = gathered(reads, reference)
    rows, table = rows_by_name(evidence), evidence.alleles
    for allele in alleles:
        row = rows[vcf_name(reference, allele)]
        with_it, over = fragments_over(spans, haplotype, allele.start - 5, allele.end + 5, FIRST)
        assert with_it - 1 <= table.alt_fragments[row] <= with_it + 5
        assert abs(table.depth[row] - over) <= 0.12 * over


def test_the_normal_is_counted_at_the_same_alleles(diploid):
    reference, alleles, (reads, _, _) = diploid
    table = gathered(reads, reference).alleles
    alt, depth = count_alleles(reads, reference, whole(reference), table)
    real = table.verdict == REAL
    np.testing.assert_allclose(alt[real], table.alt_fragments[real], atol=2)
    other, _, _ = simulate(reference, [], (1.0,), depth=30, seed=9)
    alt, depth = count_alleles(other, reference, whole(reference), table)
    assert (alt[real] == 0).all()
    assert (depth[real] > 10).all()


def test_kmers_of_errors_go_and_those_of_alleles_stay(diploid):
    from dbgclean.spectrum.kmers import kmers_to_strings
    from dbgclean.variants.evidence import KMER_K

    reference, alleles, (reads, _, _) = diploid
    evidence = gathered(reads, reference)
    keys, counts, kept = evidence.kmers
    assert (counts[~kept] < 5).all()
    assert kept[counts >= 5].all()
    assert len(kmers_to_strings(keys[:1], KMER_K)[0]) == KMER_K


def test_no_reads_no_alleles():
    reference = random_reference(500, 2)
    reads, _, _ = simulate(reference, [], (1.0,), depth=20, error=0)
    evidence = gathered(reads.select(np.zeros(len(reads), bool)), reference)
    assert len(evidence.alleles) == 0
    perfect = gathered(reads, reference)
    assert len(perfect.alleles) == 0
    assert perfect.reads["clean"] == len(reads)


def test_an_unknown_stretch_of_the_reference_is_no_allele():
    reference = random_reference(900, 5)
    reads, _, _ = simulate(reference, [], (1.0,), depth=30)
    hidden = reference[:400] + "N" * 30 + reference[430:]
    table = gathered(reads, hidden).alleles
    assert not ((table.position >= 400) & (table.position < 430)).any()
    assert (table.kind != KINDS.index("deletion")).all()


def test_a_branch_that_does_not_come_back_is_a_tip():
    reference = random_reference(2400, 31)
    inserted = random_reference(900, 32)
    alleles = [Truth(1200, 1200, inserted, FIRST)]
    reads, haplotype, spans = simulate(reference, alleles, (0.5, 0.5), depth=60)
    table = gathered(reads, reference).alleles
    tips = np.flatnonzero(table.kind == KINDS.index("tip"))
    assert len(tips) == 1
    row = tips[0]
    assert table.alt[row] == inserted[: len(table.alt[row])]
    assert table.position[row] == 1200
    assert table.alt_fragments[row] >= 10
    alt, depth = count_alleles(reads, reference, whole(reference), table)
    assert alt[row] == depth[row] == -1


def test_the_consensus_of_reads_is_their_sequence():
    reference = random_reference(1500, 41)
    alleles = [Truth(700, 701, other_base(reference[700]), FIRST)]
    reads, _, _ = simulate(reference, alleles, (0.25, 0.75), depth=60)
    contigs = consensus(reads)
    assert [name for name, _ in contigs] == ["bubble-contig-1"]
    bases = contigs[0][1]
    assert bases in reference
    assert len(bases) > 1400
    place = Region("bubble-contig-1", 0, len(bases))
    evidence = gather_window(reads, bases, place, place, corrector="likelihood")
    real = np.flatnonzero(evidence.alleles.verdict == REAL)
    assert len(real) == 1
    assert evidence.alleles.ref[real[0]] == reference[700]


def test_reads_of_nothing_have_no_consensus():
    reads, _, _ = simulate(random_reference(600, 1), [], (1.0,), depth=1)
    assert consensus(reads.select(np.zeros(len(reads), bool))) == []


def test_rare_errors_are_left_out_on_demand(diploid):
    reference, _, (reads, _, _) = diploid
    everything = gathered(reads, reference).alleles
    table = gathered(reads, reference, min_fraction=0.2).alleles
    real = everything.verdict == REAL
    assert (table.verdict == REAL).sum() == real.sum()
    assert len(table) < len(everything)
    assert (table.fraction[table.verdict != REAL] >= 0.2).all()
