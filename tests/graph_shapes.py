"""Drawn shapes of De Bruijn graphs, and a plain-Python oracle of their structure.

Legend of the drawings: letters are stretches of sequence, long enough (25 bases at
k = 11) to be no tips; ``---`` is sequence that goes on, ``|`` a dead end, ``p`` a
(k-1)-mer that is its own reverse complement.

Stretches come from `Bases`, which never repeats a (k-1)-mer on either strand, so
that a graph is exactly what is drawn; `Shape` checks its own degree histogram.
"""

import random
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field

import numpy as np

from dbgclean.graph.compaction import compact
from dbgclean.graph.unitigs import UnitigGraph
from dbgclean.spectrum.kmers import strings_to_kmers

K = 11
LONG = 25

_COMPLEMENT = str.maketrans("ACGT", "TGCA")


def turned(sequence: str) -> str:
    """Reverse complement."""
    return sequence.translate(_COMPLEMENT)[::-1]


def smaller(sequence: str) -> str:
    """Canonical form."""
    return min(sequence, turned(sequence))


def kmers_of(sequences: Iterable[str], k: int) -> Counter[str]:
    """Canonical k-mers and how often they stand in the sequences."""
    return Counter(smaller(text[i : i + k]) for text in sequences for i in range(len(text) - k + 1))


def table_of(sequences: Iterable[str], k: int) -> tuple[np.ndarray, np.ndarray]:
    """The same as sorted arrays of keys (uint64) and counts (uint32)."""
    counted = sorted(kmers_of(sequences, k).items())
    counts = np.array([count for _, count in counted], dtype=np.uint32)
    return strings_to_kmers(kmer for kmer, _ in counted), counts


def graph_of(sequences: Iterable[str], k: int = K) -> UnitigGraph:
    """Compact the k-mers of the sequences."""
    return compact(*table_of(sequences, k), k)


