"""The simulator against what it says of itself: seeds, rates, fractions, strands, truth."""

import gzip
from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.simulators import simulate

GENOME = simulate.random_genome(20_000, seed=3)
RATE = 0.004


def slow_kmers(codes, k):
    """Canonical k-mers of one sequence, by strings."""
    letters = simulate.decode(codes)
    swap = str.maketrans("ACGT", "TGCA")
    words = {letters[start : start + k] for start in range(len(letters) - k + 1)}
    return {min(word, word.translate(swap)[::-1]) for word in words}


def as_words(kmers, k):
    """2-bit k-mers as strings."""
    return {
        "".join("ACGT"[int(kmer) >> 2 * (k - 1 - place) & 3] for place in range(k))
        for kmer in kmers.ravel()
    }


def sites_at(genome, positions, fraction=0.5):
    positions = np.array(positions, np.int64)
    ref = genome[positions]
    share = np.full(len(positions), fraction)
    return simulate.Sites(positions, ref, ((ref + 1) & 3).astype(np.uint8), share)


@pytest.fixture(scope="module")
def reads():
    return simulate.simulate_reads(GENOME, depth=60, seed=5)


def test_same_seed_same_reads(reads):
    again = simulate.simulate_reads(GENOME, depth=60, seed=5)
    other = simulate.simulate_reads(GENOME, depth=60, seed=6)
    for name in ("codes", "quals", "truth", "position", "reverse"):
        np.testing.assert_array_equal(getattr(reads, name), getattr(again, name))
    assert (reads.codes != other.codes).any()


def test_depth_layout_and_rate(reads):
    assert reads.codes.shape == reads.quals.shape == reads.truth.shape
    assert reads.codes.size == pytest.approx(60 * len(GENOME), rel=0.01)
    wrong = reads.codes != reads.truth
    assert wrong.mean() == pytest.approx(RATE, rel=0.1)
    assert wrong[1::2].mean() > wrong[::2].mean(), "second reads are worse"
    assert set(np.unique(reads.kind)) == {0}


def test_errors_follow_the_quality(reads):
    wrong = reads.codes != reads.truth
    for low, high in ((2, 20), (20, 30), (30, 42)):
        chosen = (reads.quals >= low) & (reads.quals < high)
        expected = reads.error_probability[reads.quals[chosen]].mean()
        assert wrong[chosen].mean() == pytest.approx(expected, rel=0.2)


def test_truth_is_the_genome_at_the_position(reads):
    for row in range(0, 400):
        start = reads.position[row]
        piece = GENOME[start : start + 150]
        if reads.reverse[row]:
            piece = 3 - piece[::-1]
        np.testing.assert_array_equal(reads.truth[row], piece)


def test_mates_face_each_other(reads):
    assert (reads.reverse[::2] != reads.reverse[1::2]).all()
    forward = np.where(reads.reverse[::2], reads.position[1::2], reads.position[::2])
    backward = np.where(reads.reverse[::2], reads.position[::2], reads.position[1::2])
    insert = backward + 150 - forward
    assert insert.min() >= 150
    assert insert.mean() == pytest.approx(350, abs=10)
    assert insert.std() == pytest.approx(50, abs=5)


@pytest.mark.parametrize("binned", [False, True])
def test_qualities_decline_and_are_autocorrelated(binned):
    quals = simulate.QualityProfile(binned=binned).draw(4000, 150, 1).astype(float)
    assert quals[:, 5:20].mean() > quals[:, 130:].mean() + 2
    middle = quals[:, 60:61] - quals[:, 60].mean(), quals[:, 61:62] - quals[:, 61].mean()
    assert (middle[0] * middle[1]).mean() / (middle[0].std() * middle[1].std()) > 0.4
    if binned:
        assert set(np.unique(quals)) <= {2, 6, 15, 22, 27, 33, 37, 40}


