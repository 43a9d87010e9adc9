"""Real reads: the variants that Genome in a Bottle knows in 12 kb of a human genome."""

from __future__ import annotations

from dbgclean.variants.classify import Rules, classify
from dbgclean.variants.evidence import gather_window
from dbgclean.variants.reference import Reference
from dbgclean.variants.region_reads import fetch_reads, open_alignments
from dbgclean.variants.regions import Region


def test_every_known_variant_of_a_repeat_rich_window_is_called(shared_data):
    folder = shared_data / "human"
    with open_alignments(str(folder / "NA12878.chr22.tiny.bam")) as alignments:
        whole = Region("q", 0, alignments.contigs["q"])
        reads = fetch_reads(alignments, whole)
    with Reference(str(folder / "NA12878.chr22.tiny.ref.fa")) as reference:
        bases = reference.fetch("q", 0, whole.end)
    evidence = gather_window(reads, bases, whole, whole)
    table = classify(evidence.alleles, evidence.reads_of, Rules())
    genotypes = {
        (int(p) + 1, r, a): g
        for p, r, a, g in zip(table.position, table.ref, table.alt, table.genotype, strict=True)
    }
    lines = (folder / "NA12878.chr22.tiny.giab.vcf").read_text().splitlines()
    known = [line.split("\t") for line in lines if not line.startswith("#")]
    assert len(known) == 14
    for fields in known:
        name = (int(fields[1]), fields[3], fields[4])
        copies = fields[9].split(":")[0].count("1")
        assert genotypes[name].count("1") == copies, name
