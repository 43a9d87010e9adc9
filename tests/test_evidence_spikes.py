"""Alleles planted in a sample's reads: where they were drawn, in whole molecules, and judged."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
from small_samples import mixture

from benchmarks.simulators import simulate
from dbgclean.correct.auto import AutoCorrector
from dbgclean.correct.correctors import LikelihoodCorrector, Sample
from dbgclean.correct.verdicts import ERROR, REAL, Verdicts
from dbgclean.evidence.edits import WINDOW
from dbgclean.evidence.gather import build_graph, gather, gather_along
from dbgclean.evidence.planting import Facts, Planter
from dbgclean.evidence.spike_kernels import BY_ENDS, BY_FRAGMENT
from dbgclean.evidence.spikes import FRACTIONS, Spikes
from dbgclean.spectrum.counting import count_kmers
from dbgclean.spectrum.histogram import fit_spectrum

K = 21
WORD = (1 << 64) - 1


@pytest.fixture(scope="module")
def sample():
    """Reads, graph, fit and evidence of a clone."""
    reads, _, _ = mixture(length=12_000, depth=60, spacing=None, seed=41)
    batches = list(simulate.to_batches(reads, 2000))
    table = count_kmers(iter(batches), K)
    spectrum = fit_spectrum(table, K)
    graph = build_graph(table, spectrum)
    return reads, graph, spectrum, gather(iter(batches), table, spectrum)


@pytest.fixture(scope="module")
def planter(sample):
    _, graph, spectrum, evidence = sample
    profile = np.ones((4, 94), np.int64)
    facts = Facts(profile, 150.0, 60.0, 1.2, spectrum.genome_size, True)
    edits = evidence.edits
    errors = replace(edits, qualities=np.zeros((len(edits), WINDOW), np.uint8))
    return Planter(graph, evidence.alternatives, errors, facts, 7)


def planted(sample, size=2000, threads=1, seed=7):
    reads, graph, spectrum, _ = sample
    batches = lambda: simulate.to_batches(reads, size)  # noqa: E731
    return gather_along(batches(), graph, spectrum, threads, again=batches, seed=seed)


def mixed(value):
    """splitmix64's finaliser, in plain integers."""
    z = (value + 0x9E3779B97F4A7C15) & WORD
    z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & WORD
    z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & WORD
    return z ^ (z >> 31)


def text_of(codes):
    return simulate.decode(np.asarray(codes, np.uint8))


def turned(codes):
    return (3 - np.asarray(codes)[::-1]).astype(np.uint8)


def hits_by_search(ground, sequence):
    """(place, base, strand) of every place that some k-mer of the sequence lies over."""
    found = set()
    for place, context in enumerate(ground.context):
        middle = len(context) // 2
        for strand, codes in ((0, context), (1, turned(context))):
            for start in range(middle - K + 1, middle + 1):
                at = sequence.find(text_of(codes[start : start + K]))
                if at >= 0:
                    flips = int(ground.flipped[place])
                    found.add((place, at + middle - start, strand ^ flips))
    return found


def drawn_by_hand(ground, pair, number):
    """Rows of `draw` for one pair: (allele, at, strand by mate, draws)."""
    hits = [{p: (at, s) for p, at, s in hits_by_search(ground, text)} for text in pair]
    for place in set(hits[0]) | set(hits[1]):
        there = [(hits[m][place][1], m) for m in range(2) if place in hits[m]]
        strand, of = min(there) if len({s for s, _ in there}) > 1 else there[0]
        at = hits[of][place][0]
        start = 0
        for letter in pair[1 - of][:7]:
            start = start * 4 + "ACGT".index(letter)
        ends = ((2 * at + strand) << 14) | start
        for allele in range(place, len(ground.fraction), len(ground.context)):
            salt = int(ground.salt[allele])
            draws = 0
            for bit, word, what in ((BY_ENDS, salt, ends), (BY_FRAGMENT, ~salt & WORD, number)):
                share = (mixed(mixed(word) ^ what) >> 11) / 2**53
                draws += bit * (share < ground.fraction[allele])
            if draws:
                where = [hits[m].get(place, (-1, -1)) for m in range(2)]
                yield (allele, number, *where[0], *where[1], draws)


