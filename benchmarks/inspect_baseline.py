"""A test of base qualities and strands on a pileup: what a caller has to beat.

For every position and every base that is not the reference's: the probability that errors
alone, each read erring as its base quality says, show that base as often or more often. The
model is LoFreq's (Wilm et al. 2012, doi:10.1093/nar/gks918); its Poisson-binomial tail is
taken in the Poisson limit, which is exact up to the sum of the squared probabilities (Le Cam)
and errs to the safe side far out. Then LoFreq's two filters: Bonferroni over three bases at
every position at .01, and Fisher's test of strand bias. Substitutions only.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from scipy import special, stats

__all__ = ["log10_tail", "quality_and_strand", "strand_p"]

# Bases below are left out, as LoFreq does with -q and -Q at their defaults.
_LEAST_QUALITY = 6
_ALPHA = 0.01
_STRAND_ALPHA = 1e-3
_TERMS = 400


def log10_tail(observed: np.ndarray, expected: np.ndarray) -> np.ndarray:
    """Log10 of P(X >= observed) for Poisson counts, also where that is below 1e-308.

    Parameters
    ----------
    observed
        int (n,), 1 or more.
    expected
        float (n,), above 0.

    Returns
    -------
    float64 (n,)
    """
    k, mean = observed.astype(float), np.maximum(expected.astype(float), 1e-300)
    # Sum of mean^n / ((k + 1) ... (k + n)): what follows the first term of the tail.
    steps = np.log(mean)[:, None] - np.log(k[:, None] + np.arange(1, _TERMS + 1))
    rest = special.logsumexp(np.cumsum(steps, axis=1), axis=1)
    first = k * np.log(mean) - mean - special.gammaln(k + 1)
    return np.minimum((first + np.logaddexp(0.0, rest)) / np.log(10), 0.0)


def strand_p(alt: tuple[int, int], ref: tuple[int, int]) -> float:
    """Fisher's exact test, two-sided, of (forward, reverse) counts of two bases."""
    return float(stats.fisher_exact([list(alt), list(ref)])[1])


def quality_and_strand(bam: Path, reference: Path, region: str, out: Path) -> None:
    """Call substitutions in a region and write them as VCF, failed ones with a FILTER.

    Mates that overlap count once, as samtools has it: the better base stands.
    """
    import pysam

    contig, _, span = region.rpartition(":")
    first, last = (int(word) for word in span.split("-"))
    with pysam.FastaFile(str(reference)) as fasta:
        bases = fasta.fetch(contig, first - 1, last).upper()
        length = fasta.get_reference_length(contig)
    rows = []
    with pysam.AlignmentFile(str(bam)) as reads:
        columns = reads.pileup(
            contig, first - 1, last, truncate=True, max_depth=1_000_000, ignore_orphans=False,
            min_base_quality=_LEAST_QUALITY,
        )  # fmt: skip
        for column in columns:
            found = _column(column, bases[column.reference_pos - first + 1])
            rows += [(column.reference_pos + 1, *row) for row in found]
    _write(out, contig, length, rows, len(bases))


def _column(column, ref: str) -> list[tuple]:  # noqa: ANN001
    """(ref, alt, forward, reverse, depth, expected errors, strand p) of each other base."""
    letters = column.get_query_sequences()
    quality = np.array(column.get_query_qualities(), float)
    upper = np.array([letter.upper() for letter in letters])
    reverse = np.array([letter.islower() for letter in letters])
    called = np.isin(upper, list("ACGT"))
    expected = float((10 ** (-quality[called] / 10)).sum()) / 3
    rows = []
    ref_strands = [int((called & (upper == ref) & (reverse == side)).sum()) for side in (0, 1)]
    for alt in "ACGT":
        strands = [int(((upper == alt) & (reverse == side)).sum()) for side in (0, 1)]
        if alt != ref and sum(strands) >= 2:
            bias = strand_p((strands[0], strands[1]), (ref_strands[0], ref_strands[1]))
            rows.append((ref, alt, *strands, int(called.sum()), expected, bias))
    return rows


def _write(out: Path, contig: str, length: int, rows: list[tuple], positions: int) -> None:
    counts = np.array([row[3] + row[4] for row in rows], int)
    expected = np.array([row[6] for row in rows], float)
    score = -10 * log10_tail(counts, expected) if rows else np.zeros(0)
    least = -10 * np.log10(_ALPHA / (3 * max(positions, 1)))
    with open(out, "w", encoding="ascii") as file:
        file.write("##fileformat=VCFv4.2\n")
        file.write(f"##contig=<ID={contig},length={length}>\n")
        file.write('##FILTER=<ID=quality,Description="Not beyond errors after Bonferroni">\n')
        file.write('##FILTER=<ID=strand,Description="Fisher strand bias">\n')
        file.write('##INFO=<ID=AF,Number=1,Type=Float,Description="Fraction of the reads">\n')
        file.write('##FORMAT=<ID=GT,Number=1,Type=String,Description="Genotype">\n')
        file.write("#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\tFORMAT\tsample\n")
        for row, quality in zip(rows, score, strict=True):
            place, ref, alt, forward, reverse, depth, _, bias = row
            tests = (("quality", quality < least), ("strand", bias < _STRAND_ALPHA))
            failed = [word for word, fails in tests if fails]
            fraction = (forward + reverse) / max(depth, 1)
            genotype = "1/1" if fraction > 0.8 else "0/1"
            file.write(
                f"{contig}\t{place}\t.\t{ref}\t{alt}\t{quality:.2f}\t{';'.join(failed) or 'PASS'}"
                f"\tAF={fraction:.4f}\tGT\t{genotype}\n"
            )
