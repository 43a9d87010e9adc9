"""What else but an allele could explain an alternative, weighed by how often it does so here.

The likelihood ratio of `dbgclean.evidence.alternatives` knows one kind of error: each read
for itself, by its quality. Two more are known of sequencers and libraries. A place may err
on the reads of one strand (Nakamura et al. 2011, doi:10.1093/nar/gkr344); a damaged base
may be read wrongly from the fragments of one orientation, by both mates (Costello et al.
2013, doi:10.1093/nar/gks1443). Each has its own likelihood, from the reads that could show
it, against the other reads of the same site; how often each is met with, by substitution,
is told by the sample's own alternatives (expectation and maximisation). Where none is met,
what remains is the plain ratio.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import special
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from dbgclean.evidence.alternatives import LEAST_RATIO, Alternatives
from dbgclean.evidence.edits import FLANK, SUBSTITUTION, Edits
from dbgclean.evidence.rates import MOST_WEIGHT, error_weights, evidence_weights, substitution_of
from dbgclean.evidence.sites import SiteReads, Sites
from dbgclean.evidence.weigh_kernels import (
    AGAINST,
    ALONG,
    AVERAGING,
    BACKWARD,
    DEPTH_ALONG,
    DEPTH_FORWARD,
    FORWARD,
    MOLECULES,
    OUT,
    REAL,
    SAME_BY_CHANCE,
    SAME_ENDS,
    TOLD,
    Support,
    weigh,
)
from dbgclean.reads.prefetch import in_spans

__all__ = ["Explained", "candidates", "explain", "places_of_starts"]

_OTHERS = slice(ALONG, BACKWARD + 1)
_STRANDS, _ORIENTATION = slice(ALONG, AGAINST + 1), slice(FORWARD, BACKWARD + 1)
_SHARES = slice(DEPTH_ALONG, DEPTH_FORWARD + 1)
# Row of `Explained.frequency` of each of the four explanations.
_WHICH = np.array([0, 0, 1, 1])
# Rounds at most, and the relative change from which they are over.
_ROUNDS = 40
_SETTLED = 1e-9
# Odds of an allele (nats, against) that judges of the ratio assume; how much more frequent
# alleles may be, as far as this goes; and what an allele in doubt is given.
USUAL_ODDS = 9.0
_MOST_ALLELES, _IN_DOUBT = 3.0, 2.5
# Molecules may count a little more than their reads do.
_NEAR = 2.0
# Places of one kind that chance makes look like it, of all substitutions together; what
# is assumed nevertheless; and how many places outweigh the mean over the substitutions.
_BY_CHANCE, _LEAST_PLACES, _SHRINK = 2.0, 0.05, 1.0
_SUBSTITUTIONS = 12
_LEAST_SHARE = 0.15
_IMPOSSIBLE = -1e3
# Bases at either end of a read that may be a primer's.
_PRIMER = 35
# Reads per molecule from which both of its mates show an alternative as a rule.
_BOTH = 1.5
# Stands for the base of a gap: no read over its site shows it.
_NO_BASE = 255
# Share of the sites with the ends of an amplicon from which all of a sample is amplicons.
_AMPLICONS = 0.3
# Share of the fragments with the same two ends that has to be more than chance explains.
_COPIES = 0.5
# Insert lengths of a library that a pair of ends can have, for chance coincidences.
_INSERTS = 50.0

# Reads that show the one and the other, as a share of those that show either.
_SHARED = 0.7
_LEAST_READS = 2


@dataclass(frozen=True, slots=True)
class Explained:
    """What was found of the alternatives that were weighed.

    Attributes
    ----------
    rows
        int64 (m,): their rows.
    figures
        float64 (m, len(OUT)): see `dbgclean.evidence.weigh_kernels.OUT`.
    frequency
        float64 (2, 16): places that err on one strand, and in one orientation, per
        place, by substitution (4 x molecule's base + read's base).
    real
        Log odds that another base at a place is an allele, as all alternatives have it.
    told
        Whether fragments with the same two ends are copies of one molecule here; and
        whether they are amplicons.
    """

    rows: np.ndarray
    figures: np.ndarray
    frequency: np.ndarray
    real: float
    told: tuple[bool, bool]

    @property
    def by_ends(self) -> bool:
        """Whether fragments with the same two ends are copies of one molecule."""
        return self.told[0]

    @property
    def prior(self) -> float:
        """``real``; minus infinity for amplicons: what amplification changed is as frequent
        as alleles, and lends them no odds."""
        return -np.inf if self.told[1] else self.real


def candidates(alternatives: Alternatives, prior: float = -USUAL_ODDS) -> np.ndarray:
    """Rows of the alternatives that are worth another look at the reads: int64.

    None where no ratio comes near the sample's odds (``prior``, log, as
    `dbgclean.evidence.sample.log_prior`), as in a clone: all are errors anyway.
    """
    near = max(USUAL_ODDS, -prior) - _NEAR
    if alternatives.likelihood.max(initial=-np.inf) < near:
        return np.zeros(0, np.int64)
    return np.flatnonzero(alternatives.likelihood >= LEAST_RATIO)


def explain(
    alternatives: Alternatives,
    edits: Edits,
    rows: np.ndarray,
    sites: Sites,
    reads: SiteReads,
    *,
    genome_size: float,
    read_length: float,
    paired: bool,
    sample: Explained | None = None,
    gap_errors: np.ndarray | None = None,
    threads: int = 1,
) -> tuple[Alternatives, Explained]:
    """The alternatives with ``odds`` that know of other explanations.

    Parameters
    ----------
    rows
        From `candidates`.
    sites, reads
        `Sites` of those rows, and what `Sites.read` found.
    sample
        What is known of the sample already; by default these alternatives tell it.
    gap_errors
        `dbgclean.evidence.gap_alternatives.Gaps.error`, where there are gaps.
    threads
        The result does not depend on it.
    """
    a, gap = alternatives, alternatives.kind[rows] != SUBSTITUTION
    support = _support(a, edits, rows, gap_errors)
    turned = np.repeat(sites.turned, np.diff(support.bounds))
    support = support._replace(strand=support.strand ^ turned)
    figures = np.zeros((len(rows), len(OUT)))
    base = np.where(gap, _NO_BASE, a.base[rows]).astype(np.uint8)
    depth = np.where(gap[:, None], _by_strand(a.depth[rows], sites, reads), a.depth[rows])
    seen = support, sites, base, reads, places_of_starts(read_length, paired)
    _weigh(*seen, depth, True, figures, threads)
    by_ends, amplicons = _told(figures[~gap], paired) if sample is None else sample.told
    if amplicons:
        depth = depth * _not_hidden(support, sites, reads, gap)
    if not by_ends:
        _weigh(*seen, depth, False, figures, threads)
    if amplicons or not paired:
        # Either mate of an amplicon's fragments may be the first.
        figures[:, _ORIENTATION] = _IMPOSSIBLE
    if amplicons:
        figures[:, _STRANDS][_untold(figures, support) & ~gap[:, None]] = _IMPOSSIBLE
    kinds, odds = _kinds(a, rows), a.odds.copy()
    for which in (gap, ~gap):
        # Gaps have odds of their own; substitutions come last, and are the sample's.
        if sample is not None:
            frequency, real = sample.frequency, sample.real
        else:
            frequency, real = _frequencies(figures[which], kinds[which], genome_size)
        odds[rows[which]] = _odds(figures[which], kinds[which], frequency, real)
    # Linked alternatives stand or fall with the one that most speaks for.
    odds = _highest_of(_together(a, edits), odds)
    found = Explained(rows[~gap], figures[~gap], frequency, float(real), (by_ends, amplicons))
    return a.with_odds(odds), found


def _weigh(
    support: Support, sites: Sites, base: np.ndarray, reads: SiteReads, starts: float,
    depth: np.ndarray, by_ends: bool, figures: np.ndarray, threads: int,
) -> None:  # fmt: skip
    """`weigh` all alternatives, some on each thread."""
    cap = np.log(MOST_WEIGHT)

    def weigh_some(a: np.int64, b: np.int64) -> None:
        some = support._replace(bounds=support.bounds[a : b + 1])
        mine = sites.of_key[a:b], base[a:b], depth[a:b]
        weigh(some, *mine, reads, starts, cap, by_ends, figures[a:b])

    in_spans(weigh_some, len(base), threads)


def _highest_of(group: np.ndarray, values: np.ndarray) -> np.ndarray:
    """The highest value of each one's group."""
    best = np.full(len(values), -np.inf)
    np.maximum.at(best, group, values)
    return np.asarray(best[group])


