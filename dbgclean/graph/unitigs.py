"""The compacted graph as arrays: unitigs, their abundances and the links between them.

Strand is explicit. An *oriented unitig* is a node, ``2 * u`` for unitig ``u`` read
as stored ("+") and ``2 * u + 1`` for its reverse complement ("-"). Every link
``a -> b`` has a mirror ``mirror(b) -> mirror(a)`` and both are stored, except where
the two are one and the same: the *hairpin* ``a -> mirror(a)``, stored once.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from dbgclean.spectrum.kmers import decode

if TYPE_CHECKING:
    import networkx as nx

__all__ = ["Foreign", "UnitigGraph", "mirror", "node_name"]


def mirror(node: int) -> int:
    """The same unitig on the other strand.

    Examples
    --------
    >>> mirror(6), mirror(7)
    (7, 6)
    """
    return node ^ 1


def node_name(node: int) -> tuple[int, str]:
    """``(unitig, "+")`` or ``(unitig, "-")`` of an oriented unitig.

    Examples
    --------
    >>> node_name(6), node_name(7)
    ((3, '+'), (3, '-'))
    """
    return node >> 1, "+-"[node & 1]


@dataclass(frozen=True, eq=False)
class Foreign:
    """What a graph of another tool holds beyond a De Bruijn graph's arrays.

    Attributes
    ----------
    names : tuple of str
        Segment names, by unitig number.
    declared_lengths : ndarray of int64, (U,)
        Length in bases, also of segments whose sequence is not in the file.
    cigars : tuple of str
        The distinct overlaps of the links, as in the file.
    link_cigars : ndarray of int32, (L,)
        Which of `cigars` each link has, in the order of ``link_targets``.
    known_depth : ndarray of bool, (U,)
        Whether the file told a depth; where not, the abundance is 0 and says nothing.
    """

    names: tuple[str, ...]
    declared_lengths: np.ndarray
    cigars: tuple[str, ...]
    link_cigars: np.ndarray
    known_depth: np.ndarray


@dataclass(frozen=True, eq=False)
class UnitigGraph:
    """A compacted De Bruijn graph of U unitigs; nobody changes it once made.

    Attributes
    ----------
    k : int
        Length of the k-mers; linked unitigs overlap by k - 1 bases. 0 for a graph
        of another tool whose links overlap by several lengths.
    codes : ndarray of uint8, (bases,)
        2-bit codes of the unitigs, one after the other (4: not A, C, G or T).
    offsets : ndarray of int64, (U + 1,)
        Unitig ``u`` is ``codes[offsets[u]:offsets[u + 1]]``.
    abundance : ndarray of int64, (U,)
        Abundances of its k-mers, summed (``KC`` in GFA).
    link_offsets : ndarray of int64, (2 U + 1,)
        Successors of oriented unitig ``node`` are
        ``link_targets[link_offsets[node]:link_offsets[node + 1]]``, ascending.
    link_targets : ndarray of int32, (L,)
        Oriented unitigs; a hairpin once, any other link with its mirror.
    foreign : Foreign or None
        Names, overlaps and missing sequences of a graph read from another tool.
    """

    k: int
    codes: np.ndarray
    offsets: np.ndarray
    abundance: np.ndarray
    link_offsets: np.ndarray
    link_targets: np.ndarray
    foreign: Foreign | None = None

    def __len__(self) -> int:
        return int(self.abundance.size)

    def __repr__(self) -> str:
        return f"UnitigGraph(k={self.k}, unitigs={len(self)}, links={self.link_targets.size})"

    @cached_property
    def lengths(self) -> np.ndarray:
        """Bases of each unitig, int64 (U,)."""
        if self.foreign is not None:
            return self.foreign.declared_lengths
        return np.diff(self.offsets)

    @cached_property
    def kmers(self) -> np.ndarray:
        """k-mers of each unitig, int64 (U,); for ``k == 0``, bases."""
        return np.maximum(self.lengths - max(self.k, 1) + 1, 0)

    @cached_property
    def depth(self) -> np.ndarray:
        """Mean abundance of each unitig's k-mers, float64 (U,)."""
        return self.abundance / np.maximum(self.kmers, 1)

    def known_depth(self, unitig: int) -> bool:
        """Whether the depth of a unitig is known."""
        return self.foreign is None or bool(self.foreign.known_depth[unitig])

    @cached_property
    def out_degree(self) -> np.ndarray:
        """Links leaving each oriented unitig, int64 (2 U,)."""
        return np.diff(self.link_offsets)

    @cached_property
    def in_degree(self) -> np.ndarray:
        """Links entering each oriented unitig: what leaves its mirror, int64 (2 U,)."""
        return np.ascontiguousarray(self.out_degree.reshape(-1, 2)[:, ::-1]).reshape(-1)

    def successors(self, node: int) -> np.ndarray:
        """Oriented unitigs that may follow oriented unitig `node`, int32."""
        return self.link_targets[self.link_offsets[node] : self.link_offsets[node + 1]]

    def predecessors(self, node: int) -> np.ndarray:
        """Oriented unitigs that may precede oriented unitig `node`, int32."""
        return self.successors(mirror(node)) ^ 1

    def name(self, unitig: int) -> str:
        """Name of a unitig in files: its number, or the name it was read with."""
        return str(unitig) if self.foreign is None else self.foreign.names[unitig]

    def oriented_name(self, node: int) -> str:
        """Name and strand, as ``12+``."""
        return self.name(node >> 1) + "+-"[node & 1]

    def sequence(self, unitig: int) -> str:
        """Bases of a unitig as stored; empty where the file held none."""
        return decode(self.codes[self.offsets[unitig] : self.offsets[unitig + 1]])

    def oriented_sequence(self, node: int) -> str:
        """Bases of an oriented unitig."""
        codes = self.codes[self.offsets[node >> 1] : self.offsets[(node >> 1) + 1]]
        if node & 1:
            codes = _complement(codes)
        return decode(codes)

    @cached_property
    def link_sources(self) -> np.ndarray:
        """Oriented unitig that each of ``link_targets`` leaves, int32 (L,)."""
        return np.repeat(np.arange(2 * len(self), dtype=np.int32), self.out_degree)

    def link_rows(self) -> np.ndarray:
        """Places in ``link_targets`` of each link once, int64: not of the larger mirror."""
        return np.flatnonzero(self.link_sources <= (self.link_targets ^ 1))

    def links(self) -> np.ndarray:
        """Each link once, int32 (n, 2), sorted: the smaller of a link and its mirror."""
        rows = self.link_rows()
        return np.column_stack([self.link_sources[rows], self.link_targets[rows]])

    def is_circular(self, unitig: int) -> bool:
        """True where the end of a unitig joins its own start and nothing else."""
        node = 2 * unitig
        return (
            self.out_degree[node] == 1
            and self.in_degree[node] == 1
            and int(self.successors(node)[0]) == node
        )

    def texts(self) -> Iterator[str]:
        """Sequences of all unitigs in order, spelled in blocks (far faster than one by one)."""
        block = 65536
        for first in range(0, len(self), block):
            last = min(first + block, len(self))
            begin = self.offsets[first]
            text = decode(self.codes[begin : self.offsets[last]])
            cuts = (self.offsets[first : last + 1] - begin).tolist()
            for i in range(last - first):
                yield text[cuts[i] : cuts[i + 1]]

    def to_networkx(self, limit: int = 200_000) -> "nx.DiGraph":
        """The graph over oriented unitigs, for networkx; see `dbgclean.graph.nx`."""
        from dbgclean.graph.nx import to_networkx

        return to_networkx(self, limit=limit)


def _complement(codes: np.ndarray) -> np.ndarray:
    """Reverse complement of 2-bit codes; code 4 stays."""
    turned = codes[::-1]
    return np.where(turned < 4, 3 - turned, 4).astype(np.uint8)
