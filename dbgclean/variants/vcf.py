"""Alleles as VCF 4.3: what is a variant passes, what is not says why.

Written as text, so that the bytes depend on nothing but the table (htslib's writer adds
lines of its own, which change with its version); indexed by pysam.

References
----------
The Variant Call Format Specification, VCFv4.3 and BCFv2.2. Danecek et al., The variant call
format and VCFtools. Bioinformatics 27:2156, 2011. doi:10.1093/bioinformatics/btr330.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from dbgclean._bgzf import BgzfWriter
from dbgclean._files import atomic_path
from dbgclean.errors import printable
from dbgclean.variants.allele_table import KINDS, VARIANT, AlleleTable
from dbgclean.variants.genotype import genotype_posteriors
from dbgclean.variants.signs import FILTERS, strand_bias

__all__ = ["vcf_rows", "write_vcf"]

# Of a record that is no variant and has no filter of its own, by its class.
_FILTER_OF = ("PASS", "NotReal", "Repeat", "Undecided")

_TIP = KINDS.index("tip")
_SEVERAL = 2  # fragments that a rejected allele must have to be written
_MOST = 10_000.0  # of QUAL: beyond it the figure means nothing
_MOST_PHRED = 99_999  # of PL: a genotype that cannot be
_TABIX_ENDS = 1 << 29  # positions beyond it need the other index

# key, Number, Type, Description, values.
_Info = tuple[str, str, str, str, Callable[[AlleleTable], np.ndarray]]
_TYPES = {np.int64: "Integer", np.float64: "Float", np.float32: "Float"}
_TABLE = {f.name: f.metadata for f in AlleleTable.row_fields()}


def _info(key: str, name: str, number: str = "A") -> _Info:
    """A key that tells a column of the table."""
    kind = _TYPES.get(_TABLE[name]["dtype"], "String")
    return key, number, kind, _TABLE[name]["words"], lambda table: table.shown(name)


_INFO: tuple[_Info, ...] = (
    _info("DBG_P", "posterior"),
    _info("DBG_CLASS", "klass", "1"),
    _info("DBG_KIND", "kind", "1"),
    _info("DBG_ZYG", "zygosity", "1"),
    _info("DBG_ORIGIN", "origin", "1"),
    ("SOMATIC", "0", "Flag", "Not in the matched normal", lambda t: t.origin == "somatic"),
    _info("DBG_NAD", "normal_alt", "1"),
    _info("DBG_NDP", "normal_depth", "1"),
    _info("DBG_LLR", "likelihood"),
    _info("DBG_EXP", "expected"),
    ("DBG_SB", "A", "Float", "Strand bias: Phred-scaled p of Fisher's exact test", strand_bias),
    _info("DBG_BQ", "quality"),
    _info("DBG_BQMAX", "best_quality"),
    _info("DBG_LOWQ", "low_quality"),
    ("DBG_MQ", "R", "Float", "Mean mapping quality of reads that show ref, and alt",
     lambda t: np.stack([t.ref_mapping_quality, t.mapping_quality], 1)),
    _info("DBG_UNIQ", "mapped_nowhere_else"),
    _info("DBG_CLIP", "clipped"),
    _info("DBG_CYC", "cycles"),
    _info("DBG_ENDD", "end_distance"),
    _info("DBG_NEAR", "near_end"),
    _info("DBG_AGREE", "agreed"),
    _info("DBG_DENY", "denied"),
    _info("DBG_OTHER", "others"),
    _info("DBG_COPIES", "copies", "1"),
    _info("DBG_RUN", "run", "1"),
    _info("DBG_DR", "depth_ratio", "1"),
)  # fmt: skip

_FORMAT = (
    ("GT", "1", "String", "Genotype"),
    ("GQ", "1", "Integer", "Phred-scaled probability that the genotype is wrong, at most 99"),
    ("DP", "1", "Integer", "Fragments over the place, whatever they show"),
    ("AD", "R", "Integer", "Fragments that show ref, and alt"),
    ("ADF", "R", "Integer", "The same, read on the forward strand"),
    ("ADR", "R", "Integer", "The same, read on the reverse strand"),
    ("AF", "A", "Float", "Allele fraction: fragments that show alt over DP"),
    ("PL", "G", "Integer", "Phred-scaled likelihoods of the genotypes, best 0"),
    ("PS", "1", "Integer", "Phase set: position of the first allele of the block"),
)


def write_vcf(
    path: str | os.PathLike[str],
    table: AlleleTable,
    *,
    contig_lengths: Mapping[str, int],
    sample: str,
    version: str,
    command: str,
    reference_name: str,
) -> None:
    """Write alleles as VCF 4.3, sorted, one alternative a line as ``bcftools norm -m-`` does.

    What is no variant has a FILTER; `vcf_rows` says which rows are written. Alleles are
    trimmed of bases that both sides share; to be left-aligned is the table's part, which
    knew the reference. No dates: the same table gives the same bytes.

    Parameters
    ----------
    path
        With the suffix ``.gz`` the file is BGZF and a tabix index is written beside it
        (``.tbi``; ``.csi`` where a position is beyond 2**29, which tabix cannot hold).
    contig_lengths
        Name to length in bases, in the header's order; records are sorted by it.
    sample
        Name of the sample column.
    version, command, reference_name
        For the header's ``source``, ``dbgcleanCommand`` and ``reference`` lines.

    Raises
    ------
    OutputError
        If a file cannot be written.
    ValueError
        If a row's contig is not in ``contig_lengths``, or its ref or alt is no word of
        A, C, G, T and N.
    """
    import pysam

    rank = {name: i for i, name in enumerate(contig_lengths)}
    if missing := set(table.contigs) - rank.keys():
        msg = f"contigs without a length: {', '.join(sorted(missing))}"
        raise ValueError(msg)
    chosen = table.select(vcf_rows(table))
    header = _header(chosen, contig_lengths, sample, version, command, reference_name)
    records = sorted(_records(chosen, rank), key=lambda record: record[:4])
    text = header + "".join(record[4] for record in records)
    if Path(path).suffix != ".gz":
        with atomic_path(path) as part:
            Path(part).write_text(text, encoding="utf-8")
        return
    far = bool(records) and max(record[1] for record in records) >= _TABIX_ENDS
    with atomic_path(path) as part, atomic_path(f"{path}.{'csi' if far else 'tbi'}") as index:
        with open(part, "wb") as raw, BgzfWriter(raw) as packed:
            packed.write(text.encode())
        pysam.tabix_index(str(part), preset="vcf", force=True, csi=far, index=str(index))


def vcf_rows(table: AlleleTable) -> np.ndarray:
    """Rows that the VCF holds, bool (n,).

    All variants; of what was rejected or left undecided, what two fragments or more show;
    no tips, which end nowhere on the reference.
    """
    wanted = (table.klass == VARIANT) | (table.alt_fragments >= _SEVERAL)
    return wanted & (table.kind != _TIP) & (table.ref != table.alt)


def _header(
    table: AlleleTable,
    contig_lengths: Mapping[str, int],
    sample: str,
    version: str,
    command: str,
    reference_name: str,
) -> str:
    lines = ["##fileformat=VCFv4.3", f"##source=dbgclean {_one_line(version)}"]
    lines += [f"##dbgcleanCommand={_one_line(command)}"] if command else []
    lines += [f"##reference={_one_line(reference_name)}"] if reference_name else []
    lines += [f"##contig=<ID={name},length={n}>" for name, n in contig_lengths.items()]
    lines.append('##FILTER=<ID=PASS,Description="All filters passed">')
    for name, words in _described_filters(table).items():
        lines.append(f'##FILTER=<ID={name},Description="{_quoted(words)}">')
    for key, number, kind, words, _ in _INFO:
        lines.append(f'##INFO=<ID={key},Number={number},Type={kind},Description="{words}">')
    for key, number, kind, words in _FORMAT:
        lines.append(f'##FORMAT=<ID={key},Number={number},Type={kind},Description="{words}">')
    name = printable(re.sub(r"\s+", "_", sample.strip())) or "sample"
    lines.append(f"#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\tFORMAT\t{name}")
    return "\n".join(lines) + "\n"


def _described_filters(table: AlleleTable) -> dict[str, str]:
    """Every filter that can occur or does, with its description; sorted by name."""
    known = dict(FILTERS)
    for names in table.filters:
        for name in names:
            known.setdefault(name, name.replace("_", " "))
    return dict(sorted(known.items()))


def _one_line(text: str) -> str:
    # "<" at the start would make it a structured line.
    return printable(" ".join(str(text).split())).lstrip("<")


def _quoted(text: str) -> str:
    return _one_line(text).replace("\\", "\\\\").replace('"', '\\"')


_Record = tuple[int, int, str, str, str]


def _records(table: AlleleTable, rank: Mapping[str, int]) -> Iterable[_Record]:
    """Rank of the contig, position, ref, alt, and the line."""
    infos = _info_texts(table)
    samples = _sample_texts(table)
    quality = _quality(table)
    for row in range(len(table)):
        contig = table.contigs[table.contig[row]]
        ref, alt = table.ref[row], table.alt[row]
        if not (re.fullmatch("[ACGTN]+", ref) and re.fullmatch("[ACGTN]+", alt)):
            msg = f"{contig}:{table.position[row] + 1}: alleles {ref!r} and {alt!r} are no words"
            raise ValueError(msg)
        shift, ref, alt = _parsimonious(ref, alt)
        position = int(table.position[row]) + shift + 1
        fields = (
            contig, str(position), ".", ref, alt, quality[row], _filter(table, row),
            infos[row], ":".join(key for key, *_ in _FORMAT), samples[row],
        )  # fmt: skip
        yield rank[contig], position, ref, alt, "\t".join(fields) + "\n"


def _parsimonious(ref: str, alt: str) -> tuple[int, str, str]:
    """How far the position moves, and the alleles without the bases that both share."""
    end = 0
    while end < min(len(ref), len(alt)) - 1 and ref[-1 - end] == alt[-1 - end]:
        end += 1
    ref, alt = ref[: len(ref) - end], alt[: len(alt) - end]
    start = 0
    while start < min(len(ref), len(alt)) - 1 and ref[start] == alt[start]:
        start += 1
    return start, ref[start:], alt[start:]


def _filter(table: AlleleTable, row: int) -> str:
    return ";".join(table.filters[row]) or _FILTER_OF[table.klass[row]]


def _quality(table: AlleleTable) -> list[str]:
    """QUAL: the classifier's, else of the corrector's P(real)."""
    wrong = np.clip(1.0 - table.posterior.astype(float), 1e-6, 1.0)
    score = np.where(np.isnan(table.quality_score), -10 * np.log10(wrong), table.quality_score)
    return [f"{value:.2f}" for value in np.clip(score, 0, _MOST) + 0.0]


def _float(value: float) -> str:
    return f"{value:.5g}" if np.isfinite(value) else "."


def _text(value: Any) -> str:
    """One INFO value; '' where it is not known."""
    if isinstance(value, list):
        return ",".join(map(_float, value)) if np.isfinite(value).any() else ""
    if isinstance(value, float):
        return _float(value) if np.isfinite(value) else ""
    return str(value)


def _info_texts(table: AlleleTable) -> list[str]:
    columns = [(key, kind, values(table).tolist()) for key, _, kind, _, values in _INFO]
    texts = []
    for row in range(len(table)):
        parts = []
        for key, kind, values in columns:
            value = values[row]
            if kind == "Flag":
                parts += [key] if value else []
            elif kind == "Integer" and value < 0:
                continue
            elif text := _text(value):
                parts.append(f"{key}={text}")
        texts.append(";".join(parts))
    return texts


def _sample_texts(table: AlleleTable) -> list[str]:
    likelihoods = np.rint(-10 * table.genotype_likelihoods)
    likelihoods = np.clip(likelihoods, 0, _MOST_PHRED)
    chances = 10.0 ** genotype_posteriors(table.genotype_likelihoods)
    pairs = (
        (table.ref_fragments, table.alt_fragments),
        (table.ref_forward, table.alt_forward),
        (table.ref_reverse, table.alt_reverse),
    )
    fractions = table.fraction
    texts = []
    for row in range(len(table)):
        genotype = str(table.genotype[row]) or "./."
        phred = _genotype_phred(genotype, likelihoods[row])
        counts = [f"{ref[row]},{alt[row]}" for ref, alt in pairs]
        phased = int(table.phase_set[row])
        fields = (
            genotype,
            _genotype_quality(genotype, chances[row]),
            str(table.depth[row]),
            *counts,
            _float(float(fractions[row])),
            ",".join(map(str, phred)) or ".",
            str(phased) if phased > 0 else ".",
        )
        texts.append(":".join(fields))
    return texts


def _genotype_phred(genotype: str, three: np.ndarray) -> list[int]:
    """PL of a haploid or diploid genotype; none where it is not known."""
    ploidy = 1 + len(re.findall(r"[/|]", genotype))
    if np.isnan(three).any() or ploidy > 2:
        return []
    kept = three if ploidy == 2 else three[[0, 2]]
    return [int(value) for value in kept - kept.min()]


def _genotype_quality(genotype: str, chances: np.ndarray) -> str:
    """GQ of a haploid or diploid genotype; ``chances`` are those of 0/0, 0/1 and 1/1."""
    alleles = re.split(r"[/|]", genotype)
    if "." in alleles or len(alleles) > 2 or np.isnan(chances).any():
        return "."
    called = 2 * sum(allele != "0" for allele in alleles) // len(alleles)
    wrong = chances.sum() - chances[called]
    return f"{min(99.0, -10 * np.log10(max(wrong, 1e-10))):.0f}"
