"""What speaks against an allele although the corrector may believe it: artefacts and repeats.

Every sign compares the reads that show the allele with those beside them that do not, or
with what chance allows; a count that is large because the place is deep is no sign.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import stats

from dbgclean.correct.verdicts import LIKELIHOOD_REAL
from dbgclean.reads.batch import stretches
from dbgclean.variants.allele_table import (
    ERROR,
    KINDS,
    REPEAT,
    UNDECIDED,
    VARIANT,
    AlleleTable,
)
from dbgclean.variants.phase import WRONG

__all__ = [
    "FILTERS",
    "MOST_QUALITY",
    "Rules",
    "Signs",
    "find_signs",
    "on_both_copies",
    "strand_bias",
]

FILTERS = {
    "NotReal": "The corrector takes it for a sequencing error",
    "Undecided": "Neither a variant nor an error beyond doubt",
    "Repeat": "Reads of another copy of a repeat, or of a paralogue",
    "StrandBias": "On one strand, where the reference is on both",
    "LowQual": "The alternative bases are of low quality",
    "LowMapQ": "The supporting reads map poorly, or elsewhere as well",
    "ReadEnd": "The supporting bases lie at the ends of reads",
    "SameCycle": "The supporting bases lie at one place of the read",
    "MatesDisagree": "Overlapping mates show something else",
    "Homopolymer": "An insertion or deletion no more frequent than its homopolymer lets expect",
    "BothCopies": "On both copies of the genome, as errors are and rare alleles are not",
    "FewFragments": "Fewer fragments than asked for",
    "LowFraction": "Credibly below the fraction asked for",
    "InNormal": "As frequent in the matched normal, and too rare there for an allele",
    "OpenEnd": "The reads leave the reference and do not come back",
}
"""Names for a VCF's FILTER, and what they mean; a variant has none."""

MOST_QUALITY = {VARIANT: 999.0, UNDECIDED: 3.01, REPEAT: 0.46, ERROR: 0.22}
"""Greatest quality by class, where a sign that the corrector does not see speaks against it:
that of P(variant) one half, one tenth and one twentieth."""

_MOST_BIASED = 999.0
# A sign that chance gives more often than this is none.
_CHANCE = 0.01
_INDELS = (KINDS.index("insertion"), KINDS.index("deletion"))


