"""Real amplicons: what iVar found in both replicates of a Zika library is called.

Amplicons begin at few places and may be read one way only, so every sign has to be measured
against the other fragments at the same site.
"""

import csv
from dataclasses import replace

import numpy as np
import pytest

from dbgclean.correct.verdicts import ERROR
from dbgclean.variants.allele_table import CLASSES
from dbgclean.variants.classify import Rules, classify
from dbgclean.variants.evidence import gather_window
from dbgclean.variants.reference import Reference
from dbgclean.variants.region_reads import fetch_reads, open_alignments
from dbgclean.variants.regions import Region

_AROUND, _SHOWN = 100, 260


@pytest.fixture(scope="module")
def sites(shared_data):
    """Position, allele and evidence of the window, of every site of the list."""
    bam = shared_data / "reads" / "zika_Z52_a.bam"
    if not bam.exists():
        pytest.skip(f"no {bam}")
    with open(shared_data / "reads" / "zika_Z52_sites.tsv") as file:
        rows = list(csv.DictReader(file, delimiter="\t"))
    found = []
    with (
        open_alignments(str(bam)) as alignments,
        Reference(str(shared_data / "genomes" / "zika_PRV.fa")) as reference,
    ):
        length = alignments.contigs["PRV"]
        for row in rows:
            position = int(row["position"]) - 1
            core = Region("PRV", position - _AROUND, position + _AROUND)
            origin = core.widened(_SHOWN, length)
            bases = reference.fetch("PRV", origin.start, origin.end)
            reads = fetch_reads(alignments, core)
            evidence = gather_window(reads, bases, origin, core, corrector="likelihood")
            found.append((position, row["alt"], evidence))
    return found


def _class_of(table, position, alt):
    at = np.flatnonzero((table.position == position) & (table.alt == alt) & (table.kind == 0))
    assert len(at) == 1, (position, alt)
    return CLASSES[table.klass[at[0]]], table.reasons[at[0]]


@pytest.mark.parametrize("ploidy", [1, 2])
def test_all_sites_are_variants_by_the_ratio(sites, ploidy):
    assert len(sites) == 8
    for position, alt, evidence in sites:
        table = classify(evidence.alleles, evidence.reads_of, Rules(ploidy=ploidy))
        assert _class_of(table, position, alt)[0] == "variant", (position, alt)


def test_no_judge_overrules_fifty_nats(sites):
    """What the evidence says beyond doubt stands, even if the corrector denies all of it."""
    tried = 0
    for position, alt, evidence in sites:
        table = evidence.alleles
        at = (table.position == position) & (table.alt == alt) & (table.kind == 0)
        if table.likelihood[at].max() < 50:
            continue
        tried += 1
        denied = replace(
            table,
            verdict=np.full(len(table), ERROR, np.uint8),
            posterior=np.full(len(table), 0.001, np.float32),
        )
        table = classify(denied, evidence.reads_of, Rules(ploidy=1))
        assert _class_of(table, position, alt)[0] == "variant", (position, alt)
    assert tried >= 6
