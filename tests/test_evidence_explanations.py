"""The second look at the reads of a site: who shows what, and which process explains it."""

from dataclasses import replace

import numba
import numpy as np
import pytest
from small_samples import batch_of, random_sequence, reverse_complement, table_of

from benchmarks.simulators import simulate
from benchmarks.simulators.family import FAMILIES
from dbgclean.correct.verdicts import ERROR, UNDECIDED, Verdicts, spare_clear
from dbgclean.evidence.alternatives import COLUMNS
from dbgclean.evidence.edits import FLANK, WINDOW
from dbgclean.evidence.gather import gather
from dbgclean.evidence.sites import Sites, make_filter, passes
from dbgclean.evidence.weigh_kernels import OUT, at_best
from dbgclean.reads import ReadBatch
from dbgclean.spectrum.histogram import fit_spectrum
from dbgclean.spectrum.kmers import canonical_kmers, pack

K = 25
REAL = 9.0


def key_of(text):
    """Canonical 31-mer of a string."""
    codes = np.array(["ACGT".index(c) for c in text], np.uint8)
    return canonical_kmers(np.array([pack(codes, 0, WINDOW)], np.uint64), WINDOW)[0]


@numba.njit
def passing(bits, keys):
    """How many k-mers a filter lets through."""
    return sum([passes(bits, key) for key in keys])


@pytest.mark.parametrize("n", [0, 1, 1000, 300_000])
def test_a_filter_lets_through_its_own_and_few_others_however_many_they_are(n):
    drawn = np.random.default_rng(n).integers(0, 1 << 2 * WINDOW, n + 100_000).astype(np.uint64)
    own, others = drawn[:n], drawn[n:]
    bits = make_filter(own)
    assert passing(bits, own) == n
    assert passing(bits, others) < 0.02 * len(others)


def shown_by_hand(reads, keys):
    """(site, read, place, base along the key, against) of every exact match but the middle."""
    found = set()
    for row, key in enumerate(keys):
        text = "".join("ACGT"[(int(key) >> 2 * (WINDOW - 1 - i)) & 3] for i in range(WINDOW))
        flanks = text[:FLANK], text[FLANK + 1 :]
        for number, read in enumerate(reads):
            for against, letters in enumerate((read, reverse_complement(read))):
                for start in range(len(letters) - WINDOW + 1):
                    window = letters[start : start + WINDOW]
                    if (window[:FLANK], window[FLANK + 1 :]) != flanks or window[FLANK] == "N":
                        continue
                    at = start + FLANK
                    at = len(read) - 1 - at if against else at
                    found.add((row, number, at, "ACGT".index(window[FLANK]), against))
    return found


@pytest.mark.parametrize("paired", [False, True])
def test_reads_over_sites_are_those_that_show_them(paired):
    rng = np.random.default_rng(3)
    genome = random_sequence(300, 5)
    reads = []
    for _ in range(120):
        start = int(rng.integers(0, 220))
        read = list(genome[start : start + 80])
        for place in rng.choice(80, 2):
            read[place] = "ACGTN"[rng.integers(5)]
        read = "".join(read)
        reads.append(reverse_complement(read) if rng.random() < 0.5 else read)
    keys = np.array([key_of(genome[i : i + WINDOW]) for i in (40, 90, 91, 200)], np.uint64)
    sites = Sites(keys, np.full(len(keys), 30.0))
    parts = [batch_of(reads[:60], paired=paired), batch_of(reads[60:], paired=paired)]
    for threads in (1, 2):
        seen = sites.read([(0, parts[0]), (60, parts[1])], threads)
        found = set()
        for row, site in enumerate(sites.of_key):
            for i in range(seen.bounds[site], seen.bounds[site + 1]):
                number = int(seen.fragment[i]) + int(seen.mate[i])
                assert paired or seen.mate[i] == 0
                place, base = int(seen.position[i]), int(seen.base[i])
                found.add((row, number, place, base, int(seen.strand[i])))
        assert found == shown_by_hand(reads, keys)


def test_a_deep_site_is_told_by_a_share_of_its_fragments():
    genome = random_sequence(80, 5)
    batch = batch_of([genome] * 9000)
    sites = Sites(np.array([key_of(genome[20 : 20 + WINDOW])]), np.array([9000.0]))
    seen = sites.read([(0, batch)])
    assert 1700 < len(seen.base) < 2300


def sample_of(family, depth=200.0, length=12_000, seed=2):
    """Evidence of a family's draw with the second look, and which alternatives are true."""
    genome = simulate.random_genome(length, seed=9)
    sample = FAMILIES[family].draw(seed, depth=depth, genome=genome)
    batches = list(simulate.to_batches(sample))
    table = table_of(*batches, k=K)
    evidence = gather(batches, table, fit_spectrum(table, K), again=lambda: batches)
    return evidence, np.isin(evidence.alternatives.key, sample.truth.kmers)


def kept(ratio, true):
    """How many true and how many false alternatives pass."""
    return np.count_nonzero((ratio > REAL) & true), np.count_nonzero((ratio > REAL) & ~true)


def test_where_errors_are_independent_it_is_the_plain_ratio():
    evidence, _ = sample_of("independent")
    a = evidence.alternatives
    assert evidence.explained is not None
    rows = evidence.explained.rows
    apart = evidence.explained.figures[:, OUT.index("per_fragment")] == 1
    real = evidence.explained.figures[apart, OUT.index("real")]
    assert real == pytest.approx(a.likelihood[rows[apart]], abs=1e-9)
    assert np.array_equal(a.odds > REAL, a.likelihood > REAL)


