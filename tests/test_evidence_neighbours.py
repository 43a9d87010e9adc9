"""Weak k-mers beside solid ones, against brute force over small tables."""

from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from small_samples import batch_of, clean_reads, mixture, random_sequence, reverse_complement

from benchmarks.simulators import simulate
from dbgclean.correct.kmer_moves import ALONE, KEPT, MIXED, MOVED, TIED, move_abundances
from dbgclean.evidence.cutoffs import choose_cutoffs
from dbgclean.evidence.gather import gather
from dbgclean.evidence.nearest_solid import FOUND, NONE, SOLID, TIE, find_goals
from dbgclean.evidence.neighbours import neighbour_alternatives
from dbgclean.evidence.solid import SolidGraph
from dbgclean.spectrum.histogram import fit_spectrum
from dbgclean.spectrum.kmers import canonical_kmers, kmers_to_strings, strings_to_kmers
from dbgclean.spectrum.table import KmerTable
from dbgclean.spectrum.whole import count_kmers


def canonical(text):
    return min(text, reverse_complement(text))


def table_from(counts, k):
    """A table of a dict of canonical strings."""
    texts = sorted(counts)
    n = np.array([counts[t] for t in texts], np.uint32)
    return KmerTable(k, strings_to_kmers(texts), n, np.zeros_like(n), n.copy())


def spectrum_of(table):
    return fit_spectrum(table)


def neighbours_of(text):
    """(place, k-mer) of everything one substitution away."""
    for i, own in enumerate(text):
        for base in "ACGT":
            if base != own:
                yield i, text[:i] + base + text[i + 1 :]


def by_hand(counts, upper, share=0.05):
    """State and goal of each k-mer, by the rules of `find_goals` for one substitution."""
    found = {}
    for text, count in counts.items():
        at = {}
        for place, other in neighbours_of(text):
            n = counts.get(canonical(other), 0)
            if n >= upper and n > at.get(place, (0, ""))[0]:
                at[place] = (n, other)
        ranked = sorted(at.values(), key=lambda pair: -pair[0])
        best = ranked[0][0] if ranked else 0
        rival = ranked[1][0] if len(ranked) > 1 else 0
        if count >= upper and count >= share * best:
            found[text] = (SOLID, text)
        elif best <= count:
            found[text] = (NONE, text)
        else:
            state = TIE if rival >= 0.5 * best else FOUND
            found[text] = (state, None if rival == best else ranked[0][1])
    return found


def weak_table(seed, k, n=60):
    """Random k-mers, and around each some that differ in one base or two."""
    rng = np.random.default_rng(seed)
    counts = Counter()
    for _ in range(n):
        text = "".join(rng.choice(list("ACGT"), k))
        counts[canonical(text)] += int(rng.choice([3, 20, 40, 300]))
        for _ in range(rng.integers(0, 6)):
            letters = list(text)
            for place in rng.integers(0, k, rng.integers(1, 3)):
                letters[place] = rng.choice(list("ACGT"))
            counts[canonical("".join(letters))] += int(rng.choice([1, 2, 5, 25]))
    return dict(counts)


@pytest.mark.parametrize("k", [11, 21, 31])
@pytest.mark.parametrize("upper", [2, 5])
def test_one_substitution_is_what_brute_force_finds(k, upper):
    counts = weak_table(k + upper, k)
    table = table_from(counts, k)
    goals = find_goals(table, SolidGraph.build(table, upper, 2), threads=2)
    expected = by_hand(counts, upper)
    texts = kmers_to_strings(table.keys, k)
    its = kmers_to_strings(goals.goal, k)
    found = Counter()
    for text, state, goal in zip(texts, goals.state.tolist(), its, strict=True):
        wanted, where = expected[text]
        # What brute force has no goal for may still be reached from an overlap.
        if wanted != NONE:
            assert state == wanted, text
            assert where in (None, goal)
        found[wanted] += 1
    assert all(found[state] for state in (SOLID, FOUND, NONE))


def errors_in(genome, where, length=80, k=21, deep=30):
    """Table of clean reads and one read with other bases at some places of the genome."""
    reads = clean_reads(genome, length=length, depth=deep)
    letters = list(genome)
    for place, base in where.items():
        letters[place] = base
    first = min(where) - length // 2
    reads.append("".join(letters)[first : first + length])
    return count_kmers([batch_of(reads)], k)


def other(base):
    return {"A": "C", "C": "G", "G": "T", "T": "A"}[base]


