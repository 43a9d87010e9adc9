"""A test of base qualities and strands on a pileup: what a caller has to beat.

For every position and every base that is not the reference's, MuTect's likelihood ratio
(Cibulskis et al. 2013, doi:10.1038/nbt.2514): reads in which the base stands at the fraction
seen against reads in which each base errs as its quality says. Called at its log odds of 6.3,
less what fails Fisher's exact test of strand bias at .001. Substitutions only.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from scipy import stats

__all__ = ["log_odds", "quality_and_strand", "strand_p"]

# Bases below are left out: their qualities mean next to nothing.
_LEAST_QUALITY = 6
_LOG_ODDS = 6.3
_STRAND_ALPHA = 1e-3


def log_odds(shows_alt: np.ndarray, error: np.ndarray) -> float:
    """Log10 odds of the allele at the fraction seen against errors alone.

    Parameters
    ----------
    shows_alt
        bool (n,): reads that show the alternative base; all others count as the reference.
    error
        float64 (n,): chance that the base of each read is wrong, one third for each other base.
    """
    fraction = shows_alt.mean()
    as_alt = np.log10(fraction * (1 - error) + (1 - fraction) * error / 3) - np.log10(error / 3)
    as_ref = np.log10(fraction * error / 3 + (1 - fraction) * (1 - error)) - np.log10(1 - error)
    # An allele that every read shows leaves nothing to the reference: no read to sum there.
    return float(as_alt[shows_alt].sum() + as_ref[~shows_alt].sum())


def strand_p(alt: tuple[int, int], ref: tuple[int, int]) -> float:
    """Fisher's exact test, two-sided, of (forward, reverse) counts of two bases."""
    return float(stats.fisher_exact([list(alt), list(ref)])[1])


def quality_and_strand(bam: Path, reference: Path, region: str, out: Path) -> None:
    """Test substitutions in a region and write them as VCF, failed ones with a FILTER.

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
            letters, qualities = column.get_query_sequences(), column.get_query_qualities()
            found = column_rows(letters, qualities, bases[column.reference_pos - first + 1])
            rows += [(column.reference_pos + 1, *row) for row in found]
    _write(out, contig, length, rows)


def column_rows(letters: list[str], qualities: list[int], ref: str) -> list[tuple]:
    """(ref, alt, fraction, log odds, strand p) of each other base that two reads show.

    Parameters
    ----------
    letters
        Bases, lower case on the reverse strand, empty for a deletion.
    qualities
        Phred.
    """
    upper = np.array([letter.upper() for letter in letters])
    reverse = np.array([letter.islower() for letter in letters])
    called = np.isin(upper, list("ACGT"))
    upper, reverse = upper[called], reverse[called]
    error = 10 ** (-np.array(qualities, float)[called] / 10)
    strands = {
        base: tuple(int(((upper == base) & (reverse == side)).sum()) for side in (0, 1))
        for base in "ACGT"
    }
    rows = []
    for alt in "ACGT":
        if alt != ref and sum(strands[alt]) >= 2:
            odds = log_odds(upper == alt, error)
            bias = strand_p(strands[alt], strands.get(ref, (0, 0)))
            rows.append((ref, alt, sum(strands[alt]) / len(upper), odds, bias))
    return rows


column_rows.__test__ = False  # type: ignore[attr-defined]


def _write(out: Path, contig: str, length: int, rows: list[tuple]) -> None:
    with open(out, "w", encoding="ascii") as file:
        file.write("##fileformat=VCFv4.2\n")
        file.write(f"##contig=<ID={contig},length={length}>\n")
        file.write(f'##FILTER=<ID=odds,Description="Log odds below {_LOG_ODDS}">\n')
        file.write('##FILTER=<ID=strand,Description="Fisher strand bias">\n')
        file.write('##INFO=<ID=AF,Number=1,Type=Float,Description="Fraction of the reads">\n')
        file.write('##FORMAT=<ID=GT,Number=1,Type=String,Description="Genotype">\n')
        file.write("#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\tFORMAT\tsample\n")
        for place, ref, alt, fraction, odds, bias in rows:
            tests = (("odds", odds < _LOG_ODDS), ("strand", bias < _STRAND_ALPHA))
            failed = ";".join(word for word, fails in tests if fails) or "PASS"
            genotype = "1/1" if fraction > 0.8 else "0/1"
            file.write(
                f"{contig}\t{place}\t.\t{ref}\t{alt}\t{max(10 * odds, 0):.2f}\t{failed}"
                f"\tAF={fraction:.4f}\tGT\t{genotype}\n"
            )
