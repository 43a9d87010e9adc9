"""2-bit k-mers against the same thing said with Python strings."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dbgclean.errors import UsageError
from dbgclean.spectrum.kmers import (
    canonical,
    canonical_kmers,
    check_k,
    decode,
    encode,
    kmer_matrix,
    kmers_to_strings,
    pack,
    revcomp,
    reverse_complements,
    strings_to_kmers,
)

COMPLEMENT = str.maketrans("ACGT", "TGCA")
words = st.integers(1, 31).flatmap(lambda k: st.text("ACGT", min_size=k, max_size=k))


@given(words)
def test_packing_and_reverse_complement_follow_the_letters(word: str) -> None:
    k = len(word)
    other = word.translate(COMPLEMENT)[::-1]
    packed = pack(encode(word), 0, k)
    assert kmers_to_strings(np.array([packed], dtype=np.uint64), k) == [word]
    assert int(packed) == int(strings_to_kmers([word])[0])
    reversed_kmer = np.array([revcomp(packed, k)], dtype=np.uint64)
    assert kmers_to_strings(reversed_kmer, k) == [other]
    smaller = np.array([canonical(packed, k)], dtype=np.uint64)
    assert kmers_to_strings(smaller, k) == [min(word, other)]


@given(st.lists(st.text("ACGT", min_size=31, max_size=31), min_size=1))
def test_integer_order_is_lexicographic_order(strings: list[str]) -> None:
    keys = strings_to_kmers(strings)
    assert kmers_to_strings(np.sort(keys), 31) == sorted(strings)
    assert (reverse_complements(reverse_complements(keys, 31), 31) == keys).all()
    flipped = canonical_kmers(reverse_complements(keys, 31), 31)
    assert (flipped == canonical_kmers(keys, 31)).all()
    assert kmer_matrix(keys, 31).shape == (len(strings), 31)


@given(st.text())
def test_encoding_keeps_positions_and_masks_what_is_no_base(text: str) -> None:
    codes = encode(text)
    assert codes.dtype == np.uint8
    known = {**dict.fromkeys("Uu", "T"), **{c: c.upper() for c in "ACGTacgt"}}
    expected = "".join(known.get(c, "N") for c in text)
    assert decode(codes) == expected


@pytest.mark.parametrize("k", [0, 9, 12, 30, 32, 129, -1])
def test_uncountable_k_is_refused_with_a_remedy(k: int) -> None:
    with pytest.raises(UsageError, match=rf"k: found {k}.*choose"):
        check_k(k)


@pytest.mark.parametrize("strings", [["AC", "ACG"], ["ACN"], ["A" * 128], [""]])
def test_what_cannot_be_packed_is_refused(strings: list[str]) -> None:
    with pytest.raises(ValueError, match="k-mer"):
        strings_to_kmers(strings)


def test_no_strings_give_no_kmers() -> None:
    assert strings_to_kmers([]).size == 0
