"""Clipped primers are no evidence; what an aligner clipped is."""

import json
from array import array
from dataclasses import dataclass

import numpy as np
import pysam
import pytest
from test_cli_inspect import calls, inspect, rows

from benchmarks.simulators.aligned import (
    CONTIG,
    insertion,
    reference_sequence,
    snv,
    write_bam,
    write_fasta,
    write_sorted,
)
from dbgclean.variants.clipping import leave_out_clips
from dbgclean.variants.region_reads import fetch_reads, open_alignments
from dbgclean.variants.regions import Region

REFERENCE = reference_sequence(1200, seed=21)
PRIMER, READ = 22, 220
# Two tiles; the second's left primer lies within the first.
TILES = ((100, 500), (400, 800))
UNDER_PRIMER = snv(REFERENCE, 411, 1.0)


@dataclass(frozen=True)
class Tile:
    """A molecule of a tile: primers of their own making around the sample's bases."""

    start: int
    end: int
    left_primer: str
    right_primer: str

    def bases(self, sample):
        inside = sample[self.start + PRIMER : self.end - PRIMER]
        return self.left_primer + inside + self.right_primer


def write_tiles(path, sample, tiles, *, clip=True, pairs=150, seed=3):
    """Pairs that begin at the tiles' ends; a trimmer clips their primers."""
    rng = np.random.default_rng(seed)
    header = pysam.AlignmentHeader.from_dict(
        {"HD": {"VN": "1.6", "SO": "coordinate"}, "SQ": [{"SN": CONTIG, "LN": len(sample)}]}
    )
    records = []
    for number, tile in enumerate(tiles):
        bases = tile.bases(sample)
        for i in range(pairs):
            for right in (False, True):
                start = len(bases) - READ if right else 0
                text = np.frombuffer(bases[start : start + READ].encode(), np.uint8).copy()
                wrong = rng.random(READ) < 1e-3
                text[wrong] = rng.choice(np.frombuffer(b"ACGT", np.uint8), int(wrong.sum()))
                record = pysam.AlignedSegment(header)
                record.query_name = f"t{number}_{i}"
                record.flag = 3 | (64 if right == bool(i % 2) else 128) | (16 if right else 32)
                record.reference_id, record.mapping_quality = 0, 60
                lead = PRIMER if clip and not right else 0
                record.reference_start = tile.start + start + lead
                words = [(4, PRIMER), (0, READ - PRIMER)] if clip else [(0, READ)]
                record.cigartuples = words[::-1] if right else words
                record.query_sequence = text.tobytes().decode()
                record.query_qualities = array("B", [37] * READ)
                records.append(record)
    return write_sorted(path, header, records)


def primers_of(reference):
    return [
        Tile(start, end, reference[start : start + PRIMER], reference[end - PRIMER : end])
        for start, end in TILES
    ]


def with_allele(allele):
    return REFERENCE[: allele.position] + allele.alt + REFERENCE[allele.position + 1 :]


def row_of(folder, allele):
    found = [r for r in rows(folder) if int(r["position"]) == allele.position + 1]
    return next(r for r in found if r["alt"] == allele.alt)


@pytest.fixture
def fasta(tmp_path):
    return write_fasta(tmp_path / "ref.fa", REFERENCE)


def test_a_fixed_variant_under_a_primer_is_fixed(tmp_path, fasta):
    sample = with_allele(UNDER_PRIMER)
    bam = write_tiles(tmp_path / "a.bam", sample, primers_of(REFERENCE))
    inspect(bam, "-r", f"{CONTIG}:101-800", "--reference", fasta, "-o", tmp_path / "out")
    row = row_of(tmp_path / "out", UNDER_PRIMER)
    assert float(row["fraction"]) > 0.98
    assert (row["class"], row["genotype"]) == ("variant", "1/1")
    report = json.loads((tmp_path / "out" / "report.json").read_text())
    assert report["soft_clipped_ends"] == {"taken": 0, "left_out": 600}


def test_a_primer_that_differs_from_the_reference_is_no_allele(tmp_path, fasta):
    first, second = primers_of(REFERENCE)
    other = snv(REFERENCE, 400 + PRIMER - 2, 1.0)
    changed = with_allele(other)
    # As aligners clip it: from the difference on, which is next to the aligned part.
    second = Tile(400, 800, changed[400 : 400 + PRIMER], second.right_primer)
    bam = write_tiles(tmp_path / "a.bam", REFERENCE, [first, second])
    inspect(bam, "-r", f"{CONTIG}:101-800", "--reference", fasta, "-o", tmp_path / "out")
    assert not calls(tmp_path / "out")
    shown = [r for r in rows(tmp_path / "out") if int(r["position"]) == other.position + 1]
    assert all(float(r["fraction"]) < 0.05 for r in shown)


def test_without_a_reference_primers_are_told_by_the_other_reads(tmp_path):
    sample = with_allele(UNDER_PRIMER)
    bam = write_tiles(tmp_path / "a.bam", sample, primers_of(sample))
    with open_alignments(bam) as alignments:
        reads = fetch_reads(alignments, Region(CONTIG, 350, 600))
    cut, counts = leave_out_clips(reads, None, 0)
    assert counts["taken"] == 0
    assert counts["left_out"] == (cut.cut_left > 0).sum() + (cut.cut_right > 0).sum() > 100


LONG = insertion(REFERENCE, 600, "GATTACAGGCCTTAAGCGTATCCGATTGCA", 0.5)


def test_what_an_aligner_clipped_is_read_unless_told_otherwise(tmp_path, fasta):
    bam = write_bam(tmp_path / "a.bam", REFERENCE, [LONG], depth=80, low=0)
    for name, options in (("with", []), ("without", ["--no-soft-clips"])):
        out = tmp_path / name
        inspect(bam, "-r", f"{CONTIG}:301-900", "--reference", fasta, "-o", out, *options)
    report = json.loads((tmp_path / "with" / "report.json").read_text())
    assert report["soft_clipped_ends"]["taken"] > 10
    assert (LONG.position + 1, LONG.ref, LONG.alt) in calls(tmp_path / "with")
    report = json.loads((tmp_path / "without" / "report.json").read_text())
    assert report["soft_clipped_ends"]["taken"] == 0
    assert report["config"]["soft_clips"] is False
    assert "--no-soft-clips" in report["command"]
    clipped = [int(r["clipped"]) for r in rows(tmp_path / "without")]
    assert sum(clipped) == 0 < sum(int(r["clipped"]) for r in rows(tmp_path / "with"))


def test_reads_keep_their_places_when_ends_are_cut(tmp_path):
    bam = write_tiles(tmp_path / "a.bam", REFERENCE, primers_of(REFERENCE))
    with open_alignments(bam) as alignments:
        reads = fetch_reads(alignments, Region(CONTIG, 300, 500))
    cut, _ = leave_out_clips(reads, REFERENCE, 0)
    assert (np.diff(cut.batch.offsets) == READ - PRIMER).all()
    for i in range(0, len(cut), 37):
        low, high = cut.batch.offsets[i : i + 2]
        codes = cut.batch.codes[low:high]
        along = 3 - codes[::-1] if cut.reverse[i] else codes
        wanted = REFERENCE[cut.start[i] : cut.end[i]]
        same = sum("ACGT"[c] == w for c, w in zip(along.tolist(), wanted, strict=True))
        assert same >= len(wanted) - 3
