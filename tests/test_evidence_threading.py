"""Reads through the solid graph: drawn cases, and properties of all of it.

Every drawn case is a read of a random circular genome that clean reads cover 40 times.
The read itself is counted too, as it would be in a run.
"""

import numba
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from small_samples import (
    batch_of,
    clean_reads,
    mixture,
    random_sequence,
    reverse_complement,
    strings_of,
    table_of,
    turned,
)

from benchmarks.simulators import simulate
from dbgclean.correct.rewrite import Rewriter
from dbgclean.correct.verdicts import ties
from dbgclean.evidence.beam import Search, extend, new_beam
from dbgclean.evidence.edits import collect_edits, quality_profile
from dbgclean.evidence.gaps import DISPUTED, GAP, MASKED, ON_PATH, OUTSIDE
from dbgclean.evidence.gather import gather
from dbgclean.evidence.runs import free_ends, longest_run, look_up
from dbgclean.evidence.solid import SolidGraph
from dbgclean.evidence.threading import (
    CLEAN,
    FOREIGN,
    NO_ANCHOR,
    PARTIAL,
    THREADED,
    TOO_SHORT,
    edit_costs,
    thread_batch,
)
from dbgclean.spectrum.histogram import fit_spectrum
from dbgclean.spectrum.kmers import decode, encode, pack, revcomp

K = 21
GENOME = random_sequence(2000, seed=7)
CLEAN_READS = clean_reads(GENOME)
OTHER = {"A": "C", "C": "G", "G": "T", "T": "A"}


def piece(start, length=100):
    """A stretch of the circular genome."""
    return (GENOME + GENOME)[start : start + length]


def changed(read, *places):
    """The read with another base at each place (from the end where negative)."""
    letters = list(read)
    for place in places:
        letters[place] = OTHER[letters[place]]
    return "".join(letters)


def graph_of(*batches, k=K):
    return SolidGraph.build(table_of(*batches, k=k), 5, 3)


def threaded(*reads, qualities=30, deep=CLEAN_READS):
    """Threads of some reads of a sample that also holds ``deep``."""
    batch = batch_of(reads, qualities)
    return thread_batch(batch, graph_of(batch_of(deep), batch))


def corrected(*reads, qualities=30, deep=CLEAN_READS, k=K):
    """The reads rewritten with nothing judged real, and the run's evidence."""
    batch, rest = batch_of(reads, qualities), batch_of(deep)
    table = table_of(batch, rest, k=k)
    evidence = gather([batch, rest], table, fit_spectrum(table), cutoffs=(5, 3))
    rewriter = Rewriter(evidence, np.zeros(len(evidence.alternatives), bool))
    return strings_of(rewriter.rewrite(batch, 0)), evidence


def letters(codes):
    return decode(np.where(codes > 3, 4, codes).astype(np.uint8))


@pytest.mark.parametrize(
    "places",
    [(50,), (0,), (1,), (2,), (-1,), (-2,), (-3,), (30, 70), (40, 42), (0, -1), (20, 21, 22)],
    ids=str,
)
@pytest.mark.parametrize("strand", ["+", "-"])
def test_substitutions_thread_to_the_genome(places, strand):
    """ACGT...A...ACGT    the path has the genome's base wherever the read was hit."""
    truth = piece(300)
    read = changed(truth, *places)
    if strand == "-":
        truth, read = reverse_complement(truth), reverse_complement(read)
    threads = threaded(read)
    assert letters(threads.path) == truth
    assert threads.states.tolist() == [THREADED]
    assert (threads.place == ON_PATH).all()


@pytest.mark.parametrize("strand", ["+", "-"])
def test_an_error_that_makes_another_copy_of_a_repeat(strand):
    """first copy   aaaa====A==bbbb    the read has C for A: solid until bbbb begins, and
    second copy  cccc====C==dddd    what is wrong is its C, not the bases behind it."""
    flanks = [random_sequence(150, seed=seed) for seed in (21, 22, 23, 24)]
    left, right = random_sequence(40, seed=25), random_sequence(8, seed=26)
    first = flanks[0] + left + "A" + right + flanks[1]
    second = flanks[2] + left + "C" + right + flanks[3]
    truth = first[130:230]
    read = truth[:60] + "C" + truth[61:]
    assert truth[60] == "A"
    if strand == "-":
        truth, read = reverse_complement(truth), reverse_complement(read)
    deep = [copy[i : i + 100] for copy in (first, second) for i in range(0, 250, 2)]
    threads = threaded(read, qualities=12, deep=deep)
    assert letters(threads.path) == truth
    assert threads.states.tolist() == [THREADED]
    assert (threads.place == ON_PATH).all()