@pytest.mark.parametrize(("family", "least"), [("strand", 0.5), ("oxidation", 0.7)])
def test_errors_that_recur_are_explained(family, least):
    evidence, true = sample_of(family, length=40_000)
    a = evidence.alternatives
    plain, known = kept(a.likelihood, true), kept(a.odds, true)
    assert plain[1] >= 6
    assert known[1] <= (1 - least) * plain[1]
    assert known[0] >= 0.9 * plain[0]


def test_copies_of_one_molecule_are_one():
    evidence, true = sample_of("duplicates", length=40_000)
    a = evidence.alternatives
    assert evidence.explained is not None
    figures = evidence.explained.figures
    fragments = a.fragments[evidence.explained.rows]
    molecules = figures[:, OUT.index("molecules")]
    assert (molecules <= fragments).all()
    assert 0.2 < figures[:, OUT.index("per_fragment")].mean() < 0.35
    plain, known = kept(a.likelihood, true), kept(a.odds, true)
    assert known[1] < 0.35 * plain[1]
    assert known[0] >= 0.75 * plain[0]


def test_one_end_for_all_is_an_amplicon_and_tells_no_molecules():
    evidence, true = sample_of("amplicons")
    assert evidence.explained is not None
    assert evidence.explained.prior == -np.inf
    figures = evidence.explained.figures
    a, rows = evidence.alternatives, evidence.explained.rows
    assert (figures[:, OUT.index("molecules")] == a.fragments[rows]).all()
    # An allele that a primer hides on one strand stands as it does by the plain ratio.
    plain, known = kept(a.likelihood, true), kept(a.odds, true)
    assert known[0] >= plain[0]
    assert known[1] <= plain[1]


def in_an_overlap(place, both):
    """Plain and other log odds of an allele of 10 % in the overlap of two amplicons.

    These are of 400 bases, from 0 and from 300, read from both ends; the first one's reads
    show the allele at ``place``, and, where ``both``, the second one's.
    """
    genome = simulate.random_genome(700, seed=5)
    changed = genome.copy()
    changed[place] = (changed[place] + 1) % 4
    rows = []
    for start in (0, 300):
        for i in range(200):
            source = changed if i < 20 and (both or start == 0) else genome
            molecule = source[start : start + 400]
            rows += [molecule[:150], 3 - molecule[:-151:-1]]
    codes = np.concatenate(rows).astype(np.uint8)
    bases = np.frombuffer(b"ACGT", np.uint8)[codes]
    offsets = np.arange(len(rows) + 1) * 150
    batch = ReadBatch(bases, codes, np.full(len(codes), 35, np.uint8), offsets, [], 0, True)
    table = table_of(batch, k=K)
    evidence = gather(
        [batch], table, fit_spectrum(table, K), cutoffs=(100, 50), again=lambda: [batch]
    )
    a = evidence.alternatives
    assert evidence.explained is not None
    assert evidence.explained.told[1]
    assert len(a) == 1
    return a.likelihood[0], a.odds[0]


def test_the_other_amplicon_of_an_overlap_denies_unless_its_primer_hides():
    plain, odds = in_an_overlap(350, both=False)
    assert plain > 100 > REAL > odds
    plain, odds = in_an_overlap(350, both=True)
    assert min(plain, odds) > 100
    plain, odds = in_an_overlap(320, both=False)
    assert odds >= plain > 100


def test_batches_and_threads_make_no_difference():
    genome = simulate.random_genome(6000, seed=9)
    sample = FAMILIES["strand"].draw(4, depth=100.0, genome=genome)
    whole = list(simulate.to_batches(sample))
    parts = list(simulate.to_batches(sample, 300))
    table = table_of(*whole, k=K)
    one, two = (
        gather(batches, table, fit_spectrum(table, K), threads, again=lambda b=batches: b)
        for batches, threads in ((whole, 1), (parts, 2))
    )
    assert np.array_equal(one.alternatives.odds, two.alternatives.odds)


@pytest.mark.parametrize("others", [10.0, 200.0])
def test_a_fragment_more_of_good_quality_never_speaks_against_the_base(others):
    values = [at_best(np.full(n, 1000.0), np.int64(n), others)[0] for n in range(1, 40)]
    assert (np.diff(values) > 0).all()


def test_what_a_fifth_of_twenty_shows_is_no_error_but_from_one_side():
    evidence, _ = sample_of("independent")
    rows = np.zeros(4, np.int64)
    a = evidence.alternatives
    support = a.support[rows].copy()
    for name, values in (
        ("fragments", [5, 5, 5, 4]), ("reverse", [2, 0, 2, 2]), ("second", [2, 2, 0, 2])
    ):  # fmt: skip
        support[:, COLUMNS.index(name)] = values
    per_row = {f: getattr(a, f)[rows] for f in a.__slots__ if f not in ("of_edit", "rates")}
    per_row |= {"support": support, "depth": np.full((4, 2), 10.0)}
    few = replace(a, **per_row)
    all_wrong = Verdicts(np.full(4, ERROR, np.uint8), np.zeros(4, np.float32))
    assert spare_clear(few, all_wrong).verdict.tolist() == [UNDECIDED, ERROR, ERROR, ERROR]
