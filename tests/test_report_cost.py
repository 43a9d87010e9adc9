"""True k-mers lost, false k-mers left, bubbles closed, junctions made: against oracles."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dbgclean.report import TruthCost, new_junctions, real_bubbles_closed, truth_cost
from dbgclean.report.cost import junction_nodes

_COMPLEMENT = str.maketrans("ACGT", "TGCA")

tables = st.dictionaries(st.integers(0, 40), st.integers(1, 5), max_size=25)


def _reverse_complement(word: str) -> str:
    return word.translate(_COMPLEMENT)[::-1]


def _pack(word: str) -> int:
    return sum("ACGT".index(c) << 2 * i for i, c in enumerate(reversed(word)))


def _arrays(table: dict[int, int]) -> tuple[np.ndarray, np.ndarray]:
    keys = np.array(sorted(table), dtype=np.uint64)
    return keys, np.array([table[int(key)] for key in keys], dtype=np.uint32)


@given(truth=st.sets(st.integers(0, 40)), now=tables, raw=tables)
def test_truth_cost_equals_counting_sets(truth, now, raw):
    truth_keys = np.array(sorted(truth), dtype=np.uint64)
    keys, counts = _arrays(now)
    raw_keys, raw_counts = _arrays(raw)
    cost = truth_cost(truth_keys, keys, counts, raw_keys=raw_keys, raw_counts=raw_counts).to_dict()
    for a, end in ((1, ""), (2, "_2"), (3, "_3")):
        here = {key for key, n in now.items() if n >= a}
        before = {key for key, n in raw.items() if n >= a}
        assert cost[f"true_kmers_lost{end}"] == len((truth & before) - here)
        assert cost[f"false_kmers_left{end}"] == len(here - truth)


def test_without_raw_every_true_kmer_counts():
    truth = np.array([1, 2, 3], dtype=np.uint64)
    none = np.array([], dtype=np.uint64)
    assert truth_cost(truth, none, none.astype(np.uint32)) == TruthCost(3, 3, 3, 0, 0, 0)


def test_raw_of_itself_loses_nothing():
    keys = np.array([1, 5, 9], dtype=np.uint64)
    counts = np.array([1, 2, 3], dtype=np.uint32)
    cost = truth_cost(keys[:2], keys, counts, raw_keys=keys, raw_counts=counts)
    assert cost == TruthCost(0, 0, 0, 1, 1, 1)


def test_unequal_arguments_are_refused():
    keys = np.array([1, 2], dtype=np.uint64)
    with pytest.raises(ValueError, match="2 k-mers but 1 counts"):
        truth_cost(keys, keys, np.array([1]))
    with pytest.raises(ValueError, match="both"):
        truth_cost(keys, keys, np.array([1, 1]), raw_keys=keys)


def _canonical(sequences: list[str], k: int) -> np.ndarray:
    words = {s[i : i + k] for s in sequences for i in range(len(s) - k + 1)}
    return np.unique(np.array([_pack(min(w, _reverse_complement(w))) for w in words], np.uint64))


def _oracle_nodes(keys: np.ndarray, k: int) -> set[int]:
    """Every oriented k-mer as a string; prefixes with two ways out and one way in."""
    words = set()
    for key in keys:
        word = "".join("ACGT"[int(key) >> 2 * i & 3] for i in reversed(range(k)))
        words |= {word, _reverse_complement(word)}
    out: dict[str, set[str]] = {}
    for word in words:
        out.setdefault(word[:-1], set()).add(word)
    entered = {word[1:] for word in words}
    return {_pack(node) for node, ways in out.items() if len(ways) > 1 and node in entered}


@given(st.lists(st.text("ACGT", min_size=5, max_size=40), max_size=6), st.sampled_from([3, 5, 31]))
def test_junction_nodes_equal_a_walk_over_strings(sequences, k):
    keys = _canonical(sequences, k)
    assert set(junction_nodes(keys, k).tolist()) == _oracle_nodes(keys, k)


def test_one_error_makes_two_junctions_and_raw_reads_none():
    #          /-C-\
    #   CGGTTAAG     TGACCTGA      a substitution in the middle: one bubble, two ends
    #          \-T-/
    right = "CGGTTAAGCTGACCTGA"
    wrong = "CGGTTAAGTTGACCTGA"
    k = 7
    raw = _canonical([right], k)
    assert len(raw) == len(right) - k + 1
    assert len(junction_nodes(raw, k)) == 0
    assert new_junctions(raw, _canonical([right, wrong], k), k) == 2
    assert new_junctions(_canonical([right, wrong], k), raw, k) == 0


def test_real_bubbles_closed_needs_two_whole_arms():
    arms = np.array([10, 11, 20, 21, 30, 40], dtype=np.uint64)
    offsets = np.array([0, 2, 4, 5, 6])
    bubble = np.array([0, 0, 1, 1])  # two bubbles of two arms
    raw = np.unique(arms)
    assert real_bubbles_closed(arms, offsets, bubble, raw, raw) == 0
    assert real_bubbles_closed(arms, offsets, bubble, raw[raw != 21], raw) == 1
    assert real_bubbles_closed(arms, offsets, bubble, raw[:0], raw) == 2
    # What the raw reads never showed cannot be closed.
    assert real_bubbles_closed(arms, offsets, bubble, raw[:0], raw[raw != 40]) == 1
    assert real_bubbles_closed(arms[:0], offsets[:1], bubble[:0], raw, raw) == 0