def test_a_clean_read_is_clean():
    threads = threaded(piece(0), reverse_complement(piece(700)))
    assert threads.states.tolist() == [CLEAN, CLEAN]
    assert letters(threads.path) == piece(0) + reverse_complement(piece(700))
    assert len(threads.missing) == 0


@pytest.mark.parametrize("place", [0, 10, 50, 99])
def test_an_n_is_filled_in(place):
    read = piece(500)[:place] + "N" + piece(500)[place + 1 :]
    threads = threaded(read)
    assert letters(threads.path) == piece(500)
    assert corrected(read)[0] == [piece(500)]


@pytest.mark.parametrize("size", [1, 2, 3, 6])
@pytest.mark.parametrize("place", [35, 50, 80])
@pytest.mark.parametrize("strand", ["+", "-"])
def test_inserted_bases_go(size, place, strand):
    """genome  ACGT----ACGT
    read    ACGTtgcaACGT"""
    truth = piece(900)
    read = truth[:place] + random_sequence(size, seed=place) + truth[place:]
    if strand == "-":
        truth, read = reverse_complement(truth), reverse_complement(read)
    threads = threaded(read)
    assert (threads.path == GAP).sum() == size
    assert letters(threads.path[threads.path != GAP]) == truth
    assert corrected(read)[0] == [truth]


@pytest.mark.parametrize("size", [1, 2, 3, 6])
@pytest.mark.parametrize("place", [35, 50, 80])
@pytest.mark.parametrize("strand", ["+", "-"])
def test_missing_bases_come_back(size, place, strand):
    """genome  ACGTtgcaACGT
    read    ACGT----ACGT"""
    truth = piece(1300, 110)
    read = truth[:place] + truth[place + size :]
    if strand == "-":
        truth, read = reverse_complement(truth), reverse_complement(read)
    threads = threaded(read)
    assert threads.missing[:, 1].tolist() == [size]
    assert corrected(read)[0] == [truth]


def test_missing_bases_belong_to_their_own_read():
    truth = piece(1300, 110)
    short = truth[:50] + truth[53:]
    reads = [piece(0), short, piece(40), short, changed(piece(80), 50)]
    assert corrected(*reads)[0] == [piece(0), truth, piece(40), truth, piece(80)]


def test_what_follows_a_seam_is_masked():
    """genome----foreign    nobody else has it, and the path it leaves is deep."""
    read = piece(100, 60) + random_sequence(60, seed=99)
    threads = threaded(read)
    assert threads.states.tolist() in ([PARTIAL], [PARTIAL | FOREIGN])
    places = threads.place
    assert (places[:50] == ON_PATH).all()
    assert (places[70:] == MASKED).all()
    fixed = corrected(read)[0][0]
    assert fixed[:50] == read[:50]
    assert set(fixed[70:]) == {"N"}


def test_a_tail_that_others_have_is_left_alone():
    tail = random_sequence(60, seed=99)
    reads = [piece(100, 60) + tail, *[piece(600 + 50 * i, 60) + tail for i in range(4)]]
    threads = threaded(*reads)
    assert (threads.place[70:120] == OUTSIDE).sum() + (threads.place[70:120] == ON_PATH).sum() == 50
    fixed = corrected(*reads)[0]
    assert fixed[0][70:] == reads[0][70:]


def test_a_tail_at_little_depth_is_left_alone():
    """Where the path goes on only 5 times, absence means little."""
    reads = clean_reads(GENOME, depth=5)
    read = piece(100, 60) + random_sequence(60, seed=99)
    threads = threaded(read, deep=reads)
    assert (threads.place != MASKED).all()
    assert corrected(read, deep=reads)[0] == [read]


def test_two_places_joined_are_kept_apart_by_one_base():
    """genome at 100----genome at 1500: both halves are path, one base at the seam is masked."""
    read = piece(100, 60) + piece(1500, 60)
    threads = threaded(read)
    assert (threads.place == MASKED).sum() <= 3
    assert (threads.place == MASKED).any()
    fixed = corrected(read)[0][0]
    assert all(a == b for a, b in zip(fixed, read, strict=True) if a != "N")
    assert fixed.count("N") == (threads.place == MASKED).sum()


def test_a_foreign_read_is_left_alone():
    read = random_sequence(100, seed=50)
    threads = threaded(read)
    assert threads.states.tolist() == [NO_ANCHOR]
    assert (threads.place == OUTSIDE).all()
    fixed, evidence = corrected(read)
    assert fixed == [read]
    assert evidence.reads["no_anchor"] == 1


def test_a_cluster_of_good_bases_stops_a_path():
    """Six Q40 edits in 20 bases are another sequence, not errors."""
    read = changed(piece(200), *range(60, 80, 3))
    threads = threaded(read, qualities=40)
    assert threads.states[0] & FOREIGN
    assert (letters(threads.path)[:60]) == piece(200)[:60]
    assert corrected(read, qualities=40)[1].reads["foreign_part"] == 1