def test_planted_where_drawn_and_nowhere_else(sample, planter):
    reads = sample[0]
    first = 300
    batch = next(iter(simulate.to_batches(reads, 2000)))
    texts = [
        text_of(batch.codes[a:b])
        for a, b in np.lib.stride_tricks.sliding_window_view(batch.offsets, 2)[:240]
    ]
    part = planter.look(batch, first)
    ground = planter._ground
    rows = [tuple(int(row[c]) for c in (0, 1, 2, 4, 3, 5, 8)) for row in part.table]
    rows = [row for row in rows if row[1] < first + 240]
    expected = [
        row
        for unit in range(0, 240, 2)
        if "N" not in texts[unit] + texts[unit + 1]
        for row in drawn_by_hand(ground, texts[unit : unit + 2], first + unit)
    ]
    assert len(expected) > 100
    assert sorted(rows) == sorted(expected)
    # The copies are the reads, but for the one base at the place, and it is the allele's.
    ends = np.concatenate([[0], np.cumsum(part.lengths)])
    for i, row in enumerate(part.table[: len(rows)]):
        for mate in range(2):
            copy = part.codes[ends[2 * i + mate] : ends[2 * i + mate + 1]]
            text = texts[row[1] - first + mate]
            differ = [j for j, letter in enumerate(text_of(copy)) if letter != text[j]]
            assert differ == ([] if row[2 + mate] < 0 else [row[2 + mate]])
            if row[6 + mate] == 1:
                window = copy[row[2 + mate] - 15 : row[2 + mate] + 16]
                packed = [int("".join(map(str, w)), 4) for w in (window, turned(window))]
                assert min(packed) == int(planter.keys[row[0]])
                assert (packed[1] < packed[0]) == row[4 + mate]


def test_copies_of_a_molecule_are_drawn_together(sample, planter):
    reads = sample[0]
    batch = next(iter(simulate.to_batches(reads, 1000)))
    tables = [planter.look(batch, first).table for first in (0, 10_000, 20_000)]
    by_ends = [set(map(tuple, t[t[:, 8] & BY_ENDS > 0][:, 2:8])) for t in tables]
    assert by_ends[0] == by_ends[1] == by_ends[2]
    alone = [{(r[0], r[1] % 10_000) for r in t[t[:, 8] & BY_FRAGMENT > 0]} for t in tables]
    assert alone[0] != alone[1]


def test_as_many_as_were_asked_for(sample):
    found = planted(sample).spikes
    assert set(found.fraction) <= set(FRACTIONS)
    assert len(found.fraction) > 300
    a = found.alternatives
    of = found.row[found.row >= 0]
    share = a.column("reads") / (a.column("reads") + a.depth.sum(1))
    for fraction in (0.1, 0.2):
        mean = share[found.row[(found.fraction == fraction) & (found.row >= 0)]].mean()
        assert mean == pytest.approx(fraction, rel=0.2)
    assert len(np.unique(of)) == len(of) == len(a)
    assert (found.shown[found.fraction == 0.2] >= 3).mean() > 0.9


def test_the_sample_itself_is_as_without(sample):
    with_, without = planted(sample), planted(sample, seed=None)
    assert without.spikes is None
    for name in ("key", "depth", "likelihood", "odds"):
        one, two = (getattr(e.alternatives, name) for e in (with_, without))
        np.testing.assert_array_equal(one, two)


@pytest.mark.parametrize(("size", "threads"), [(2000, 3), (322, 1), (322, 2)])
def test_same_at_any_batches_and_threads(sample, size, threads):
    one, two = planted(sample).spikes, planted(sample, size, threads).spikes
    for name in ("fraction", "shown", "untouched", "row"):
        np.testing.assert_array_equal(getattr(one, name), getattr(two, name))
    for name in ("key", "support", "depth", "odds", "siblings"):
        pair = getattr(one.alternatives, name), getattr(two.alternatives, name)
        np.testing.assert_array_equal(*pair)
    other = planted(sample, seed=8).spikes
    assert not np.array_equal(other.alternatives.key, one.alternatives.key)


def test_a_judge_keeps_the_frequent_ones(sample):
    evidence = planted(sample)
    judged = LikelihoodCorrector().judge(evidence.planted(), Sample(sample[2], 3))
    counts = evidence.spikes.by_fraction(judged.kept)
    assert list(counts) == [f"{fraction:g}" for fraction in FRACTIONS]
    assert counts["0.2"]["kept"] >= 0.95 * counts["0.2"]["shown"] > 10
    none = evidence.spikes.by_fraction(np.zeros(len(judged.kept), bool))
    assert none["0.2"]["kept"] < 0.2 * none["0.2"]["shown"]