def _not_hidden(support: Support, sites: Sites, reads: SiteReads, gap: np.ndarray) -> np.ndarray:
    """Share of the reads of either strand that would show each alternative: float64 (n, 2).

    Where two amplicons overlap, the primer of one hides an allele from its reads; where none
    does, what only one of them shows was changed by its amplification.
    """
    share = np.ones((len(sites.of_key), 2))
    own = np.repeat(np.arange(len(share)), np.diff(support.bounds))
    site = np.repeat(np.arange(len(reads.bounds) - 1), np.diff(reads.bounds))
    for strand in range(2):
        early = (support.strand == strand) & (support.margin < _PRIMER)
        shown = np.bincount(own[early], minlength=len(share)) > 0
        here = reads.strand == strand
        every = np.bincount(site[here], minlength=len(reads.bounds))
        beyond = np.bincount(site[here & (reads.margin >= _PRIMER)], minlength=len(every))
        # Of reads whose very first bases a site is among, none is known.
        told = (beyond / np.maximum(every, 1))[sites.of_key]
        unknown = gap & (every[sites.of_key] == 0)
        share[:, strand] = np.where(shown | unknown, 1.0, told)
    return share


def _odds(figures: np.ndarray, kinds: np.ndarray, frequency: np.ndarray, real: float) -> np.ndarray:
    """What is left of each plain ratio beside other explanations, nats."""
    # Both sides of a comparison are averages; against independent errors it is the ratio.
    other = figures[:, _OTHERS] + np.log(frequency[_WHICH, kinds]) + figures[:, AVERAGING, None]
    # A ratio has to outweigh the odds of an allele, and is judged as if these were the
    # usual ones: where alleles are more frequent, so much less speaks for an error that recurs.
    other -= np.clip(real + USUAL_ODDS, 0, _MOST_ALLELES) + _IN_DOUBT
    errors = special.logsumexp(np.column_stack([np.zeros(len(other)), other]), axis=1)
    return np.asarray(figures[:, REAL] - errors)