@dataclass(frozen=True)
class Rules:
    """Thresholds of the classes, each with its meaning."""

    # Copies of the genome in a cell, 1 or 2: which genotypes there are.
    ploidy: int = 2
    # The reference is the same reads' consensus: what all of them show in its place is no allele,
    # but sequence that stands in more than one place.
    own_consensus: bool = False
    # Alleles credibly below this fraction (the upper end of the one-sided 95 % interval is) are
    # left undecided; 0: no rule.
    min_fraction: float = 0.0
    # Fewer supporting fragments make no variant.
    min_fragments: int = 2
    # p of Fisher's exact test on strand against allele below which an allele that is nearly all on
    # one strand is biased. One true allele in a thousand.
    strand_risk: float = 1e-3
    # Share of the support on one strand that is "nearly all".
    strand_share: float = 0.9
    # Share of the alternative bases below Q15 from which they are poor as a whole.
    low_quality: float = 0.5
    # Share of the support within 10 bases of a read's end from which it lies at ends, where chance
    # does not explain it.
    near_end: float = 0.8
    # Share that chance puts there: 20 bases of a read of 70.
    end_chance: float = 0.3
    # Mean mapping quality, and
    mapping_quality: float = 20.0
    # share of fragments mapped nowhere else, below which the place is in doubt.
    unique: float = 0.5
    # Mean mapping quality by which the supporting reads fall behind those that show the reference,
    # from which they come from somewhere else.
    mapping_drop: float = 15.0
    # Depth over the region's usual from which copies lie on top of one another: two copies more
    # than a diploid genome has give 2.
    depth_ratio: float = 1.5
    # Other alleles nearby that copies on top of one another have: a few per cent of their bases
    # differ, of the copies of a human genome one in a thousand.
    crowd: int = 2
    # Other alleles in the supporting reads, mean, from which the reads are of a third haplotype
    # where they are too few for one copy of two. At the fraction of a copy they are a haplotype of
    # this place.
    others: float = 2.0
    # Other alleles in the supporting reads, mean, that explain by themselves why the reads map
    # less well, down to
    explained: float = 1.0
    # this mean mapping quality, below which there is another place.
    elsewhere: float = 10.0
    # A rare allele of fewer fragments than ``several`` needs this P(real).
    several: int = 3
    sure: float = 0.9
    # Log likelihood ratio (nats) that settles what the corrector cannot decide: twice what makes
    # an allele real by the ratio alone, and
    likelihood: float = 2 * LIKELIHOOD_REAL
    # that overrules it, if no sign speaks against the allele,
    beyond_doubt: float = 50.0
    # its support lies at this many places of the read at least, or at half as many as the
    # reference's fragments would: amplicons begin at few,
    several_places: int = 5
    # its strands are those of the reference (p of Fisher's exact test, or at least this share of
    # the support that the reference lets expect on the rarer strand), and
    balance_risk: float = 0.01
    balance_share: float = 0.25
    # no greater share of it is of low quality, errors that are to be expected left out.
    few_poor: float = 0.2
    # Length of a tandem repeat in which reads are laid out in more than one way: they hardly reach
    # over both its ends.
    long_tandem: int = 40
    # Length of a homopolymer or tandem repeat in which insertions and deletions recur.
    long_run: int = 8
    # Fraction that an insertion or deletion must have there, and
    run_fraction: float = 0.2
    # unless its log likelihood ratio (nats) is this great, and
    run_likelihood: float = 30.0
    # from which the errors that such places let expect do not explain it: polymerases slip in a
    # tenth of the fragments, not in a third.
    slip_fraction: float = 0.3
    # P of so few fragments from one copy of two, below which an allele is called low-frequency,
    # and not heterozygous.
    one_copy_risk: float = 1e-3
    # Share of the overlapping mates that show something else.
    contradiction: float = 0.5
    # What this share of so many fragments shows is called no error, unless one strand alone shows
    # it where the others are on both.
    frequent_fraction: float = 0.2
    frequent_depth: int = 20


@dataclass(frozen=True, slots=True, eq=False)
class Signs:
    """bool (n,) each.

    Attributes
    ----------
    one_strand, poor_bases, read_ends, one_place, mates_deny, long_run
        Artefacts of sequencing.
    uneven_strands
        One strand shows more of it than chance lets expect; no sign by itself.
    one_way
        The other fragments are on the same single strand: strands tell nothing here.
    few_places
        Fewer places in the read than the reference's fragments have; no sign by itself.
    both_copies
        The supporting fragments come from both copies, by what else they show.
    poor_mapping, worse_mapping
        The reads may belong elsewhere; but
    explained
        reads with several differences map less well wherever they are from.
    several_copies, too_deep, crowded_and_deep, long_tandem
        They do: see `Rules`.
    many_others
        A haplotype of several alleles: of this place, or of another copy.
    """

    one_strand: np.ndarray
    poor_bases: np.ndarray
    read_ends: np.ndarray
    one_place: np.ndarray
    mates_deny: np.ndarray
    long_run: np.ndarray
    uneven_strands: np.ndarray
    one_way: np.ndarray
    few_places: np.ndarray
    both_copies: np.ndarray
    poor_mapping: np.ndarray
    worse_mapping: np.ndarray
    several_copies: np.ndarray
    too_deep: np.ndarray
    crowded_and_deep: np.ndarray
    many_others: np.ndarray
    long_tandem: np.ndarray
    explained: np.ndarray

    @property
    def artefacts(self) -> np.ndarray:
        """How many signs of an artefact, int64 (n,)."""
        return np.stack([getattr(self, name) for name in _ARTEFACTS]).sum(0)

    @property
    def places(self) -> np.ndarray:
        """How many signs that there is another place, int64 (n,)."""
        mapping = (self.poor_mapping.astype(np.int64) + self.worse_mapping) * ~self.explained
        return mapping + np.stack([getattr(self, name) for name in _PLACES]).sum(0)

    @property
    def repeats(self) -> np.ndarray:
        """The same and haplotypes of several alleles, int64 (n,)."""
        return self.places + self.many_others

    @property
    def company(self) -> np.ndarray:
        """How many signs that a haplotype of this place has as well as another's, int64 (n,)."""
        mapping = (self.poor_mapping.astype(np.int64) + self.worse_mapping) * self.explained
        return mapping + self.many_others