def test_a_cluster_of_poor_bases_is_threaded():
    read = changed(piece(200), *range(60, 80, 3))
    quality = np.full(100, 30)
    quality[60:80] = 5
    threads = threaded(read, qualities=[quality])
    assert letters(threads.path) == piece(200)


@pytest.mark.parametrize("length", [K, K + 1, K + 4, K + 9])
def test_a_read_without_a_clean_kmer(length):
    """One substitution in every k-mer of the read, and one solid k-mer next to it."""
    truth = piece(1000, length)
    read = changed(truth, length // 2)
    threads = threaded(read)
    assert letters(threads.path) == truth
    assert threads.states.tolist() == [THREADED]


def test_two_kmers_one_base_away_are_no_anchor():
    """Two alleles, and a read with a third base there: nothing says which is meant."""
    genome = piece(0, 400)
    middle = {base: genome[:200] + base + genome[201:] for base in "ACG"}
    deep = [middle[base][i : i + 100] for base in "AC" for i in range(0, 301, 2)]
    read = middle["G"][200 - K // 2 : 200 + K // 2 + 1]
    assert threaded(read, deep=deep).states.tolist() == [NO_ANCHOR]


def test_short_reads_and_no_reads():
    threads = threaded(piece(0, K - 1), "", changed(piece(0), 50), "ACGT")
    assert threads.states.tolist() == [TOO_SHORT, TOO_SHORT, THREADED, TOO_SHORT]
    assert letters(threads.path)[K - 1 : K + 99] == piece(0)
    empty = batch_of([])
    graph = graph_of(batch_of(CLEAN_READS))
    nothing = thread_batch(empty, graph, threads=2)
    assert len(nothing.states) == len(nothing.path) == len(nothing.missing) == 0
    assert len(collect_edits(empty, nothing, graph)) == 0


def test_all_n_has_no_anchor():
    assert threaded("N" * 100).states.tolist() == [NO_ANCHOR]
    assert corrected("N" * 100)[0] == ["N" * 100]


def test_fasta_is_threaded_as_if_of_good_quality():
    read = changed(piece(300), 50)
    batch = batch_of([read], None)
    graph = graph_of(batch_of(CLEAN_READS), batch)
    threads = thread_batch(batch, graph)
    assert letters(threads.path) == piece(300)
    edits = collect_edits(batch, threads, graph)
    assert edits.quality.tolist() == [20]
    assert quality_profile(batch, threads)[:, 20].sum() == 100


def test_a_tie_is_disputed():
    """Two alleles 4 bases apart, always together; a read holds one half of each.

    genome 1  ...A...G...      read  .x..A...T..x.
    genome 2  ...C...T...

    The errors (x) keep either half from being the anchor.
    """
    genome = piece(0, 400)
    one = genome[:200] + "A" + genome[201:204] + "G" + genome[205:]
    two = genome[:200] + "C" + genome[201:204] + "T" + genome[205:]
    deep = [text[i : i + 100] for text in (one, two) for i in range(0, 301, 2)]
    read = (one[:202] + two[202:])[150:250]
    hit = changed(read, 45, 59)
    threads = threaded(hit, deep=deep)
    assert (threads.place == DISPUTED).sum() == 1
    fixed, evidence = corrected(hit, deep=deep)
    assert fixed[0] in (one[150:250], two[150:250])
    assert evidence.edits.disputed.sum() == 1
    assert not ties(evidence.alternatives).any()


@settings(max_examples=80)
@given(
    st.integers(0, len(GENOME) - 1),
    st.booleans(),
    st.lists(st.tuples(st.integers(0, 99), st.integers(1, 3)), max_size=2),
    st.integers(2, 41),
)
def test_a_read_with_two_errors_comes_back(start, strand, errors, quality):
    truth = piece(start)
    truth = reverse_complement(truth) if strand else truth
    codes = encode(truth)
    for place, shift in errors:
        codes[place] = (codes[place] + shift) % 4
    read = decode(codes)
    assert corrected(read, qualities=quality)[0] == [truth]


def flipped(threads, offsets):
    """What threads of the other strand should be: path and place of each read backwards."""
    path, place = [], []
    for a, b in zip(offsets[:-1], offsets[1:], strict=True):
        codes = threads.path[a:b][::-1]
        path.append(np.where(codes < 4, 3 - codes, codes))
        place.append(threads.place[a:b][::-1])
    return np.concatenate(path), np.concatenate(place)


@pytest.fixture(scope="module")
def hard_sample():
    """Reads with everything wrong that the simulator knows, and Ns."""
    artefacts = simulate.Artefacts(duplicates=0.1, chimeras=0.05, indels=0.1, adapters=True)
    profile = simulate.QualityProfile(0.02)
    reads, _, _ = mixture(artefacts=artefacts, profile=profile, seed=9)
    batch = next(simulate.to_batches(reads))
    batch.bases[::977] = ord("N")
    return batch.with_bases(batch.bases)


def test_both_strands_thread_alike(hard_sample):
    other = turned(hard_sample)
    one = thread_batch(hard_sample, graph_of(hard_sample, k=25))
    two = thread_batch(other, graph_of(other, k=25))
    path, place = flipped(one, hard_sample.offsets)
    np.testing.assert_array_equal(two.states, one.states)
    np.testing.assert_array_equal(two.path, path)
    np.testing.assert_array_equal(two.place, place)
    assert sorted(two.missing[:, 1]) == sorted(one.missing[:, 1])
    assert set(np.unique(one.states & 7)) == {CLEAN, THREADED, PARTIAL, NO_ANCHOR}
    assert len(one.missing) > 10
    assert (one.path == GAP).any()
    assert (one.place == MASKED).any()


@pytest.mark.parametrize("threads", [2, 3])
def test_threads_make_no_difference(hard_sample, threads):
    graph = graph_of(hard_sample, k=25)
    one = thread_batch(hard_sample, graph)
    more = thread_batch(hard_sample, graph, threads=threads)
    for name in ("path", "place", "missing", "states"):
        np.testing.assert_array_equal(getattr(more, name), getattr(one, name))


@numba.njit
def shortened(codes, quals, offsets, search, level, whole, part):
    """Extend every read's longest run to its end, not told and told where the rest is free.

    Fills a row of ``whole`` and of ``part`` for each: end, foreign, path and disputed bases.
    Returns how many of them had a free end.
    """
    k, free, n = search.k, np.zeros(2, np.int64), 0
    payloads = np.zeros(codes.size, np.uint64)
    for read in range(len(offsets) - 1):
        observed, own = codes[offsets[read] : offsets[read + 1]], quals[offsets[read] :]
        end = len(observed)
        look_up(observed, end, search.nodes, k, payloads)
        first, last = longest_run(observed, payloads, 0, end, k, search.upper, level)
        if first < 0:
            continue
        # From its middle, so that forks within the run are searched, too.
        start = (first + last) // 2 + k
        free_ends(observed, payloads, 0, end, 0, end, k, free)
        n += free[level] < end
        kmer = pack(observed, start - k, k)
        for found, at in ((whole, end), (part, free[level])):
            path, disputed = found[read, 2 : 2 + end], found[read, 2 + end : 2 + 2 * end]
            reached, foreign = extend(
                observed, own, start, end, kmer, revcomp(kmer, k), level, at, search, path, disputed
            )
            found[read, 0], found[read, 1] = reached, foreign
            path[reached:], disputed[reached:] = 0, 0
    return n


def both_ways(batch, graph, level):
    """What `shortened` finds, not told and told, and in how many reads an end was free."""
    longest = int(np.diff(batch.offsets).max())
    search = Search(graph.nodes, graph.k, graph.upper, edit_costs(), new_beam(longest))
    whole = np.zeros((len(batch), 2 + 2 * longest), np.uint8)
    part = whole.copy()
    n = shortened(batch.codes, batch.quals, batch.offsets, search, level, whole, part)
    return whole, part, n


@pytest.mark.parametrize("level", [0, 1])
def test_what_is_free_to_the_end_is_not_searched(hard_sample, level):
    whole, part, n = both_ways(hard_sample, graph_of(hard_sample, k=25), level)
    assert n > 900
    np.testing.assert_array_equal(part, whole)


@pytest.mark.parametrize("quality", [14, 30])
def test_a_tie_before_a_free_end_is_disputed(quality):
    one = encode(GENOME)
    two = one.copy()
    # Pairs of sites closer than k; a read that has one of them from either has one error,
    # and it is open which, though the first is a little likelier to be it.
    two[np.arange(10, len(one) - 20, 60)] ^= 1
    two[np.arange(24, len(one) - 20, 60)] ^= 1
    deep = batch_of(clean_reads(decode(one)) + clean_reads(decode(two)))
    starts = np.arange(0, len(one) - 100, 7)
    reads, first = one[starts[:, None] + np.arange(100)], (10 - starts) % 60
    reads[np.arange(len(reads)), first] ^= 1
    batch = batch_of([decode(read) for read in reads], quality)
    batch.quals[batch.offsets[:-1] + first] -= 6
    whole, part, n = both_ways(batch, graph_of(deep), 0)
    assert n > 100
    np.testing.assert_array_equal(part, whole)
    assert whole[:, 102:].any(axis=1).sum() > 50
