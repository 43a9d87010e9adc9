"""Edits pooled over reads, fragments and strands: against a plain Python oracle."""

import math
from collections import defaultdict
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from small_samples import batch_of, mixture, reverse_complement, strings_of, table_of, turned

from benchmarks.simulators import simulate
from dbgclean.evidence.alternatives import COLUMNS, pool_edits
from dbgclean.evidence.edits import FLANK, WINDOW, Edits, collect_edits, quality_profile
from dbgclean.evidence.gather import gather
from dbgclean.evidence.mates import AGREES, DENIES
from dbgclean.evidence.rates import error_rates
from dbgclean.evidence.solid import SolidGraph
from dbgclean.evidence.threading import thread_batch
from dbgclean.spectrum.histogram import fit_spectrum
from dbgclean.spectrum.kmers import kmers_to_strings

K = 25
# For an alternative and its other strand.
STRANDED = {"reverse": "fragments", "high_quality_reverse": "high_quality"}


@pytest.fixture(scope="module")
def sample():
    """Pairs whose mates overlap, with allele sites."""
    reads, genome, sites = mixture(length=4000, depth=30, insert=120, seed=3)
    return reads, genome, sites, next(simulate.to_batches(reads))


def found_in(batch, first_read=0):
    table = table_of(batch, k=K)
    graph = SolidGraph.build(table, 5, 3)
    threads = thread_batch(batch, graph)
    return collect_edits(batch, threads, graph, first_read), quality_profile(batch, threads), table


@pytest.fixture(scope="module")
def pooled(sample):
    edits, profile, table = found_in(sample[3])
    return edits, profile, table, pool_edits(edits, profile, table, 100.0)


def window_of(key):
    return kmers_to_strings(np.array([key], np.uint64), WINDOW)[0]


def test_edits_are_where_reads_and_paths_differ(sample, pooled):
    """Key, place and strand of each edit, from the read's own letters."""
    batch, edits = sample[3], pooled[0]
    reads = strings_of(batch)
    assert len(edits) > 200
    for i in range(len(edits)):
        read, at = reads[edits.read[i]], edits.position[i]
        window = window_of(edits.key[i])
        assert window <= reverse_complement(window)
        if edits.strand[i]:
            window = reverse_complement(window)
        assert window[FLANK] == read[at]
        # Where the read holds no other edit its own flanks are those of the window.
        low, high = max(0, at - FLANK), min(len(read), at + FLANK + 1)
        shown = read[low:high]
        wanted = window[low - at + FLANK : high - at + FLANK]
        differing = sum(a != b for a, b in zip(shown, wanted, strict=True))
        assert differing == int(edits.co_edits[i]).bit_count()
        assert edits.end_distance[i] == min(at, len(read) - 1 - at)
        assert edits.quality[i] == batch.quals[batch.offsets[edits.read[i]] + at]
        assert edits.fragment[i] == edits.read[i] // 2 * 2


def speakers(edits, rows):
    """Of each fragment's edits in a row, the first one of the highest quality."""
    best = {}
    for row in rows:
        fragment = edits.fragment[row]
        if fragment not in best or edits.quality[row] > edits.quality[best[fragment]]:
            best[fragment] = row
    return list(best.values())


def oracle_row(edits, rows, rates, profile):
    """What `Alternatives.support` should hold, counted one by one."""
    speak = speakers(edits, rows)
    n = len(speak)
    quality = [int(edits.quality[e]) for e in speak]
    flanks = []
    for e in speak:
        near = [int(edits.qualities[e, w]) for w in range(FLANK - 5, FLANK + 6) if w != FLANK]
        near = [q for q in near if q > 0]
        flanks.append(sum(near) / max(1, len(near)))
    good = [e for e in speak if edits.quality[e] >= 20]
    return {
        "fragments": n,
        "reads": len(rows),
        "reverse": sum(int(edits.strand[e]) for e in speak),
        "disputed": sum(int(edits.disputed[e]) for e in speak),
        "high_quality": len(good),
        "high_quality_reverse": sum(int(edits.strand[e]) for e in good),
        "quality": sum(quality) / n,
        "best_quality": max(quality),
        "log_error": sum(math.log(error_of(edits, e, rates)) for e in speak),
        "placements": len({(int(edits.position[e]), int(edits.strand[e])) for e in speak}),
        "end_distance": sum(int(edits.end_distance[e]) for e in speak) / n,
        "near_end": sum(int(edits.end_distance[e]) < 10 for e in speak),
        "co_edits": sum(int(edits.co_edits[e]).bit_count() for e in speak) / n,
        "flank_quality": sum(flanks) / n,
        "low_quality": sum(q < 15 for q in quality),
        "quality_rank": sum(rank_of(q, profile) for q in quality) / n,
        "agreed": sum(int(edits.mate[e] == AGREES) for e in speak),
        "denied": sum(int(edits.mate[e] == DENIES) for e in speak),
        "second": sum(int(edits.read[e] - edits.fragment[e]) for e in speak),
    }