_ARTEFACTS = (
    "one_strand", "poor_bases", "read_ends", "one_place", "mates_deny", "long_run",
    "both_copies",
)  # fmt: skip
_PLACES = ("several_copies", "too_deep", "crowded_and_deep", "long_tandem")
# Shares of the reference's fragments on one strand from which reads go one way there.
_ONE_WAY = 0.95
# Fragments of the reference that places are compared with: where all show the allele, it is
# where the site's reads are.
_COMPARED = 3
# Mean distinct places of as many of the reference's fragments that make one place a sign.
_SEVERAL = 1.9


def find_signs(table: AlleleTable, rules: Rules) -> Signs:
    """The signs of every allele; what is not known is no sign."""
    n = table.alt_fragments
    some = np.maximum(n, 1)
    with np.errstate(invalid="ignore"):  # comparisons with NaN: not known
        poor = (table.low_quality > rules.low_quality * some) | (table.quality < 15)
        deep = (table.depth_ratio >= rules.depth_ratio) & table.depth_tells
        # Of a haploid sample they are as well of another strain in the mixture.
        others = (table.others >= rules.others) & (rules.ploidy > 1)
        one_place = (table.cycles == 1) & (n > 1) & ~(table.ref_cycles < _SEVERAL)
        one_place &= table.ref_fragments >= _COMPARED
        few = (table.cycles < rules.several_places) & ~(2 * table.cycles >= table.ref_cycles)
    poor_mapping, worse_mapping, explained = _mapping(table, rules)
    strand_risk = 10.0 ** (-strand_bias(table) / 10)
    return Signs(
        one_strand=_one_strand(table, strand_risk, rules),
        poor_bases=poor & (n > 0),
        read_ends=_read_ends(table, rules),
        one_place=one_place,
        mates_deny=_mates_deny(table, rules),
        long_run=_long_run(table, rules),
        uneven_strands=_uneven_strands(table, strand_risk, rules),
        one_way=_one_way(table),
        few_places=few,
        both_copies=np.zeros(len(table), bool),
        poor_mapping=poor_mapping,
        worse_mapping=worse_mapping,
        several_copies=table.copies > 1,
        too_deep=deep,
        crowded_and_deep=deep & (table.crowd >= rules.crowd),
        many_others=others,
        long_tandem=table.run >= rules.long_tandem,
        explained=explained,
    )


def _mapping(table: AlleleTable, rules: Rules) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Do the reads map poorly, worse than the reference's, and is that their differences' doing?

    It is not where they map as well elsewhere, or where all reads of the place map poorly.
    """
    n = table.alt_fragments
    with np.errstate(invalid="ignore"):
        poor = table.mapping_quality < rules.mapping_quality
        poor |= table.mapped_nowhere_else < rules.unique * np.maximum(n, 1)
        worse = table.ref_mapping_quality - table.mapping_quality >= rules.mapping_drop
        explained = (table.others >= rules.explained) & ~(table.mapping_quality < rules.elsewhere)
        all_poor = table.ref_mapping_quality < rules.mapping_quality
    return poor & (n > 0), worse, explained & ~all_poor


def on_both_copies(shown: np.ndarray) -> np.ndarray:
    """Is the support of both copies more than fragments assigned wrongly explain? bool (n,).

    Parameters
    ----------
    shown
        int64 (n, 2, 2): see `dbgclean.variants.phase.copies_shown`.
    """
    alt = shown[:, :, 1]
    return stats.binom.sf(alt.min(1) - 1, alt.sum(1), WRONG) < _CHANCE


def _one_strand(table: AlleleTable, risk: np.ndarray, rules: Rules) -> np.ndarray:
    n = table.alt_fragments
    most = np.maximum(table.alt_forward, table.alt_reverse)
    return (n > 1) & (most >= rules.strand_share * n) & (risk < rules.strand_risk)


def _one_way(table: AlleleTable) -> np.ndarray:
    """Are the other fragments on one strand, and it the allele's? As in amplicons."""
    whole = np.maximum(table.ref_fragments, 1)
    forward, reverse = table.ref_forward >= _ONE_WAY * whole, table.ref_reverse >= _ONE_WAY * whole
    more = table.alt_forward - table.alt_reverse
    return (table.ref_fragments > 0) & ((forward & (more > 0)) | (reverse & (more < 0)))


