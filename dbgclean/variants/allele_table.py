"""The table of alleles: every branch that was looked at, one row each, the rejected too."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

import numpy as np

from dbgclean._columns import ALL, Columns
from dbgclean.correct.verdicts import NAMES as VERDICTS
from dbgclean.reads.rows import Rows, column, whole

__all__ = [
    "CLASSES",
    "ERROR",
    "KINDS",
    "ORIGINS",
    "REPEAT",
    "UNDECIDED",
    "VARIANT",
    "ZYGOSITIES",
    "AlleleTable",
]

KINDS = ("snv", "mnv", "insertion", "deletion", "complex", "tip")
# What an allele is taken for.
CLASSES = ("variant", "error", "repeat", "undecided")
VARIANT, ERROR, REPEAT, UNDECIDED = range(4)
ZYGOSITIES = ("", "heterozygous", "homozygous", "low-frequency")
# Of an allele of a tumour, beside the normal.
ORIGINS = ("somatic", "germline", "error", "undecided")

_float = partial(column, np.float64, empty=np.nan)
_text = partial(column, object, empty="")


def _either(names: tuple[str, ...]) -> str:
    return ", ".join(names[:-1]) + " or " + names[-1]


def _count(words: str, empty: int = 0) -> np.ndarray:
    return column(np.int64, words=words, empty=empty)


def _code(words: str, names: tuple[str, ...], empty: int = 0) -> np.ndarray:
    return column(np.uint8, words=words, names=names, empty=empty)


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class AlleleTable(Rows, Columns):
    """Alleles sorted by contig (in the order of the regions), position, ref and alt.

    Counts are of fragments: mates that overlap saw one molecule and count once, by the
    better of the two bases. NaN in a float column: not known. Shapes are (n,) where a
    comment does not say otherwise; ``contigs``, a list of str, is the whole table's.
    """

    contig: np.ndarray = column(np.int32, words="Row of `contigs`")
    position: np.ndarray = _count("0-based place of ref's first base on the contig")
    # As in VCF, left-aligned and parsimonious, with the base before where one of the two
    # would be empty. A tip has the bases that were read as ``alt``.
    ref: np.ndarray = _text(words="Bases of the reference")
    alt: np.ndarray = _text(words="Bases of the allele")
    kind: np.ndarray = _code("Kind of allele", KINDS)
    # By the strand of the read that speaks for a fragment.
    alt_forward: np.ndarray = _count("Fragments that show alt, forward strand")
    alt_reverse: np.ndarray = _count("Fragments that show alt, reverse strand")
    ref_forward: np.ndarray = _count("Fragments that show ref, forward strand")
    ref_reverse: np.ndarray = _count("Fragments that show ref, reverse strand")
    depth: np.ndarray = _count("Fragments over the place, whatever they show")
    alt_reads: np.ndarray = _count("Reads that show the allele, both mates counted")
    # Phred: of the worst base of several; of the bases on either side for a deletion.
    quality: np.ndarray = _float(words="Mean base quality of the alternative bases")
    best_quality: np.ndarray = _float(words="Best base quality of the alternative bases")
    low_quality: np.ndarray = _count("Supporting fragments with a base quality below 15")
    mapping_quality: np.ndarray = _float(words="Mean mapping quality of reads that show alt")
    ref_mapping_quality: np.ndarray = _float(words="Mean mapping quality of reads that show ref")
    mapped_nowhere_else: np.ndarray = _count(
        "Supporting fragments with a mapping quality of 20 or more"
    )
    clipped: np.ndarray = _count("Supporting fragments whose base the aligner had clipped off")
    cycles: np.ndarray = _count("Distinct places in the read, strand and cycle, of the support")
    ref_cycles: np.ndarray = _float(words="Such places among as many fragments that show ref")
    end_distance: np.ndarray = _float(words="Mean distance to the nearer end of the read")
    near_end: np.ndarray = _count("Supporting fragments within 10 bases of the end of a read")
    ref_near_end: np.ndarray = _count("The same of the fragments that show ref")
    agreed: np.ndarray = _count("Supporting fragments whose mate shows the allele too")
    denied: np.ndarray = _count("Supporting fragments whose mate shows something else")
    others: np.ndarray = _float(words="Other alleles that the supporting reads show, mean")
    copies: np.ndarray = _count("Times that the k-mer over the place stands in the region", 1)
    # In bases, of two copies or more, which the allele stands in or next to; 1: of none.
    run: np.ndarray = _count("Length of the homopolymer or tandem repeat at the place", 1)
    # That on the deeper side.
    depth_ratio: np.ndarray = _float(words="Depth over the depth that most of the region has")
    depth_tells: np.ndarray = column(
        bool, empty=True, words="Whether that depth counts copies: not of amplicons"
    )
    crowd: np.ndarray = _count("Other alleles within 250 bases that a tenth of the fragments show")
    expected: np.ndarray = _float(words="Fragments that errors of this kind let expect here")
    # Of "real at some fraction" to "error".
    likelihood: np.ndarray = _float(words="Log likelihood ratio of a real allele to errors, nats")
    posterior: np.ndarray = column(
        np.float32, words="Probability that the allele is real, by the corrector"
    )
    verdict: np.ndarray = _code("The corrector's verdict", VERDICTS)
    # float64 (n, 3), from the fragments that show ref or alt, greatest 0.
    genotype_likelihoods: np.ndarray = column(
        np.float64, 3, empty=np.nan, words="Log10 likelihood of 0/0, 0/1 and 1/1"
    )
    klass: np.ndarray = _code(
        "What the allele is taken for: " + ", ".join(CLASSES), CLASSES, UNDECIDED
    )
    zygosity: np.ndarray = _code("Zygosity: " + _either(ZYGOSITIES[1:]), ZYGOSITIES)
    genotype: np.ndarray = column(object, empty="./.", words="0/1, 1|0, 1/1, 0/0 or ./.")
    phase_set: np.ndarray = _count("1-based position of the block's first allele; 0: unphased")
    quality_score: np.ndarray = _float(words="Phred of the chance that the allele is no variant")
    filters: np.ndarray = column(object, empty=(), words="Names for FILTER; none for PASS")
    reasons: np.ndarray = column(object, empty=(), words="Why, in words")
    # Of the matched normal; -1 without one.
    normal_alt: np.ndarray = _count("Fragments of the normal that show the allele", -1)
    normal_depth: np.ndarray = _count("Fragments of the normal over the place", -1)
    origin: np.ndarray = _text(words="Against the normal: " + _either(ORIGINS))
    # (str, str) each, with up to 30 bases on either side, as pictures and k-mers want them.
    arms: np.ndarray = column(
        object, empty=("", ""), words="Sequence of the reference, of the allele"
    )
    contigs: list[str] = whole()

    def columns(self, rows: slice = ALL) -> dict[str, np.ndarray]:
        """What ``alleles.tsv.gz`` has, by its columns' names (`docs/inspect.md`)."""
        from dbgclean.variants.tables import named_columns

        return named_columns(self.select(rows))

    @property
    def alt_fragments(self) -> np.ndarray:
        """Supporting fragments, int64 (n,)."""
        return self.alt_forward + self.alt_reverse

    @property
    def ref_fragments(self) -> np.ndarray:
        """Fragments that show the reference, int64 (n,)."""
        return self.ref_forward + self.ref_reverse

    @property
    def fraction(self) -> np.ndarray:
        """Supporting fragments over ``depth``, float64 (n,)."""
        return self.alt_fragments / np.maximum(self.depth, 1)

    def shown(self, name: str) -> np.ndarray:
        """A column as it is written: codes as what they stand for, object (n,)."""
        names = {f.name: f.metadata["names"] for f in self.row_fields()}.get(name, ())
        values: np.ndarray = getattr(self, name)
        return np.array(names, object)[values] if names else values
