"""dbgclean: De Bruijn graph assembly preprocessing that says what it cost.

Reads are counted into a k-mer spectrum, an evidence-conditioned judge tells errors from
alleles among the low-confidence k-mers, the graph is built from what remains, and a report
shows the ambiguity that went beside what its removal cost. ``import dbgclean as dbg``::

    raw   = dbg.count(["R1.fq.gz", "R2.fq.gz"], k=31)            # KmerTable
    clean = dbg.correct(["R1.fq.gz", "R2.fq.gz"], k=31)          # .kmers .alternatives .write_reads("out/")
    G     = dbg.build_graph(clean.kmers)                         # networkx.DiGraph of oriented unitigs
    for b in dbg.bubbles(G):                                     # sources, sinks and arms are nodes of G
        print(b.source, b.sink, [G.nodes[a]["depth"] for a in b.arms])
    print(dbg.ambiguity(G) - dbg.ambiguity(dbg.build_graph(raw)))
    alleles = dbg.inspect("x.bam", "chr20:10000001-10050000", reference="ref.fa")   # a table with named columns

========================  ==========================================================
`read_reads`              reads of FASTA, FASTQ, BAM or CRAM, in batches of arrays
`count`                   k-mers of reads, with their spectrum: `Counts`
`correct`                 reads and k-mers corrected, every alternative judged: `Correction`
`build_graph`             the compacted graph of k-mers, reads or a file, for networkx
`bubbles`, `tips`         of a graph, whole or as you have cut it: `Bubble`, `Tip`
`ambiguity`, `compare`    of one graph, or two: `AmbiguityReport`, `Comparison`
`inspect`                 variant or error, allele by allele, from a BAM: `AlleleTable`
`KmerTable`, `ReadBatch`  k-mers with abundances, and reads, as arrays
`Spectrum`                histogram of abundances with its fit; ``.plot()``
`DbgcleanError`           what all of them raise for anything wrong with what was given
========================  ==========================================================

Tables have named ``.columns()``, ``.to_pandas()`` and a picture in notebooks. Nothing heavy is
imported before one of these names is used.
"""  # noqa: E501  (the lines of the example are as wide as they are)

from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from dbgclean.api import (
        AlleleTable,
        AmbiguityReport,
        Bubble,
        Comparison,
        Correction,
        Counts,
        DbgcleanError,
        KmerTable,
        ReadBatch,
        Spectrum,
        Tip,
        ambiguity,
        bubbles,
        build_graph,
        compare,
        correct,
        count,
        inspect,
        read_reads,
        tips,
    )

from dbgclean._cache import prepare_cache
from dbgclean._lazy import lazy

__version__ = "0.4.0"

prepare_cache()

__all__ = [
    "AlleleTable",
    "AmbiguityReport",
    "Bubble",
    "Comparison",
    "Correction",
    "Counts",
    "DbgcleanError",
    "KmerTable",
    "ReadBatch",
    "Spectrum",
    "Tip",
    "ambiguity",
    "bubbles",
    "build_graph",
    "compare",
    "correct",
    "count",
    "inspect",
    "read_reads",
    "tips",
]


class _Verb(ModuleType):
    """`dbgclean.correct` is the package that plug-ins import from, and the verb: call it."""

    @property
    def __signature__(self) -> Any:
        return import_module("inspect").signature(import_module("dbgclean.api").correct)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return import_module("dbgclean.api").correct(*args, **kwargs)


import_module("dbgclean.correct").__class__ = _Verb


__getattr__ = lazy(__name__, dict.fromkeys(__all__, "api"))


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