def rank_of(quality, profile):
    """Share of the sample's bases that are of lower quality, ties counting half."""
    seen = profile.sum(0)
    return (seen[:quality].sum() + seen[quality] / 2) / seen.sum()


def error_of(edits, e, rates):
    """Rate of this very substitution at this quality, on the read's strand."""
    middle = (int(edits.key[e]) >> (2 * FLANK)) & 3
    to = int(edits.to[e])
    if edits.strand[e]:
        middle, to = 3 - middle, 3 - to
    return rates[to, middle, edits.quality[e]]


def weight_of(edits, e, rates):
    """How much likelier the fragment's reads are from a molecule with the base."""
    error = error_of(edits, e, rates)
    mate_error = min(max(10 ** (-max(int(edits.mate_quality[e]), 2) / 10), 1e-4), 0.5)
    weight = (1 - 3 * error) / error
    if edits.mate[e] == AGREES:
        weight *= (1 - mate_error) / (mate_error / 3)
    if edits.mate[e] == DENIES:
        # What a mate shows may be another copy of a tandem repeat.
        weight *= max((mate_error / 3) / (1 - mate_error), 0.02)
    return min(weight, 2e4)


def oracle_likelihood(weights, others):
    """max over f of sum ln[f w + (1 - f)] + D ln(1 - f)."""
    n, others = len(weights), max(others, 1.0)
    values = []
    for factor in (0.4, 0.6, 0.8, 1.0, 1.25):
        f = min(0.99, factor * n / (others + n))
        support = sum(math.log(f * weight + 1 - f) for weight in weights)
        values.append((support + others * math.log(1 - f), f))
    return max(values)


def check_pool(edits, alternatives, profile):
    groups = defaultdict(list)
    for row, key in enumerate(edits.key.tolist()):
        groups[key].append(row)
    assert alternatives.key.tolist() == sorted(groups)
    for at, (key, rows) in enumerate(sorted(groups.items())):
        row = oracle_row(edits, rows, alternatives.rates, profile)
        assert set(row) == set(COLUMNS)
        for name, value in row.items():
            assert alternatives.column(name)[at] == pytest.approx(value), name
        assert alternatives.fragments[at] == row["fragments"]
        assert set(alternatives.of_edit[rows].tolist()) == {at}
        votes = np.bincount(edits.to[speakers(edits, rows)], minlength=4)
        assert alternatives.to[at] == votes.argmax()
        assert alternatives.base[at] == (key >> (2 * FLANK)) & 3
        weights = [weight_of(edits, e, alternatives.rates) for e in speakers(edits, rows)]
        value, f = oracle_likelihood(weights, alternatives.depth[at].sum())
        assert alternatives.likelihood[at] == pytest.approx(value, abs=1e-9)
        assert alternatives.fraction[at] == pytest.approx(f)
        site = key & ~(3 << (2 * FLANK))
        beside = [len(speakers(edits, g)) for other, g in groups.items() if other != key
                  and other & ~(3 << (2 * FLANK)) == site]  # fmt: skip
        assert alternatives.siblings[at] == sum(beside)


def test_a_sample_pools_as_counted_one_by_one(pooled):
    edits, profile, _, alternatives = pooled
    check_pool(edits, alternatives, profile)
    assert (alternatives.fragments < alternatives.column("reads")).any()