def test_uniform_profile():
    profile = simulate.UniformProfile(0.005)
    reads = simulate.simulate_reads(GENOME, depth=60, read_length=100, profile=profile)
    assert np.unique(reads.quals).tolist() == [23]
    assert (reads.codes != reads.truth).mean() == pytest.approx(0.005, rel=0.1)


def test_sites_are_carried_by_fragments():
    sites = simulate.draw_sites(GENOME, spacing=500, fractions=(0.5, 0.1), seed=2)
    clean = simulate.QualityProfile(rate=1e-9)
    reads = simulate.simulate_reads(
        GENOME, depth=400, sites=sites, insert_mean=170, profile=clean, seed=4
    )
    counts = simulate.site_counts(reads, sites)
    rows = np.arange(len(sites))
    share = counts[rows, sites.alt] / counts.sum(axis=1)
    for fraction in (0.5, 0.1):
        assert share[sites.fraction == fraction].mean() == pytest.approx(fraction, rel=0.1)
    # Only ref and alt are there, and overlapping mates agree on which.
    assert counts.sum() == (counts[rows, sites.alt] + counts[rows, sites.ref]).sum()
    for first in range(0, 600, 2):
        for place in sites.position.tolist():
            seen = [base_at(reads, row, place) for row in (first, first + 1)]
            assert None in seen or seen[0] == seen[1]


def base_at(reads, row, place):
    offset = place - reads.position[row]
    if not 0 <= offset < reads.codes.shape[1]:
        return None
    return 3 - reads.codes[row, -1 - offset] if reads.reverse[row] else reads.codes[row, offset]


def test_draw_sites_keeps_its_distance():
    sites = simulate.draw_sites(GENOME, spacing=400)
    assert np.diff(sites.position).min() >= 300
    assert (sites.ref == GENOME[sites.position]).all()
    assert (sites.alt != sites.ref).all()
    assert np.ptp(np.unique(sites.fraction, return_counts=True)[1]) <= 1


def test_circular_reads_span_the_origin():
    reads = simulate.simulate_reads(GENOME[:2000], depth=50, circular=True, seed=1)
    assert (reads.position + 150 > 2000).any()
    start = int(np.flatnonzero((reads.position + 150 > 2000) & ~reads.reverse)[0])
    wrapped = np.concatenate([GENOME[:2000], GENOME[:2000]])
    place = reads.position[start]
    np.testing.assert_array_equal(reads.truth[start], wrapped[place : place + 150])


def test_haplotypes_are_drawn_by_their_share():
    shorter = np.delete(GENOME, slice(5000, 5003))
    reads = simulate.simulate_reads(
        None, haplotypes=[(GENOME, 0.75), (shorter, 0.25)], depth=50, seed=1
    )
    assert (reads.haplotype == 1).mean() == pytest.approx(0.25, abs=0.02)
    truth = simulate.true_kmers([GENOME, shorter], None, 25)
    seen = [simulate.pack_kmers(row, 25) for row in reads.truth[:500]]
    assert np.isin(simulate.canonical_kmers(np.concatenate(seen), 25), truth).all()


@pytest.mark.parametrize("motif", [None, "GGC", "homopolymer"])
def test_systematic_errors_sit_on_one_strand(motif):
    systematic = simulate.draw_systematic(GENOME, per_kb=2, motif=motif, seed=1)
    clean = simulate.QualityProfile(rate=1e-9)
    reads = simulate.simulate_reads(GENOME, depth=300, systematic=systematic, profile=clean, seed=2)
    wrong = reads.codes != reads.truth
    expected = 150 * systematic.rate.sum()
    assert wrong.sum() == pytest.approx(expected, rel=0.2)
    assert (reads.quals[wrong] < 15).mean() == pytest.approx(0.6, abs=0.1)
    assert ((reads.quals[wrong] < 15) | (reads.quals[wrong] >= 30)).all()
    row, cycle = np.nonzero(wrong)
    place = np.where(
        reads.reverse[row], reads.position[row] + 149 - cycle, reads.position[row] + cycle
    )
    index = np.searchsorted(systematic.position, place)
    assert (systematic.position[index] == place).all()
    assert (systematic.reverse[index] == reads.reverse[row]).all()


