"""The table of corrections: one row for every decision, whatever its kind."""

import gzip

import numpy as np
import pytest
from small_samples import mixture, random_sequence, strings_of

from benchmarks.simulators import simulate
from dbgclean.correct.corrections import COLUMNS, reasons, refusals, write_corrections
from dbgclean.correct.rewrite import Rewriter
from dbgclean.correct.verdicts import ERROR, NAMES, likelihood_verdicts
from dbgclean.errors import OutputError
from dbgclean.evidence.edits import SUBSTITUTION
from dbgclean.evidence.gather import gather
from dbgclean.spectrum.histogram import fit_spectrum
from dbgclean.spectrum.kmers import kmers_to_strings
from dbgclean.spectrum.whole import count_kmers


@pytest.fixture(scope="module")
def sample():
    """A mixture with indels, chimeras and Ns; its evidence and verdicts."""
    artefacts = simulate.Artefacts(chimeras=0.05, indels=0.05)
    reads, _, _ = mixture(
        length=3000, depth=60, spacing=80, fractions=(0.05, 0.03), artefacts=artefacts, seed=12
    )
    batch = next(simulate.to_batches(reads))
    batch.bases[::1009] = ord("N")
    batch = batch.with_bases(batch.bases)
    table = count_kmers([batch], 25)
    evidence = gather([batch], table, fit_spectrum(table))
    return batch, evidence, likelihood_verdicts(evidence.alternatives, error=9.0, real=12.0)


def rows_of(path):
    header, *lines = gzip.decompress(path.read_bytes()).decode().splitlines()
    assert tuple(header.split("\t")) == COLUMNS
    return [dict(zip(COLUMNS, line.split("\t"), strict=True)) for line in lines]


@pytest.fixture(scope="module")
def rows(sample, tmp_path_factory):
    path = tmp_path_factory.mktemp("table") / "corrections.tsv.gz"
    write_corrections(path, *sample[1:])
    return rows_of(path)


def test_one_row_for_each_alternative(sample, rows):
    _, evidence, verdicts = sample
    of, here = evidence.alternatives.of_edit, evidence.alternatives.substitutions
    a = evidence.alternatives.select(here)
    rows = [row for row in rows if row["kind"] == "substitution"]
    assert [row["kmer"] for row in rows] == kmers_to_strings(a.key, 31)
    assert [row["kmer"] for row in rows] == sorted(row["kmer"] for row in rows)
    assert [int(row["raw_count"]) for row in rows] == np.bincount(of)[here].tolist()
    assert [row["verdict"] for row in rows] == [NAMES[v] for v in verdicts.verdict[here]]
    assert {row["verdict"] for row in rows} == set(NAMES)
    assert all(row["position"] == "16" and row["read"] == "." for row in rows)
    assert [row["kmer"][15] for row in rows] == [row["from"] for row in rows]
    assert ["ACGT".index(row["to"]) for row in rows] == a.to.tolist()
    posterior = [float(row["posterior"]) for row in rows]
    np.testing.assert_allclose(posterior, verdicts.posterior[here], rtol=1e-3, atol=1e-12)


def test_single_reads_tell_of_gaps_masks_and_ns(sample, rows):
    """Applied to the reads as they came, the rows give the reads as they are written."""
    batch, evidence, verdicts = sample
    kept = evidence.alternatives.kind == SUBSTITUTION
    after = strings_of(Rewriter(evidence, kept).rewrite(batch, 0))
    expected = [list(read) for read in strings_of(batch)]
    rows = [row for row in rows if row["kind"] != "substitution"]
    assert {row["kind"] for row in rows} == {"deletion", "insertion", "mask", "fill"}
    for row in reversed(rows):
        read, at = expected[int(row["read"]) - 1], int(row["position"]) - 1
        if row["kind"] == "deletion":
            del read[at]
        elif row["kind"] == "insertion":
            read[at:at] = row["to"]
        elif row["kind"] == "fill":
            assert read[at] == row["from"] == "N"
            read[at] = row["to"]
        else:
            letter, size = row["to"].split("*")
            read[at : at + int(size)] = letter * int(size)
        assert row["verdict"] == "error"
        assert row["reason"]
    assert ["".join(read) for read in expected] == after


def test_reasons_and_refusals_add_up(sample):
    _, evidence, verdicts = sample
    why = reasons(evidence, verdicts)
    assert set(why) <= {"changed", "real", "undecided", "tie"}
    assert ((why == "changed") | (why == "tie")).sum() == (verdicts.verdict == ERROR).sum()
    counts = refusals(evidence, verdicts)
    rewriter = Rewriter(evidence, verdicts.kept)
    rewriter.rewrite(sample[0], 0)
    refused = counts["edit_real"] + counts["edit_undecided"] + counts["edit_tie"]
    assert rewriter.statistics.bases_changed + refused == len(evidence.edits.substitutions())
    assert counts["read_without_anchor"] == evidence.reads["no_anchor"]
    assert counts["read_too_short"] == 0


def test_without_verdicts_there_is_a_header(tmp_path):
    path = tmp_path / "none.tsv.gz"
    write_corrections(path, None, None)
    assert rows_of(path) == []


def test_the_same_bytes_every_time(sample, tmp_path):
    names = [tmp_path / "a.tsv.gz", tmp_path / random_sequence(8)]
    for name in names:
        write_corrections(name, *sample[1:])
    assert names[0].read_bytes() == names[1].read_bytes()


def test_an_unwritable_table_is_told(sample, tmp_path):
    with pytest.raises(OutputError):
        write_corrections(tmp_path / "no" / "table.tsv.gz", *sample[1:])
