"""The options of a run, and what follows from them before any read is read."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dbgclean._sample import check_sample
from dbgclean.errors import UsageError

if TYPE_CHECKING:
    from dbgclean.correct.policy import Policy

__all__ = ["Options", "policy_of"]


@dataclass(frozen=True)
class Options:
    """What decides the result of a run, how it is to be computed, and what it is called.

    Attributes
    ----------
    k
        Of the graph and the k-mer set; odd, 11 to 127.
    correction_k
        Of the threading, to 31; None has it chosen from depth and genome size.
    corrector
        Name of a registered corrector.
    model
        Folder of the network's weights; None for those that ship.
    min_quality
        Phred from which a base is of high quality.
    seed, threads, memory_bytes, tmp
        As on the command line; ``threads`` changes no result.
    interleaved, single, paired, reference
        How the input files are laid out; the reference is that of CRAM input and of
        the protected list.
    min_vaf, ploidy
        See `dbgclean.correct.policy.Policy`.
    protect
        VCF or BED of alleles or regions that stay.
    poly_g
        Mask ends of reads that were called G without a signal: ``on``, ``off``, or, where
        the sample shows that it has them, ``auto``.
    mask
        Mask what no other fragment supports, with N: what follows a seam, and poly-G ends.
    kept_from
        Lowest abundance of a k-mer in the k-mer set, whatever was judged.
    spikes
        Plant alleles in the sample's reads, to see what share of them is lost.
    sample
        Name in what is written; None for that of the first file.
    command
        The command line as far as it decides the result; None from Python.
    """

    k: int = 31
    correction_k: int | None = None
    corrector: str = "auto"
    model: str | None = None
    min_quality: int = 20
    seed: int = 1
    threads: int = 1
    memory_bytes: int | None = None
    tmp: str | None = None
    interleaved: bool = False
    single: bool = False
    paired: bool = False
    reference: str | None = None
    min_vaf: float = 0.0
    ploidy: int | None = None
    protect: str | None = None
    poly_g: str = "auto"
    mask: bool = True
    kept_from: int = 1
    spikes: bool = True
    sample: str | None = None
    command: str | None = None

    def __post_init__(self) -> None:
        """Refuse what no run can use, whichever door it came in by.

        Raises
        ------
        UsageError
        """
        ranges = [("min_quality", 0, 93), ("min_vaf", 0, 0.5), ("ploidy", 1, 64)]
        for name, low, high in (*ranges, ("correction_k", 11, 31)):
            value = getattr(self, name)
            if value is not None and not low <= value <= high:
                msg = f"--{name.replace('_', '-')}: {value} is not within {low} to {high}"
                raise UsageError(msg)
        if self.poly_g not in ("auto", "on", "off"):
            msg = f"--poly-g: found {self.poly_g!r}; choose auto, on or off"
            raise UsageError(msg)
        if self.poly_g == "on" and not self.mask:
            msg = "--poly-g on masks ends, and --no-mask masks nothing; leave one of the two out"
            raise UsageError(msg)
        if self.sample is not None:
            check_sample(self.sample)

    @property
    def paths(self) -> tuple[str | None, ...]:
        """Files and folders that are read besides the reads, or None."""
        return self.reference, self.protect, self.model

    def to_dict(self) -> dict[str, Any]:
        """The options that decide the result, for the report."""
        return {
            "k": self.k,
            "correction_k": self.correction_k,
            "corrector": self.corrector,
            "model": self.model or "pretrained",
            "min_quality": self.min_quality,
            "min_vaf": self.min_vaf,
            "ploidy": self.ploidy,
            "protect": Path(self.protect).name if self.protect else None,
            "seed": self.seed,
            **({"poly_g": self.poly_g} if self.poly_g != "auto" else {}),
            **({} if self.mask else {"mask": False}),
            **({"min_abundance": self.kept_from} if self.kept_from > 1 else {}),
            **({} if self.spikes else {"spikes": False}),
        }


def policy_of(options: Options) -> Policy:
    """The rules that the user set; a protected list is read here.

    Raises
    ------
    UsageError
        If a list comes without its reference.
    InputError
        If the list or its reference cannot be used.
    """
    # Here and not above: who only counts needs none of it, and nobody else needs pysam.
    from dbgclean.correct.policy import Policy

    if not options.protect:
        return Policy(options.min_vaf, options.ploidy)
    if not options.reference:
        msg = f"--protect {options.protect}: its positions need --reference FASTA; name it"
        raise UsageError(msg)
    from dbgclean.correct.protection import protect
    from dbgclean.reads.protected import read_protected

    listed = read_protected(options.protect, options.reference)
    return Policy(options.min_vaf, options.ploidy, protect(listed))
