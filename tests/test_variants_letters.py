"""Letters of the reference that are no bases: alleles on and beside them, with whole depths."""

import csv
import gzip
import json

import pytest

from benchmarks.simulators.aligned import (
    CONTIG,
    deletion,
    reference_sequence,
    snv,
    write_bam,
    write_fasta,
)
from dbgclean.__main__ import main
from dbgclean.pipeline.inspect_run import inspect
from dbgclean.variants.reference import Reference

LETTERS = {"A": "R", "C": "S", "G": "K", "T": "T"}
PLAIN = reference_sequence(3000)
ALLELES = [snv(PLAIN, place, 0.5) for place in (600, 900, 1200, 1500, 1800, 2100)]


def spelled_with(changes):
    """The reference with letters at some places; of what stands for several, the first is true."""
    letters = list(PLAIN)
    for place, letter in changes.items():
        letters[place] = letter
    return "".join(letters)


def first_such(base, start):
    return PLAIN.index(base, start)


# On an allele, beside one on either side, a run, and letters on both sides at once.
ON = next(a for a in ALLELES if a.ref in "ACG")
CHANGES = {
    ON.position: LETTERS[ON.ref],
    first_such("A", 905): "M",
    first_such("C", 1180): "S",
    **dict.fromkeys(range(1508, 1513), "N"),
    first_such("A", 1790): "W",
    1806: "N",
    2099: "N",
}


def alleles_of(folder, fasta, bam):
    arguments = [bam, "-r", CONTIG, "--reference", fasta, "-o", folder, "-q"]
    assert main(["inspect", *map(str, arguments)]) == 0
    with gzip.open(folder / "alleles.tsv.gz", "rt") as file:
        return {
            (int(row["position"]) - 1, row["alt"]): row
            for row in csv.DictReader(file, delimiter="\t")
        }


@pytest.fixture(scope="module")
def both(tmp_path_factory):
    """The alleles on the plain reference, on the one with letters, and the second's report."""
    folder = tmp_path_factory.mktemp("letters")
    bam = write_bam(folder / "a.bam", PLAIN, ALLELES, depth=60)
    plain = alleles_of(folder / "plain", write_fasta(folder / "plain.fa", PLAIN), bam)
    odd = write_fasta(folder / "odd.fa", spelled_with(CHANGES))
    return plain, alleles_of(folder / "odd", odd, bam), folder / "odd"


@pytest.mark.parametrize("allele", ALLELES, ids=lambda a: str(a.position))
def test_an_allele_is_found_with_whole_depths(both, allele):
    plain, odd, _ = both
    one, other = (rows[allele.position, allele.alt] for rows in (plain, odd))
    for name in ("ref", "class", "genotype", "alt_fragments", "ref_fragments", "depth"):
        assert one[name] == other[name], name
    assert other["class"] == "variant"


def test_nothing_else_is_called_and_nothing_at_an_n(both):
    _, odd, folder = both
    called = {at for at, row in odd.items() if row["class"] == "variant"}
    assert called == {(a.position, a.alt) for a in ALLELES}
    unknown = {place for place, letter in CHANGES.items() if letter == "N"}
    assert not unknown & {place for place, _ in odd}
    report = json.loads((folder / "report.json").read_text())
    assert report["reference_letters"] == {"ambiguous": 4, "unknown": 7}


def test_a_base_that_the_sample_lacks_is_no_allele_where_the_reference_names_none(tmp_path):
    """As at 3107 of the human mitochondrion, which stands for nothing."""
    place = 1500 + PLAIN[1500:].index("CT")
    sample = PLAIN[: place + 1] + PLAIN[place + 1 :]
    reference = PLAIN[: place + 1] + "N" + PLAIN[place + 1 :]
    gap = deletion(PLAIN[: place + 1] + "C" + PLAIN[place + 1 :], place, 1, 1.0)
    filled = reference.replace("N", "C")
    assert filled[: gap.position + 1] + filled[gap.position + 2 :] == sample
    bam = write_bam(tmp_path / "a.bam", filled, [gap], depth=60)
    odd = alleles_of(tmp_path / "out", write_fasta(tmp_path / "n.fa", reference), bam)
    assert not [at for at, row in odd.items() if row["class"] == "variant"]


def test_letters_are_said_once(both, tmp_path, caplog):
    _, _, folder = both
    bam, odd = (str(folder.parent / name) for name in ("a.bam", "odd.fa"))
    inspect(bam, [CONTIG], None, str(tmp_path / "again"), reference=odd)
    said = [text for text in caplog.messages if "stand for several" in text]
    assert len(said) == 1
    assert "4 letters" in said[0]


def test_each_letter_is_the_first_of_its_bases(tmp_path):
    fasta = write_fasta(tmp_path / "a.fa", "ACGTURYSWKMBDHVNacgtry")
    with Reference(fasta) as reference:
        assert reference.fetch(CONTIG, 0, 22) == "ACGTTACCAGACAAANACGTAC"
        assert reference.count_unnamed(CONTIG, 0, 22) == (12, 1)