def test_motif_sites_follow_the_motif():
    systematic = simulate.draw_systematic(GENOME, per_kb=2, motif="GGC", seed=1)
    for place, reverse in zip(systematic.position, systematic.reverse, strict=True):
        before = GENOME[place - 3 : place]
        if reverse:
            before = 3 - GENOME[place + 1 : place + 4][::-1]
        assert simulate.decode(before) == "GGC"


def test_artefacts_are_flagged():
    artefacts = simulate.Artefacts(duplicates=0.1, chimeras=0.02, indels=0.05, adapters=True)
    reads = simulate.simulate_reads(GENOME, depth=100, artefacts=artefacts, insert_mean=200, seed=1)
    kinds = {
        simulate.DUPLICATE: 0.1,
        simulate.CHIMERA: 0.02,
        simulate.INDEL: 0.05,
    }
    for bit, share in kinds.items():
        assert ((reads.kind & bit) > 0).mean() == pytest.approx(share, rel=0.25)
    truth = simulate.true_kmers(GENOME, None, 31)

    def foreign(rows):
        kmers = np.concatenate([simulate.pack_kmers(row, 31) for row in rows])
        return (~np.isin(simulate.canonical_kmers(kmers, 31), truth)).mean()

    plain = (reads.kind & ~np.uint8(simulate.DUPLICATE)) == 0
    assert foreign(reads.truth[plain]) == 0
    for bit in (simulate.CHIMERA, simulate.INDEL, simulate.ADAPTER):
        assert foreign(reads.truth[reads.kind == bit]) > 0.05


@settings(max_examples=25, deadline=None)
@given(
    st.lists(st.integers(0, 3), min_size=40, max_size=80),
    st.sets(st.integers(0, 39), max_size=4),
    st.sampled_from([11, 15]),
)
def test_true_kmers_are_those_of_every_combination_of_alleles(bases, positions, k):
    genome = np.array(bases, np.uint8)
    sites = sites_at(genome, sorted(positions))
    expected = set()
    for chosen in product((False, True), repeat=len(sites)):
        version = genome.copy()
        picked = sites.position[list(chosen)] if len(sites) else []
        version[picked] = sites.alt[list(chosen)] if len(sites) else []
        expected |= slow_kmers(version, k)
    found = simulate.true_kmers(genome, sites, k)
    assert (np.diff(found.astype(object)) > 0).all()
    assert as_words(found, k) == expected


def test_true_kmers_of_a_circle_span_its_origin():
    genome = GENOME[:500]
    sites = sites_at(genome, [3, 497])
    found = as_words(simulate.true_kmers(genome, sites, 21, circular=True), 21)
    turned = np.roll(genome, 100)
    moved = sites_at(turned, [97, 103])
    expected = as_words(simulate.true_kmers(turned, moved, 21, circular=True), 21)
    assert found == expected


def test_allele_kmers_hold_the_alternative():
    sites = sites_at(GENOME, [0, 500, 19_999])
    rows = simulate.allele_kmers(GENOME, sites, 21)
    assert rows.shape == (3, 21)
    changed = GENOME.copy()
    changed[500] = sites.alt[1]
    assert as_words(rows[1], 21) == slow_kmers(changed[480:521], 21)
    everything = simulate.true_kmers(GENOME, sites, 21)
    assert np.isin(rows, everything).all()


def test_kept_alleles_counts_what_was_shown():
    sites = sites_at(GENOME, [500, 1500, 2500])
    rows = simulate.allele_kmers(GENOME, sites, 21)
    raw = np.sort(np.concatenate([rows[0], rows[1][:10]]))
    corrected = np.sort(np.concatenate([rows[0][:11], rows[1][:10]]))
    assert simulate.kept_alleles(rows, corrected).tolist() == [False, False, False]
    assert simulate.kept_alleles(rows, corrected, raw).tolist() == [False, True, False]
    assert simulate.kept_alleles(rows, corrected, raw, share=0.5).tolist() == [True, True, False]