class Stub:
    """A judge of fixed posteriors, of the sample's alternatives and of the planted ones."""

    def __init__(self, own, planted_):
        self.posteriors = {False: np.array(own, np.float32), True: np.array(planted_, np.float32)}

    def judge(self, evidence, sample):
        posterior = self.posteriors[evidence.spikes is None]
        return Verdicts(np.where(posterior >= 0.5, REAL, ERROR).astype(np.uint8), posterior)


def chosen(anchor_keeps, network_keeps, *, own=(0.9, 0.8, 0.1, 0.0), shown=100, gaps=0):
    """The choice where each judge keeps so many of the planted alleles."""
    n = 100
    spikes = Spikes(
        np.full(n, 0.05), np.where(np.arange(n) < shown, 5, 2), np.zeros(n, bool), np.arange(n),
        None, None, None,
    )  # fmt: skip
    # Four, and n planted ones, that no site's depth makes clear.
    own_ones, planted_ones = few_fragments(4, gaps), few_fragments(n)
    on_its_own = SimpleNamespace(spikes=None, alternatives=planted_ones)
    evidence = SimpleNamespace(spikes=spikes, planted=lambda: on_its_own, alternatives=own_ones)
    judge = AutoCorrector()
    judge.anchor = Stub([0.9, 0.9, 0.0, 0.0], np.arange(n) < anchor_keeps)
    judge.network = Stub(own, 0.85 * (np.arange(n) < network_keeps))
    verdicts = judge.judge(evidence, Sample(None, 3))
    return judge, verdicts, judge.judge(on_its_own, Sample(None, 3))


def few_fragments(n, gaps=0):
    """Alternatives that two fragments of twelve show, the last of them gaps."""
    two = np.full(n, 2.0)
    return SimpleNamespace(
        column=lambda name: two, depth=np.full((n, 2), 5.0),
        substitutions=slice(0, n - gaps), gaps=slice(n - gaps, n),
    )  # fmt: skip


def test_auto_takes_the_network_where_it_keeps_more():
    judge, _, planted_ = chosen(80, 95)
    assert judge.choice.judge == "autoencoder"
    assert "of 100 planted alleles at 5 % it keeps 95, the likelihood ratio 80" in str(judge.choice)
    assert planted_.kept.sum() == 95


def test_gaps_stay_as_the_network_left_them_wherever_auto_draws_the_line():
    judge, verdicts, _ = chosen(80, 95, own=(0.9, 0.8, 0.85, 0.2), gaps=2)
    assert judge.choice.judge == "autoencoder"
    assert verdicts.kept.tolist() == [True, True, True, False]
    judge, verdicts, _ = chosen(80, 95, own=(0.9, 0.8, 0.1, 0.55), gaps=1)
    assert judge.choice.least > 0.55
    assert verdicts.kept.tolist() == [True, True, False, True]


@pytest.mark.parametrize("keeps", [(95, 95), (95, 99), (95, 80)])
def test_auto_takes_the_ratio_otherwise(keeps):
    judge, verdicts, planted_ = chosen(*keeps)
    assert judge.choice.judge == "likelihood"
    text = f"of 100 planted alleles at 5 % it keeps {keeps[0]}, the network {keeps[1]}"
    assert text in str(judge.choice)
    assert verdicts.kept.tolist() == [True, True, False, False]
    assert planted_.kept.sum() == keeps[0]


def test_auto_compares_at_as_many_alternatives_kept():
    """A network that keeps more of everything has to be stricter before it is compared."""
    lax = (0.99, 0.97, 0.96, 0.95)
    judge, _, _ = chosen(80, 95, own=lax)
    assert judge.choice.judge == "likelihood"
    strict = (0.7, 0.6, 0.2, 0.1)
    judge, verdicts, _ = chosen(80, 95, own=strict)
    assert judge.choice.judge == "autoencoder"
    assert verdicts.kept.sum() == 2


def test_auto_takes_the_ratio_where_too_little_is_shown():
    judge, _, _ = chosen(10, 40, shown=40)
    assert judge.choice.judge == "likelihood"
    assert "only 40 of the alleles" in str(judge.choice)


def test_auto_without_planted_alleles(sample):
    evidence = planted(sample, seed=None)
    judge = AutoCorrector()
    given = Sample(sample[2], 3)
    verdicts = judge.judge(evidence, given)
    assert str(judge.choice) == "likelihood (no alleles were planted)"
    expected = LikelihoodCorrector().judge(evidence, given)
    np.testing.assert_array_equal(verdicts.verdict, expected.verdict)
    judged = replace(given, judged={"likelihood": expected})
    assert AutoCorrector().judge(evidence, judged) is expected