KEYS = np.array([3 << 40 | i << 30 | 77 for i in range(4)] + [5], np.uint64)
EDIT = st.tuples(
    st.integers(0, len(KEYS) - 1),  # key
    st.integers(0, 3),  # to, made to differ from the key's base
    st.booleans(),  # strand
    st.integers(0, 11),  # read
    st.integers(0, 149),  # position
    st.integers(2, 41),  # quality
    st.booleans(),  # disputed
    st.integers(0, 2),  # what the mate says
)


@settings(max_examples=60)
@given(st.lists(EDIT, max_size=40), st.booleans())
def test_any_edits_pool_as_counted_one_by_one(rows, paired):
    rows = sorted(rows, key=lambda row: row[3])
    edits = Edits.empty(len(rows))
    for i, (key, to, strand, read, position, quality, disputed, mate) in enumerate(rows):
        edits.key[i] = KEYS[key]
        base = (int(KEYS[key]) >> (2 * FLANK)) & 3
        edits.to[i] = to if to != base else (to + 1) % 4
        edits.strand[i], edits.read[i], edits.position[i] = strand, read, position
        edits.fragment[i] = read // 2 * 2 if paired else read
        edits.quality[i], edits.disputed[i] = quality, disputed
        edits.mate[i], edits.mate_quality[i] = mate, (quality + 7) % 42 * (mate > 0)
        edits.end_distance[i] = min(position, 149 - position)
        edits.qualities[i, 5 : 5 + position % 26] = quality
        edits.co_edits[i] = (position * 2654435761) & 0x7FFF7FFF & ~(1 << FLANK)
    profile = np.zeros((4, 94), np.int64)
    profile[:, 30] = 1000
    check_pool(edits, pool_edits(edits, profile, table_of(batch_of([]), k=K), 150.0), profile)


def test_depth_is_that_of_the_deepest_kmer_over_the_site(pooled):
    """For each base but the alternative's own, from the table by strings."""
    _, _, table, alternatives = pooled
    counts = {
        kmer: (int(n), int(r))
        for kmer, n, r in zip(
            kmers_to_strings(table.keys, K), table.counts, table.reverse, strict=True
        )
    }
    scale = 100 / (100 - K + 1)
    for at in range(len(alternatives)):
        window = window_of(alternatives.key[at])
        total = np.zeros(2)
        for code, base in enumerate("ACGT"):
            if base == window[FLANK]:
                continue
            other = window[:FLANK] + base + window[FLANK + 1 :]
            best = (0, 0)
            for s in range(FLANK - K + 1 if K <= FLANK else 0, WINDOW - K + 1):
                kmer = other[s : s + K]
                turn = reverse_complement(kmer)
                n, r = counts.get(min(kmer, turn), (0, 0))
                pair = (n - r, r) if kmer <= turn else (r, n - r)
                if sum(pair) > sum(best):
                    best = pair
            total += best
            if code == alternatives.to[at]:
                assert alternatives.to_depth[at] == pytest.approx(sum(best) * scale)
        np.testing.assert_allclose(alternatives.depth[at], total * scale)


def test_mates_count_once():
    """Two mates over the same bases are one fragment, as good as the better of them."""
    reads, genome, _ = mixture(length=2000, depth=30, spacing=None, seed=8)
    letters = simulate.decode(genome)
    hit = list(letters[500:600])
    hit[50] = "A" if hit[50] != "A" else "C"
    read = "".join(hit)
    pair = batch_of([read, reverse_complement(read)], [np.full(100, 20), np.full(100, 35)])
    deep = next(simulate.to_batches(reads))
    table = table_of(deep, pair, k=K)
    graph = SolidGraph.build(table, 5, 3)
    for paired, fragments in ((True, 1), (False, 2)):
        batch = replace(pair, paired=paired)
        threads = thread_batch(batch, graph)
        edits = collect_edits(batch, threads, graph, first_read=10)
        assert edits.read.tolist() == [10, 11]
        pool = pool_edits(edits, quality_profile(batch, threads), table, 100.0)
        assert pool.fragments.tolist() == [fragments]
        assert pool.column("reads").tolist() == [2]
        assert pool.column("best_quality").tolist() == [35]


