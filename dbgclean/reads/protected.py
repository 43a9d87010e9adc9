"""Alleles and regions that must not be corrected away: a VCF or BED on a reference.

Reads are never aligned, so what is protected is handed on as sequence: each contig
that the list names, with the places and bases on it. A VCF gives alleles (as many as
it has records and ALTs, whatever their FILTER), a BED gives regions.
"""

from __future__ import annotations

import logging
from collections import Counter
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
import pysam

from dbgclean.errors import InputError
from dbgclean.reads.bam import quiet_htslib
from dbgclean.reads.batch import encode_bases
from dbgclean.reads.bed import bed_regions
from dbgclean.reads.compression import read_head
from dbgclean.reads.reference import iter_sequences
from dbgclean.reads.spool import Spool

__all__ = ["LONGEST_GAP", "ProtectedContig", "ProtectedGap", "ProtectedList", "read_protected"]

logger = logging.getLogger(__name__)

_BASES = frozenset("ACGT")
_SHOWN = 3
# Longer insertions and deletions are never closed or opened in a read.
LONGEST_GAP = 6


class ProtectedGap(NamedTuple):
    """An insertion or a deletion.

    Attributes
    ----------
    position
        0-based place of the first base that is deleted, or before which bases stand.
    deleted
        Bases that go.
    inserted
        uint8: bases that come.
    allele
        Which allele of the list.
    """

    position: int
    deleted: int
    inserted: np.ndarray
    allele: int


@dataclass(frozen=True)
class ProtectedContig:
    """One sequence of the reference, and what of it is protected.

    Attributes
    ----------
    name
        As the reference has it.
    codes
        uint8 (n_bases,), 0..3, 4 for anything but ACGT.
    position
        int64 (n,): 0-based places of substituted bases, rising.
    to
        uint8 (n,): the base that is protected there.
    allele
        int64 (n,): which allele of the list it belongs to; the bases of a multiple
        substitution share one.
    gaps
        Insertions and deletions.
    regions
        int64 (m, 2): 0-based, half open.
    """

    name: str
    codes: np.ndarray
    position: np.ndarray
    to: np.ndarray
    allele: np.ndarray
    gaps: list[ProtectedGap]
    regions: np.ndarray


@dataclass(frozen=True)
class ProtectedList:
    """What a VCF or BED protects.

    Attributes
    ----------
    path
        The file.
    kind
        'alleles' (VCF) or 'regions' (BED).
    listed
        Alleles or regions that can be used.
    unusable
        Alleles or regions that cannot, by reason.
    contigs
        Only those that the file names.
    """

    path: str
    kind: str
    listed: int
    unusable: dict[str, int]
    contigs: list[ProtectedContig]


@dataclass
class _Found:
    """What the list says, before the reference is looked at; by contig."""

    kind: str
    alleles: dict[str, list[tuple[int, str, str]]] = field(default_factory=dict)
    regions: dict[str, list[tuple[int, int]]] = field(default_factory=dict)
    unusable: Counter[str] = field(default_factory=Counter)

    @property
    def names(self) -> set[str]:
        return set(self.alleles) | set(self.regions)


def read_protected(path: str, reference: str) -> ProtectedList:
    """Read a VCF (plain, bgzip, BCF) or BED (plain, gzip) and its reference.

    Parameters
    ----------
    reference
        FASTA or GenBank that the list's positions are on; plain or compressed. Only
        the contigs that the list names are kept.

    Raises
    ------
    InputError
        If a file is missing, damaged or of another format, a contig is not in the
        reference, a REF allele is not what the reference has, or a place is beyond
        the contig's end.
    """
    given, path = path, Spool().readable(path)
    if read_head(path).startswith((b"##fileformat=VCF", b"BCF")):
        found = _read_vcf(path)
    else:
        found = _read_bed(path)
    contigs: list[ProtectedContig] = []
    names, number = [], 0
    for name, codes in iter_sequences(reference):
        names.append(name)
        if name not in found.names:
            continue
        if any(contig.name == name for contig in contigs):
            msg = (
                f"{reference}: contig {name} stands there twice; give a reference that has it once"
            )
            raise InputError(msg)
        contig, number = _contig(path, name, codes, found, number)
        contigs.append(contig)
    missing = sorted(found.names - set(names))
    if missing:
        shown = ", ".join(names[:_SHOWN]) + (", ..." if len(names) > _SHOWN else "")
        msg = (
            f"{path}: contig {missing[0]} is not in {reference} ({shown}); "
            "give the reference that the list was made on"
        )
        raise InputError(msg)
    used = ProtectedList(
        given, found.kind, number, dict(sorted((+found.unusable).items())), contigs
    )
    _tell(used)
    return used


def _tell(used: ProtectedList) -> None:
    """One line: how much of the list can be used, and why not all."""
    reasons = (f"{n:,} {reason.replace('_', ' ')}" for reason, n in used.unusable.items())
    why = ", ".join(reasons)
    unused = f"; {sum(used.unusable.values()):,} cannot be used ({why})" if why else ""
    logger.info("%s: %s %s protected%s", used.path, f"{used.listed:,}", used.kind, unused)