def _uneven_strands(table: AlleleTable, risk: np.ndarray, rules: Rules) -> np.ndarray:
    """Does chance not explain the strands, and is the rarer one far below the reference's share?

    Fragments of one site are not independent: in deep amplicons chance alone explains little.
    """
    whole = np.maximum(table.ref_fragments, 1)
    expected = np.stack([table.ref_forward, table.ref_reverse]) * (table.alt_fragments / whole)
    shown = np.stack([table.alt_forward, table.alt_reverse])
    return (risk < rules.balance_risk) & (shown < rules.balance_share * expected).any(0)


def _read_ends(table: AlleleTable, rules: Rules) -> np.ndarray:
    """Nearly all at ends of reads, more than chance or the reference's reads put there?"""
    n = table.alt_fragments
    usual = table.ref_near_end / np.maximum(table.ref_fragments, 1)
    chance = stats.binom.sf(table.near_end - 1, n, np.maximum(usual, rules.end_chance))
    all_near = (n > 1) & (table.near_end >= rules.near_end * n) & (chance < _CHANCE)
    return all_near & (table.ref_fragments >= _COMPARED)


def _mates_deny(table: AlleleTable, rules: Rules) -> np.ndarray:
    said = table.agreed + table.denied
    return (table.denied > 1) & (table.denied > rules.contradiction * said)


def _long_run(table: AlleleTable, rules: Rules) -> np.ndarray:
    """Where polymerases slip, only what is frequent or far above the slips is an allele."""
    slips = np.isin(table.kind, _INDELS) & (table.run >= rules.long_run)
    expected = np.nan_to_num(table.expected)
    explained = stats.poisson.sf(table.alt_fragments - 1, np.maximum(expected, 1e-9)) > 1e-3
    far_above = ~explained & (table.likelihood >= rules.run_likelihood)
    rare = (table.fraction < rules.run_fraction) & ~far_above
    return slips & (rare | (explained & (table.fraction < rules.slip_fraction)))


def strand_bias(table: AlleleTable) -> np.ndarray:
    """Phred-scaled p of Fisher's exact test, two-sided, on strand against allele.

    0 where the allele's fragments lie on the two strands as the reference's do; at most
    999. Float64 (n,).

    References
    ----------
    Fisher, R. A. On the interpretation of chi-squared from contingency tables.
    J R Stat Soc 85:87, 1922. doi:10.2307/2340521.
    """
    cells = np.stack([table.alt_forward, table.alt_reverse, table.ref_forward, table.ref_reverse])
    score = np.zeros(len(table))
    # One fragment has one strand, and without the reference there is nothing to compare.
    wanted = (table.alt_fragments > 1) & (table.ref_fragments > 0)
    if not wanted.any():
        return score
    # Most rejected alleles have two or three fragments: the same few tables over and over.
    (a, b, c, d), which = np.unique(cells[:, wanted], axis=1, return_inverse=True)
    # As `scipy.stats.fisher_exact`, of all at once: the tables with these margins that are
    # no likelier than this one, where equals may differ in their last bits.
    low = np.maximum(0, a - d)
    x, starts = stretches(low, a + np.minimum(b, c) - low + 1)
    of = np.repeat(np.arange(len(a)), np.diff(starts))
    log = stats.hypergeom.logpmf(x, (a + b + c + d)[of], (a + b)[of], (a + c)[of])
    counts = log <= log[starts[:-1] + a - low][of] + 1e-7
    p = np.add.reduceat(np.where(counts, np.exp(log), 0.0), starts[:-1])
    p /= np.add.reduceat(np.exp(log), starts[:-1])
    phred = np.minimum(-10 * np.log10(np.maximum(p, 1e-300)), _MOST_BIASED) + 0.0
    score[wanted] = phred[which.reshape(-1)]
    return score