@pytest.mark.parametrize("apart", [1, 4, 15])
def test_two_errors_of_a_read_lead_to_the_genome(apart):
    """k-mers over both errors get their goal from those over one."""
    k, genome = 21, random_sequence(1500, seed=8)
    places = [700, 700 + apart]
    table = errors_in(genome, {p: other(genome[p]) for p in places}, k=k)
    found = neighbour_alternatives(table, spectrum_of(table))
    true = {canonical(genome[i : i + k]) for i in range(len(genome) - k + 1)}
    assert len(found.row) == k + apart
    assert (found.target >= 0).all()
    goals = kmers_to_strings(table.keys[found.target], k)
    assert set(goals) <= true
    assert Counter((found.of_alternative >= 0).sum(1).tolist())[2] == k - apart
    alternatives = found.alternatives
    assert len(alternatives) == 2
    assert alternatives.fragments.tolist() == [1, 1]
    wanted = {
        canonical(genome[p - 15 : p] + other(genome[p]) + genome[p + 1 : p + 16]) for p in places
    }
    assert set(kmers_to_strings(alternatives.key, 31)) == wanted


@pytest.mark.parametrize("k", [17, 21, 25, 31])
def test_keys_are_those_of_threaded_reads(k):
    """A lone error far from others is the same alternative with reads and without."""
    genome = random_sequence(3000, seed=4)
    places = list(range(300, 2700, 150))
    letters = list(genome)
    for place in places:
        letters[place] = other(genome[place])
    wrong = "".join(letters)
    reads = clean_reads(genome, length=100, depth=30)
    reads += [wrong[p - 50 : p + 50] for p in places]
    table = count_kmers([batch_of(reads)], k)
    spectrum = spectrum_of(table)
    without = neighbour_alternatives(table, spectrum).alternatives
    batch = batch_of(reads)
    with_reads = gather([batch], table, spectrum).alternatives
    assert len(without) == len(places)
    np.testing.assert_array_equal(without.key, with_reads.key)
    np.testing.assert_array_equal(without.to, with_reads.to)
    np.testing.assert_array_equal(without.fragments, with_reads.fragments)


def test_reads_that_do_not_overlap_at_one_place_count_apart():
    """Two reads show the base, at either end: no k-mer is seen twice, and there are two."""
    k, genome = 21, random_sequence(1500, seed=9)
    place = 700
    wrong = genome[:place] + other(genome[place]) + genome[place + 1 :]
    reads = clean_reads(genome, length=80, depth=30)
    reads += [wrong[place - 75 : place + 5], wrong[place - 5 : place + 75]]
    table = count_kmers([batch_of(reads)], k)
    found = neighbour_alternatives(table, spectrum_of(table)).alternatives
    assert found.fragments.tolist() == [2]


def test_depths_are_in_reads():
    """A k-mer is seen by fewer reads than a base: lone errors tell how many."""
    reads, _, _ = mixture(length=20000, depth=60, fractions=(0.5,), read_length=100)
    table = count_kmers(simulate.to_batches(reads), 31)
    found = neighbour_alternatives(table, fit_spectrum(table))
    assert found.context.peak == pytest.approx(60, rel=0.1)
    assert found.context.error_rate == pytest.approx(0.004, rel=0.15)
    assert np.median(found.alternatives.depth.sum(1)) == pytest.approx(60, rel=0.15)


def evidence_of(table, threads=1):
    return neighbour_alternatives(table, fit_spectrum(table), threads)


@pytest.fixture(scope="module")
def sample():
    """Table of a mixture with errors, k 21."""
    reads, _, _ = mixture(length=12000, depth=120, fractions=(0.5, 0.2, 0.05, 0.02))
    return count_kmers(simulate.to_batches(reads), 21)


def assert_same(one, two):
    for name in ("row", "target", "goal", "tied", "of_alternative"):
        np.testing.assert_array_equal(getattr(one, name), getattr(two, name))
    for name in one.alternatives.__slots__:
        np.testing.assert_array_equal(
            getattr(one.alternatives, name), getattr(two.alternatives, name)
        )


def test_threads_change_nothing(sample):
    assert_same(evidence_of(sample), evidence_of(sample, 3))


def test_strands_and_qualities_are_not_looked_at(sample):
    """What is counted from reads gives what a dump of it gives."""
    dump = replace(
        sample,
        reverse=np.zeros_like(sample.counts),
        high_quality=sample.counts.copy(),
    )
    assert_same(evidence_of(sample), evidence_of(dump))