def _read_vcf(path: str) -> _Found:
    found = _Found("alleles")
    record = 0
    with quiet_htslib():
        try:
            with pysam.VariantFile(path) as file:
                for variant in file:
                    _add_record(found, variant)
                    record += 1
        except (OSError, ValueError, UnicodeDecodeError) as error:
            after = f"after record {record:,}" if record else "at its start"
            msg = f"{path}: not a whole VCF, damaged {after} ({error}); get the file again"
            raise InputError(msg) from error
    return found


def _add_record(found: _Found, variant: pysam.VariantRecord) -> None:
    """Its alleles, one row each; those that cannot be used are counted."""
    ref = (variant.ref or "").upper()
    for given in variant.alts or ():
        alt = given.upper()
        reason = _unusable(ref, alt)
        if reason:
            found.unusable[reason] += 1
            # The record still has to fit the reference.
            alt = ref
        found.alleles.setdefault(variant.chrom, []).append((variant.start, ref, alt))


def _unusable(ref: str, alt: str) -> str:
    """Why an allele cannot be protected, or nothing."""
    if not alt or not set(alt) <= _BASES:
        return "not_acgt"
    if not set(ref) <= _BASES:
        return "ref_not_acgt"
    _, deleted, inserted = _trimmed(ref, alt)
    if len(deleted) != len(inserted):
        if deleted and inserted:
            return "complex"
        if len(deleted) + len(inserted) > LONGEST_GAP:
            return "long_insertions_or_deletions"
    return "equal_to_ref" if ref == alt else ""


def _trimmed(ref: str, alt: str) -> tuple[int, str, str]:
    """Bases that REF and ALT share in front, and what is left of them between shared ends."""
    back = 0
    while back < min(len(ref), len(alt)) and ref[-1 - back] == alt[-1 - back]:
        back += 1
    ref, alt = ref[: len(ref) - back], alt[: len(alt) - back]
    front = 0
    while front < min(len(ref), len(alt)) and ref[front] == alt[front]:
        front += 1
    return front, ref[front:], alt[front:]


def _read_bed(path: str) -> _Found:
    found = _Found("regions")
    for _, name, start, stop in bed_regions(path, "neither VCF nor BED"):
        if start == stop:
            found.unusable["of_no_length"] += 1
        else:
            found.regions.setdefault(name, []).append((start, stop))
    return found


def _contig(
    path: str, name: str, codes: np.ndarray, found: _Found, number: int
) -> tuple[ProtectedContig, int]:
    """One contig checked against its list, and the number of the next allele or region."""
    rows = sorted(set(found.alleles.get(name, ())))
    regions = sorted(found.regions.get(name, ()))
    position, to, allele, gaps = [], [], [], []
    for start, ref, alt in rows:
        _check_ref(path, name, codes, start, ref)
        if ref == alt:
            continue
        front, deleted, inserted = _trimmed(ref, alt)
        if len(deleted) != len(inserted):
            bases = encode_bases(np.frombuffer(inserted.encode(), np.uint8))
            gaps.append(ProtectedGap(start + front, len(deleted), bases, number))
        else:
            places = [i for i in range(len(deleted)) if deleted[i] != inserted[i]]
            position += [start + front + i for i in places]
            to += ["ACGT".index(inserted[i]) for i in places]
            allele += [number] * len(places)
        number += 1
    regions = _on_contig(path, name, len(codes), regions, found.unusable)
    number += len(regions)
    order = np.argsort(np.asarray(position, np.int64), kind="stable")
    contig = ProtectedContig(
        name,
        codes,
        np.asarray(position, np.int64)[order],
        np.asarray(to, np.uint8)[order],
        np.asarray(allele, np.int64)[order],
        gaps,
        np.asarray(regions, np.int64).reshape(-1, 2),
    )
    return contig, number


def _on_contig(
    path: str, name: str, length: int, regions: list[tuple[int, int]], unusable: Counter[str]
) -> list[tuple[int, int]]:
    """Regions clipped to their contig, with a word; those beyond it are counted."""
    kept = [(start, min(stop, length)) for start, stop in regions if start < length]
    unusable["beyond_the_contig"] += len(regions) - len(kept)
    clipped = [region for region in regions if region[0] < length < region[1]]
    if clipped:
        logger.warning(
            "%s: %s regions reach past the end of %s, which has %s bases: clipped",
            path, f"{len(clipped):,}", name, f"{length:,}",
        )  # fmt: skip
    return kept


def _check_ref(path: str, name: str, codes: np.ndarray, start: int, ref: str) -> None:
    """The record fits the reference; letters other than ACGT, on either side, fit all."""
    _check_end(path, name, codes, start, start + len(ref))
    given = encode_bases(np.frombuffer(ref.encode("ascii", "replace"), np.uint8))
    here = codes[start : start + len(ref)]
    if np.any((given != here) & (given < 4) & (here < 4)):
        held = "".join("ACGTN"[c] for c in here[:20])
        msg = (
            f"{path}: REF {ref[:20]} at {name}:{start + 1:,} is not what the reference has "
            f"({held}); give the reference that the list was made on"
        )
        raise InputError(msg)


def _check_end(path: str, name: str, codes: np.ndarray, start: int, stop: int) -> None:
    if start < 0 or stop > len(codes):
        msg = (
            f"{path}: {name}:{start + 1:,}-{stop:,} is beyond the contig, which has "
            f"{len(codes):,} bases; give the reference that the list was made on"
        )
        raise InputError(msg)