def test_other_strand_gives_the_same_alternatives(sample, pooled):
    """Keys, support and depth of every read's reverse complement, with its qualities."""
    edits, _, _, one = pooled
    mirrored, profile, table = found_in(turned(sample[3]))
    by_place = np.lexsort((99 - mirrored.position, mirrored.read))
    for name in ("key", "to", "read", "fragment", "quality", "end_distance", "disputed"):
        np.testing.assert_array_equal(getattr(mirrored, name)[by_place], getattr(edits, name))
    np.testing.assert_array_equal(mirrored.strand[by_place], 1 - edits.strand)
    np.testing.assert_array_equal(mirrored.position[by_place], 99 - edits.position)
    np.testing.assert_array_equal(mirrored.qualities[by_place], edits.qualities)
    np.testing.assert_array_equal(mirrored.co_edits[by_place], edits.co_edits)
    two = pool_edits(mirrored, profile, table, 100.0)
    for name in ("key", "to", "siblings", "mean_quality", "co_edited"):
        np.testing.assert_array_equal(getattr(two, name), getattr(one, name))
    np.testing.assert_allclose(two.depth, one.depth[:, ::-1])
    np.testing.assert_allclose(two.likelihood, one.likelihood)
    for name in COLUMNS:
        expected = one.column(name)
        if name in STRANDED:
            expected = one.column(STRANDED[name]) - expected
        np.testing.assert_allclose(two.column(name), expected, err_msg=name)


@pytest.mark.parametrize("rate", [0.002, 0.01])
def test_rates_are_those_of_the_sequencer(rate):
    reads, _, _ = mixture(
        length=8000, depth=40, spacing=None, profile=simulate.UniformProfile(rate), seed=4
    )
    edits, profile, _ = found_in(next(simulate.to_batches(reads)))
    sizes = np.unique(edits.key, return_inverse=True, return_counts=True)
    rates = error_rates(edits, sizes[2][sizes[1]], profile)
    assert rates.shape == (4, 4, 94)
    quality = round(-10 * math.log10(rate))
    total = rates[:, :, quality].sum(1)
    np.testing.assert_allclose(total, rate, rtol=0.3)
    # What was never seen keeps its nominal rate.
    np.testing.assert_allclose(rates[:, :, 40].sum(1), 1e-4, rtol=0.3)
    assert rates[:, :, :].min() >= 1e-7
    assert rates.max() <= 0.25


ARRAYS = {
    "alternatives": ("key", "to", "support", "depth", "to_depth", "siblings", "likelihood",
                     "fraction", "mean_quality", "co_edited", "of_edit", "rates"),
    "edits": ("key", "to", "strand", "read", "fragment", "position", "quality"),
    "changes": ("read", "position", "kind", "value", "size"),
}  # fmt: skip


@pytest.mark.parametrize(("threads", "batch_reads"), [(2, 100_000), (1, 64), (3, 500), (1, 2)])
def test_neither_batches_nor_threads_make_a_difference(threads, batch_reads):
    artefacts = simulate.Artefacts(chimeras=0.05, indels=0.05)
    reads, _, _ = mixture(length=3000, depth=20, artefacts=artefacts, seed=6)
    whole = next(simulate.to_batches(reads))
    table = table_of(whole, k=K)
    spectrum = fit_spectrum(table)
    one = gather([whole], table, spectrum)
    two = gather(simulate.to_batches(reads, batch_reads), table, spectrum, threads)
    assert one.reads == two.reads
    for name, value in vars(one.context).items():
        np.testing.assert_array_equal(getattr(two.context, name), value, err_msg=name)
    for part, names in ARRAYS.items():
        for name in names:
            first, second = getattr(getattr(one, part), name), getattr(getattr(two, part), name)
            np.testing.assert_array_equal(first, second, err_msg=f"{part}.{name}")
    assert {1, 2, 3} <= set(one.changes.kind.tolist())


def test_no_reads_no_evidence():
    table = table_of(batch_of([]), k=K)
    evidence = gather([batch_of([])], table, fit_spectrum(table))
    assert len(evidence.alternatives) == len(evidence.edits) == len(evidence.changes) == 0
    assert set(evidence.reads.values()) == {0}