class Bases:
    """Random sequence in which no (k-1)-mer comes twice, on either strand."""

    def __init__(self, k: int = K, seed: int = 1) -> None:
        self._n = k - 1
        self._used: set[str] = set()
        self._random = random.Random(seed)

    def fresh(self, length: int = LONG, first: str = "ACGT", last: str = "ACGT") -> str:
        """A new stretch; `first` and `last` limit its outermost bases."""
        for _ in range(1000):
            text = "".join(self._random.choice("ACGT") for _ in range(length))
            text = self._random.choice(first) + text[1:-1] + self._random.choice(last)
            words = [text[i : i + self._n] for i in range(length - self._n + 1)]
            taken = {smaller(word) for word in words}
            if len(taken) == len(words) and not taken & self._used:
                if not any(word == turned(word) for word in words):
                    self._used |= taken
                    return text
        msg = "no fresh sequence left; take another seed"
        raise AssertionError(msg)

    def palindrome(self) -> str:
        """A (k-1)-mer that is its own reverse complement."""
        half = "".join(self._random.choice("ACGT") for _ in range(self._n // 2))
        return half + turned(half)


def successors(kmers: Iterable[str]) -> dict[str, list[str]]:
    """Oriented k-mers and those that may follow them."""
    present = {word for kmer in kmers for word in (kmer, turned(kmer))}
    return {word: [word[1:] + b for b in "ACGT" if word[1:] + b in present] for word in present}


@dataclass(frozen=True)
class Shape:
    """A drawn graph and what must be found in it.

    `degrees`: out-degree of oriented k-mers, how many have it (degree 1 left out).
    """

    sequences: tuple[str, ...]
    degrees: dict[int, int]
    unitigs: int
    junctions: int = 0
    tips: int = 0
    simple_bubbles: int = 0
    superbubbles: int = 0
    components: int = 1
    eulerian_deficit: int = 2
    k: int = K
    links: int | None = None
    chains: list[tuple[str, int]] = field(default_factory=list)

    def __post_init__(self) -> None:
        found = Counter(
            len(after) for after in successors(kmers_of(self.sequences, self.k)).values()
        )
        del found[1]
        assert dict(found) == self.degrees, f"drawn {self.degrees}, made {dict(found)}"

    def graph(self) -> UnitigGraph:
        """Its compacted graph."""
        return graph_of(self.sequences, self.k)


SHAPES: dict[str, Callable[[], Shape]] = {}


def shape(make: Callable[[], Shape]) -> Callable[[], Shape]:
    """Add a shape to `SHAPES`."""
    SHAPES[make.__name__] = make
    return make


@shape
def linear() -> Shape:
    """``|--- a ---|``"""
    return Shape((Bases().fresh(60),), degrees={0: 2}, unitigs=1, links=0)


@shape
def two_components() -> Shape:
    """``|--- a ---|   |--- b ---|``"""
    new = Bases().fresh
    return Shape(
        (new(), new()), degrees={0: 4}, unitigs=2, components=2, eulerian_deficit=4, links=0
    )


@shape
def right_tip() -> Shape:
    """Eight k-mers lead away and end.

    ::

                 ,-- t|
        |--- a -'----- b ---|
    """
    new = Bases().fresh
    a, b, t = new(), new(first="A"), new(8 + K, first="C")[:8]
    return Shape(
        (a + b, a + t), degrees={0: 3, 2: 1}, unitigs=3, junctions=1, tips=1, eulerian_deficit=4
    )


@shape
def left_tip() -> Shape:
    """The same from the other side: strands have no say in it."""
    return Shape(
        tuple(turned(text) for text in right_tip().sequences),
        degrees={0: 3, 2: 1},
        unitigs=3,
        junctions=1,
        tips=1,
        eulerian_deficit=4,
    )


@shape
def fork() -> Shape:
    """A branch that is too long for a tip.

    ::

                 ,----- c ---|
        |--- a -'------ b ---|
    """
    new = Bases().fresh
    a, b, c = new(), new(first="A"), new(first="C")
    return Shape((a + b, a + c), degrees={0: 3, 2: 1}, unitigs=3, junctions=1, eulerian_deficit=4)


@shape
def double_fork() -> Shape:
    """Two paths share a stretch.

    ::

        |--- a -.       ,- c ---|
                 >- s -<
        |--- b -'       `- d ---|
    """
    new = Bases().fresh
    a, b, s = new(last="A"), new(last="C"), new()
    c, d = new(first="A"), new(first="C")
    return Shape(
        (a + s + c, b + s + d), degrees={0: 4, 2: 2}, unitigs=5, junctions=2, eulerian_deficit=6
    )


@shape
def snp_bubble() -> Shape:
    """One base differs.

    ::

                 ,-- A --.
        |--- a -<         >- b ---|
                 `-- C --'
    """
    new = Bases().fresh
    a, b = new(), new()
    return Shape(
        (a + "A" + b, a + "C" + b),
        degrees={0: 2, 2: 2},
        unitigs=4,
        junctions=2,
        simple_bubbles=1,
        eulerian_deficit=4,
        chains=[("1", 1)],
    )


@shape
def triple_bubble() -> Shape:
    """Three alleles: one simple bubble, not three.

    ::

                 ,-- A --.
        |--- a -<--- C -->- b ---|
                 `-- G --'
    """
    new = Bases().fresh
    a, b = new(), new()
    return Shape(
        (a + "A" + b, a + "C" + b, a + "G" + b),
        degrees={0: 2, 3: 2},
        unitigs=5,
        junctions=2,
        simple_bubbles=1,
        eulerian_deficit=6,
        chains=[("1", 1)],
    )


@shape
def insertion_bubble() -> Shape:
    """One arm is i bases longer.

    ::

                 ,-- i --.
        |--- a -<         >- b ---|
                 `-------'
    """
    new = Bases().fresh
    a, b, i = new(last="A"), new(first="A"), new(15, first="C", last="C")
    return Shape(
        (a + b, a + i + b),
        degrees={0: 2, 2: 2},
        unitigs=4,
        junctions=2,
        simple_bubbles=1,
        eulerian_deficit=4,
        chains=[("1", 1)],
    )


@shape
def bubble_chain() -> Shape:
    """``|--- a <A|C> b <G|T> c ---|``: two bubbles share an end."""
    new = Bases().fresh
    a, b, c = new(), new(), new()
    return Shape(
        (a + "A" + b + "G" + c, a + "C" + b + "T" + c),
        degrees={0: 2, 2: 4},
        unitigs=7,
        junctions=4,
        simple_bubbles=2,
        eulerian_deficit=6,
        chains=[("1", 2)],
    )


@shape
def nested_superbubble() -> Shape:
    """A bubble on an arm of another.

    ::

                        ,-- A --.
                 ,- b -<         >- c -.
        |--- a -<       `-- C --'       >- e ---|
                 `---------- d --------'
    """
    new = Bases().fresh
    a, e = new(last="G"), new(first="G")
    b, c, d = new(first="A"), new(last="A"), new(first="C", last="C")
    return Shape(
        (a + b + "A" + c + e, a + b + "C" + c + e, a + d + e),
        degrees={0: 2, 2: 4},
        unitigs=7,
        junctions=4,
        simple_bubbles=1,
        superbubbles=1,
        eulerian_deficit=6,
        chains=[("1", 1), ("1.1.1", 1)],
    )


@shape
def bubble_with_tip() -> Shape:
    """A dead end leaves an arm: no bubble before the tip is clipped.

    ::

                     ,-- t|
                 ,-- A --.
        |--- a -<         >- b ---|
                 `-- C --'
    """
    new = Bases().fresh
    a, b = new(), new()
    t = new(8 + K, first="ACGT".replace(b[3], ""))[:8]
    return Shape(
        (a + "A" + b, a + "C" + b, a + "A" + b[:3] + t),
        degrees={0: 3, 2: 3},
        unitigs=6,
        junctions=3,
        tips=1,
        eulerian_deficit=6,
    )


@shape
def tandem_repeat() -> Shape:
    """``|--- a r r b ---|``: r is passed twice, but counts once, so it is not balanced."""
    new = Bases().fresh
    a, r, b = new(last="A"), new(first="G", last="C"), new(first="T")
    return Shape(
        (a + r + r + b,),
        degrees={0: 2, 2: 2},
        unitigs=4,
        junctions=2,
        eulerian_deficit=4,
        links=4,
    )


@shape
def circle() -> Shape:
    """``( a )``: ends where it begins."""
    a = Bases().fresh(60)
    return Shape((a + a[: K - 1],), degrees={}, unitigs=1, eulerian_deficit=0, links=1)


@shape
def homopolymer() -> Shape:
    """``|--- a AAAAAAAAAAA``: the last k-mer follows itself."""
    a = Bases().fresh(last="C")
    return Shape((a + "A" * (K + 3),), degrees={0: 1, 2: 1}, unitigs=2, junctions=1, links=2)


@shape
def hairpin() -> Shape:
    """``|--- a p``: the only way on from p is back along the other strand."""
    new = Bases()
    text = new.fresh() + new.palindrome()
    return Shape((text,), degrees={0: 1}, unitigs=1, eulerian_deficit=1, links=1)


@shape
def dumbbell() -> Shape:
    """``p --- a --- q``: hairpins at both ends."""
    new = Bases()
    text = new.palindrome() + new.fresh() + new.palindrome()
    return Shape((text,), degrees={}, unitigs=1, eulerian_deficit=0, links=2)


@shape
def palindromic_overlap() -> Shape:
    """``|--- a p b ---|``: at p either strand of either side may follow."""
    new = Bases()
    a, b = new.fresh(last="A"), new.fresh(first="A")
    return Shape((a + new.palindrome() + b,), degrees={0: 2, 2: 2}, unitigs=2, junctions=2, links=3)


@shape
def hairpin_loop() -> Shape:
    """``|--- a < l >``: l is passed in both directions between a and its mirror.

    One unitig beside itself is no bubble.
    """
    new = Bases().fresh
    a, loop = new(last="A"), new(first="A", last="A")
    return Shape(
        (a + loop + turned(a),), degrees={0: 1, 2: 1}, unitigs=2, junctions=1, eulerian_deficit=2
    )


@shape
def ring_of_bubbles() -> Shape:
    """``( a <A|C> b <G|T> )``: two bubbles with the same two unitigs at their ends."""
    new = Bases().fresh
    a, b = new(), new()
    ring = (a + "A" + b + "G", a + "C" + b + "T")
    return Shape(
        tuple(text + a[: K - 1] for text in ring),
        degrees={2: 4},
        unitigs=6,
        junctions=4,
        simple_bubbles=2,
        eulerian_deficit=4,
        chains=[("1", 2)],
    )


def unitig_oracle(kmers: Iterable[str]) -> tuple[set[frozenset[str]], set[tuple[str, str]]]:
    """Unitigs as sets of their canonical k-mers, and the links that part them.

    A link is a pair of oriented k-mers; both of its forms are there.
    """
    kmers = set(kmers)
    after = successors(kmers)
    joined = {}
    for word, options in after.items():
        if len(options) == 1:
            other = options[0]
            alone = len(after[turned(other)]) == 1
            if alone and smaller(other) != smaller(word):
                joined[word] = other
    links = {(word, other) for word, all_ in after.items() for other in all_}
    links -= set(joined.items())
    groups = {kmer: {kmer} for kmer in kmers}
    for word, other in joined.items():
        one, two = groups[smaller(word)], groups[smaller(other)]
        if one is not two:
            one |= two
            for kmer in two:
                groups[kmer] = one
    return {frozenset(group) for group in groups.values()}, links


def spelled(graph: UnitigGraph) -> Iterator[tuple[int, list[str]]]:
    """Each unitig and the k-mers it spells."""
    for unitig, text in enumerate(graph.texts()):
        yield unitig, [text[i : i + graph.k] for i in range(len(text) - graph.k + 1)]


def normal_form(graph: UnitigGraph) -> tuple[list[tuple[str, int]], set[tuple[str, str]]]:
    """A graph without what may differ between tools: order, direction, where a circle starts.

    Unitigs with their abundance, and links as pairs of oriented k-mers.
    """
    unitigs = []
    links = set()
    k = graph.k
    circles = {unitig for unitig in range(len(graph)) if graph.is_circular(unitig)}
    texts = list(graph.texts())
    for unitig, text in enumerate(texts):
        if unitig in circles:
            n = len(text) - k + 1
            ring = text[:n] * 2
            back = turned(ring)
            text = "ring " + min(cut[i : i + n] for cut in (ring, back) for i in range(n))
        unitigs.append(
            (smaller(text) if unitig not in circles else text, int(graph.abundance[unitig]))
        )
    for source, target in zip(
        graph.link_sources.tolist(), graph.link_targets.tolist(), strict=True
    ):
        if source >> 1 not in circles:
            end = texts[source >> 1]
            begin = texts[target >> 1]
            links.add(
                (
                    turned(end[:k]) if source & 1 else end[-k:],
                    turned(begin[-k:]) if target & 1 else begin[:k],
                )
            )
    return sorted(unitigs), links