def _untold(figures: np.ndarray, support: Support) -> np.ndarray:
    """Where in amplicons the strand tells nothing: bool (n, 2), errors along and against.

    Where one amplicon alone is read, on one strand, no other one denies anything (but of the
    gaps that molecules are amplified with, most are seen in one alone). Nor where both mates
    of most molecules show it: their two strands are one amplicon.
    """
    along = figures[:, DEPTH_ALONG]
    alone = np.stack([1 - along, along], axis=1) < _LEAST_SHARE
    both = np.diff(support.bounds) > _BOTH * figures[:, MOLECULES]
    return np.asarray(alone | both[:, None])


def _by_strand(depth: np.ndarray, sites: Sites, reads: SiteReads) -> np.ndarray:
    """The same depths (n, 2), shared out as the strands of the reads over each site are."""
    against = np.concatenate([[0], np.cumsum(reads.strand, dtype=np.int64)])
    first, last = reads.bounds[sites.of_key], reads.bounds[sites.of_key + 1]
    share = (against[last] - against[first] + 1) / (last - first + 2)
    return np.asarray(depth.sum(1)[:, None] * np.stack([1 - share, share], axis=1))


def _told(figures: np.ndarray, paired: bool) -> tuple[bool, bool]:
    """See `Explained.told`; the ends of single reads are one end, and tell too little."""
    if not len(figures):
        return paired, False
    amplicons = bool((figures[:, TOLD] < 0).mean() > _AMPLICONS)
    same, by_chance = (float(figures[:, n].sum()) for n in (SAME_ENDS, SAME_BY_CHANCE))
    copies = same - by_chance >= _COPIES * same > 0
    return paired and copies and not amplicons, amplicons


def places_of_starts(read_length: float, paired: bool) -> float:
    """Places where a fragment over a site can begin or, with its mate, begin and end."""
    return 2 * max(read_length - 30, 1) * (_INSERTS if paired else 1.0)