def test_what_only_reads_know_is_missing(sample):
    found = evidence_of(sample)
    support = found.alternatives.support
    known = np.isfinite(support).all(0)
    assert known[:2].all()
    assert np.isnan(support[:, 2:]).all()
    assert not found.alternatives.mean_quality.any()
    assert len(found.edits) == len(found.changes) == 0
    assert not any(found.reads.values())


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10**6), st.sampled_from([11, 21, 31]))
def test_reverse_complements_make_the_same_table_and_evidence(seed, k):
    """Reads turned round give canonical k-mers that are the same, and keys are canonical."""
    genome = random_sequence(400, seed=seed)
    reads = clean_reads(genome, length=60, depth=20)
    rng = np.random.default_rng(seed)
    for i in rng.integers(0, len(reads), 6):
        letters = list(reads[i])
        letters[rng.integers(0, 60)] = "ACGT"[rng.integers(0, 4)]
        reads.append("".join(letters))
    one = count_kmers([batch_of(reads)], k)
    two = count_kmers([batch_of([reverse_complement(r) for r in reads])], k)
    assert_same(evidence_of(one), evidence_of(two))
    keys = evidence_of(one).alternatives.key
    np.testing.assert_array_equal(canonical_kmers(keys, 31), keys)


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10**6), st.sampled_from([11, 21, 31]), st.floats(0, 1))
def test_abundance_moves_and_none_is_lost(seed, k, share):
    """Whatever is judged: the sum stays, what stands is not touched, nothing moves onto errors."""
    table = table_from(weak_table(seed, k, 25), k)
    found = evidence_of(table)
    kept = np.random.default_rng(seed).random(len(found.alternatives)) < share
    moves = move_abundances(table, found, kept)
    assert moves.table.total == table.total
    moved = found.row[moves.fate == MOVED]
    assert moves.abundance == int(table.counts[moved].sum())
    assert not np.isin(table.keys[moved], moves.table.keys).any()
    assert len(moves.table) == len(table) - len(moved)
    stays = np.isin(table.keys, moves.table.keys)
    assert (moves.table.counts >= table.counts[stays]).all()
    np.testing.assert_array_equal(moves.protected, table.keys[found.row[moves.fate == KEPT]])
    assert moves.count()["kmers_moved"] + moves.count()["kmers_kept"] + sum(
        moves.refused().values()
    ) == len(found.row)


def test_everything_real_moves_nothing(sample):
    found = evidence_of(sample)
    moves = move_abundances(sample, found, np.ones(len(found.alternatives), bool))
    np.testing.assert_array_equal(moves.table.keys, sample.keys)
    np.testing.assert_array_equal(moves.table.counts, sample.counts)
    assert not np.isin(moves.fate, (MOVED, TIED, MIXED)).any()


def test_an_error_beside_a_kept_allele_moves_to_the_allele():
    k, genome = 21, random_sequence(1500, seed=8)
    site, wrong = 700, 706
    letters = list(genome)
    letters[site] = other(genome[site])
    allele = "".join(letters)
    letters[wrong] = other(genome[wrong])
    both = "".join(letters)
    reads = clean_reads(genome, length=80, depth=60)
    reads += [allele[660:740]] * 3 + [both[660:740]]
    table = count_kmers([batch_of(reads)], k)
    assert choose_cutoffs(fit_spectrum(table))[0] == 5
    found = neighbour_alternatives(table, fit_spectrum(table))
    kept = found.alternatives.fragments > 2
    assert kept.sum() == 1
    moves = move_abundances(table, found, kept)
    for start in range(wrong - k + 1, site + 1):
        clean = strings_to_kmers([allele[start : start + k]])
        assert moves.table.abundance(clean) == table.abundance(clean) + 1
        assert moves.table.abundance(strings_to_kmers([both[start : start + k]])) == 0
    assert not np.isin(moves.fate, (TIED, ALONE, MIXED)).any()


def test_nothing_weak_is_no_trouble():
    genome = random_sequence(600, seed=3)
    table = count_kmers([batch_of(clean_reads(genome, length=60, depth=20))], 21)
    found = evidence_of(table)
    assert len(found.row) == len(found.alternatives) == 0
    moves = move_abundances(table, found, np.zeros(0, bool))
    assert moves.table.total == table.total


def test_an_allele_that_is_solid_in_part_counts_whole():
    """Four k-mers fewer than the cutoff are judged with the reads of those that reach it."""
    k, genome, site = 21, random_sequence(1500, seed=8), 700
    allele = genome[:site] + other(genome[site]) + genome[site + 1 :]
    reads = clean_reads(genome, length=80, depth=60)
    reads += [allele[640:720]] * 4 + [allele[690:770]] * 4
    table = count_kmers([batch_of(reads)], k)
    found = neighbour_alternatives(table, fit_spectrum(table))
    counts = [table.abundance(strings_to_kmers([allele[s : s + k]]))[0] for s in range(680, 701)]
    assert max(counts) >= choose_cutoffs(fit_spectrum(table))[0] > min(counts)
    assert len(found.row) < k
    assert found.alternatives.fragments.tolist() == [8]