def test_fastq_holds_the_reads(tmp_path, reads):
    simulate.write_fastq(reads, tmp_path / "a_1.fq.gz", tmp_path / "a_2.fq.gz")
    simulate.write_fastq(reads, tmp_path / "both.fq")
    mates = [gzip.decompress((tmp_path / f"a_{mate}.fq.gz").read_bytes()) for mate in (1, 2)]
    for row in (0, 1, 2, len(reads) - 1):
        lines = mates[row % 2].splitlines()[4 * (row // 2) :][:4]
        assert lines == (tmp_path / "both.fq").read_bytes().splitlines()[4 * row :][:4]
        assert lines[0] == f"@sim.{row // 2}/{row % 2 + 1}".encode()
        assert lines[1].decode() == simulate.decode(reads.codes[row])
        assert list(lines[3]) == (reads.quals[row] + 33).tolist()


def test_single_reads(tmp_path):
    reads = simulate.simulate_reads(GENOME, depth=2, paired=False)
    simulate.write_fastq(reads, tmp_path / "single.fq")
    lines = (tmp_path / "single.fq").read_text().splitlines()
    assert lines[::4] == [f"@sim.{number}" for number in range(len(reads))]


def test_batches_are_the_packages_own(reads):
    batches = list(simulate.to_batches(reads, batch_reads=1001))
    assert [len(batch) for batch in batches[:2]] == [1002, 1002]
    assert sum(len(batch) for batch in batches) == len(reads)
    second = batches[1]
    assert (second.first_read, second.paired) == (1002, True)
    assert second.names[:2] == ["sim.501/1", "sim.501/2"]
    np.testing.assert_array_equal(second.codes[:150], reads.codes[1002])
    np.testing.assert_array_equal(second.quals[:150], reads.quals[1002])
    assert second.bases[:150].tobytes().decode() == simulate.decode(reads.codes[1002])


def test_command_line_writes_reads_genome_and_sites(tmp_path):
    simulate.write_fasta(tmp_path / "genome.fa", [("g", GENOME)])
    out = tmp_path / "out"
    argv = [str(tmp_path / "genome.fa"), "-o", str(out), "--depth", "3", "--sites", "1000"]
    assert simulate.main(argv) == 0
    names = sorted(path.name for path in tmp_path.iterdir())
    assert names == [
        "genome.fa",
        "out_R1.fastq.gz",
        "out_R2.fastq.gz",
        "out_genome.fa",
        "out_sites.tsv",
    ]
    np.testing.assert_array_equal(simulate.load_genome(tmp_path / "out_genome.fa"), GENOME)
    rows = (tmp_path / "out_sites.tsv").read_text().splitlines()
    assert rows[0] == "position\tref\talt\tfraction"
    assert len(rows) == 1 + len(simulate.draw_sites(GENOME))


def test_impossible_requests_say_why(tmp_path):
    with pytest.raises(ValueError, match="does not fit"):
        simulate.simulate_reads(GENOME[:200], depth=1)
    with pytest.raises(ValueError, match="single genome"):
        simulate.simulate_reads(
            None, haplotypes=[(GENOME, 1.0)], sites=sites_at(GENOME, [5]), depth=1
        )
    with pytest.raises(ValueError, match="sites within"):
        simulate.true_kmers(GENOME, sites_at(GENOME, range(100, 120)), 31)
    (tmp_path / "one.fa").write_text(">a\nACGTN\n")
    assert simulate.load_genome(tmp_path / "one.fa").max() <= 3
    with pytest.raises(ValueError, match="record 3"):
        simulate.load_genome(tmp_path / "one.fa", record=3)