def _support(
    a: Alternatives, edits: Edits, rows: np.ndarray, gap_errors: np.ndarray | None
) -> Support:
    """The edits of the chosen alternatives."""
    place = np.full(len(a), -1, np.int64)
    place[rows] = np.arange(len(rows))
    group = place[a.of_edit]
    chosen = np.flatnonzero(group >= 0)
    order = chosen[np.argsort(group[chosen], kind="stable")]
    bounds = np.searchsorted(group[order], np.arange(len(rows) + 1)).astype(np.int64)
    read_as, molecule = substitution_of(edits)
    error = a.rates[molecule[order], read_as[order], edits.quality[order]]
    if gap_errors is not None:
        first = len(edits) - len(gap_errors)
        error[order >= first] = gap_errors[order[order >= first] - first]
    return Support(
        bounds,
        edits.strand[order],
        (edits.read[order] - edits.fragment[order]).astype(np.uint8),
        edits.position[order].astype(np.int64),
        edits.fragment[order],
        edits.other_end[order],
        edits.quality[order],
        edits.end_distance[order],
        error_weights(error),
        evidence_weights(error, edits.mate[order], edits.mate_quality[order]),
    )


def _together(alternatives: Alternatives, edits: Edits) -> np.ndarray:
    """Number of each alternative's haplotype: int64 (n,), shared by those that are linked.

    Judged apart, one of a pair may be kept and its neighbour corrected, and what is left in
    the reads is a sequence that neither haplotype has.

    Two are linked where at least two reads show both within 15 bases of each other, and
    70 % of the reads that show the more frequent one.
    """
    reads = alternatives.column("reads")
    rows = np.flatnonzero(reads[alternatives.of_edit] >= _LEAST_READS)
    # Edits are in the order of the reads, but for those of a batch's own order.
    order = rows[np.lexsort((edits.position[rows], edits.read[rows]))]
    read, place, of = edits.read[order], edits.position[order], alternatives.of_edit[order]
    beside = (read[1:] == read[:-1]) & (place[1:] - place[:-1] <= FLANK) & (of[1:] != of[:-1])
    pairs = np.sort(np.column_stack([of[:-1], of[1:]])[beside], axis=1)
    pairs, shared = np.unique(pairs, axis=0, return_counts=True)
    more = np.maximum(reads[pairs[:, 0]], reads[pairs[:, 1]])
    linked = pairs[(shared >= _LEAST_READS) & (shared >= _SHARED * more)]
    n = len(alternatives)
    ones = np.ones(len(linked), np.int8)
    graph = coo_array((ones, (linked[:, 0], linked[:, 1])), shape=(n, n))
    return connected_components(graph, directed=False)[1].astype(np.int64)


def _kinds(a: Alternatives, rows: np.ndarray) -> np.ndarray:
    """Substitution of each explanation, as its reads (or first reads) have it: (m, 4)."""
    to, base = a.to[rows].astype(np.int64), a.base[rows].astype(np.int64)
    along, against = 4 * to + base, 4 * (3 - to) + 3 - base
    return np.stack([along, against, along, against], axis=1)


def _frequencies(
    figures: np.ndarray, kind: np.ndarray, genome_size: float
) -> tuple[np.ndarray, float]:
    """How often a place errs on one strand, or in one orientation, by substitution; and the
    log odds that a base at a place is an allele."""
    places = genome_size / 2
    frequency = np.full((2, 16), _LEAST_PLACES / places)
    real = np.log(0.5 / (3 * genome_size))
    log = np.column_stack([figures[:, REAL] - figures[:, AVERAGING], figures[:, _OTHERS]])
    # Only where both strands, or orientations, are read is one-sidedness told from chance.
    # And one molecule, copied however often, is on one side whatever it is.
    told = np.abs(figures[:, _SHARES] - 0.5) < 0.5 - _LEAST_SHARE
    told &= figures[:, MOLECULES][:, None] > 1
    for _ in range(_ROUNDS):
        before = real, frequency.copy()
        scores = np.zeros((len(log), 6))
        scores[:, 1:5] = log[:, 1:5] + np.log(frequency[_WHICH, kind])
        scores[:, 5] = log[:, 0] + real
        share = special.softmax(scores, axis=1)
        real = np.log((share[:, 5].sum() + 0.5) / (3 * genome_size))
        for which, columns in enumerate((slice(0, 2), slice(2, 4))):
            mine = share[:, 1:5][:, columns] * told[:, which : which + 1]
            found = np.bincount(kind[:, columns].ravel(), mine.ravel(), minlength=16)
            mean = max(found.sum() - _BY_CHANCE, _LEAST_PLACES) / _SUBSTITUTIONS
            frequency[which] = mean * (found + _SHRINK) / (mean + _SHRINK) / places
        if abs(real - before[0]) < _SETTLED and np.allclose(frequency, before[1], _SETTLED, 0):
            break
    return frequency, float(real)
