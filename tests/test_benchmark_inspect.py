"""Inspect benchmark: scores by hand, haplotypes against brute force, samples and callers."""

import shutil

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.inspect import __main__ as inspect_bam
from benchmarks.inspect import baseline as inspect_baseline
from benchmarks.inspect import lines as inspect_lines
from benchmarks.inspect import samples
from benchmarks.inspect import score as scoring
from benchmarks.inspect import simulated as inspect_simulated
from benchmarks.inspect.callers import CALLERS, Task
from benchmarks.inspect.samples import Allele
from benchmarks.inspect.score import Call
from benchmarks.simulators import simulate

GENOME = simulate.random_genome(3_000, seed=11)
BASES = simulate.decode(GENOME)
BCFTOOLS = pytest.mark.skipif(shutil.which("bcftools") is None, reason="bcftools is not installed")


def fetch(start, end):
    return BASES[start:end]


def call(place, ref, alt, dosage=1, **columns):
    return Call((place, ref, alt), dosage, **columns)


def other(base):
    return "ACGT"["ACGT".index(base) - 1]


def snv(place, dosage=1, **columns):
    """A substitution at a 1-based place of the genome."""
    ref = BASES[place - 1]
    return call(place, ref, other(ref), dosage, **columns)


def test_scores_by_hand():
    truth = [snv(100), snv(200, 2), snv(300)]
    calls = [snv(100, 2), snv(200, 2), snv(900)]
    found = scoring.score(truth, calls, fetch)["snv"]
    assert (found["truth"], found["found"], found["outside"]) == (3, 2, 1)
    assert found["recall"] == pytest.approx(2 / 3, abs=1e-4)
    assert found["precision"] == pytest.approx(2 / 3, abs=1e-4)
    assert (found["genotypes_agree"], found["genotype_concordance"]) == (1, 0.5)
    assert found["by_haplotype"] == {"found": 2, "outside": 1}
    assert len(found["missed"]) == len(found["calls_outside"]) == 1


def test_snvs_and_indels_are_apart():
    ref = BASES[499]
    truth = [snv(100), call(500, ref, ref + "AC")]
    found = scoring.score(truth, [], fetch)
    assert (found["snv"]["truth"], found["indel"]["truth"]) == (1, 1)
    assert found["snv"]["precision"] is None


def test_an_indel_and_the_substitutions_that_spell_it_are_the_same():
    # GAT without its A is GT, however that is written; GC is something else.
    place = BASES.index("GAT") + 1
    truth = [call(place, "GA", "G")]
    calls = [call(place + 1, "A", "C"), call(place + 1, "AT", "A")]
    assert scoring.reconcile(truth, calls, fetch) == set()
    calls = [call(place + 1, "A", "T"), call(place + 1, "AT", "A")]
    assert len(scoring.reconcile(truth, calls, fetch)) == 3
    calls = [call(place + 1, "AT", "T")]
    assert scoring.reconcile(truth, calls, fetch) == {truth[0].key, calls[0].key}
    found = scoring.score(truth, calls, fetch)["indel"]
    assert (found["found"], found["outside"]) == (0, 1)
    assert found["by_haplotype"] == {"found": 1, "outside": 0}
    assert found["missed"] == found["calls_outside"] == []


def test_haplotypes_with_another_genotype_are_not_the_same():
    place = BASES.index("GAT") + 1
    truth, calls = [call(place, "GA", "G", 1)], [call(place + 1, "AT", "T", 2)]
    assert scoring.reconcile(truth, calls, fetch) == set()


@given(
    st.lists(
        st.tuples(st.integers(20, 60), st.integers(1, 2)), max_size=5, unique_by=lambda x: x[0]
    )
)
def test_a_list_is_the_same_as_itself(places):
    alleles = [snv(place, dosage) for place, dosage in places]
    assert scoring.reconcile(alleles, alleles, fetch) == set()
    found = scoring.score(alleles, alleles, fetch)["snv"]
    assert found["found"] == len(places)
    assert found["outside"] == 0


def test_curve_takes_ties_together_and_ranks_what_passes_first():
    truth = [snv(100), snv(200), snv(300)]
    calls = [
        snv(100, quality=30.0),
        snv(200, quality=20.0),
        snv(900, quality=20.0),
        snv(300, quality=90.0, passing=False),
    ]
    points = scoring.curve(truth, calls)
    assert [(round(p, 3), round(r, 3)) for p, r, _, _ in points] == [
        (1.0, 0.333),
        (0.667, 0.667),
        (0.75, 1.0),
    ]
    assert scoring.at_precision(points, 0.95) == {truth[0].key}
    assert len(scoring.at_precision(points, 0.7)) == 3
    assert scoring.at_precision([], 0.95) == set()


@given(
    st.lists(st.tuples(st.booleans(), st.integers(6, 40)), min_size=2, max_size=60).filter(
        lambda reads: any(alt for alt, _ in reads)
    )
)
def test_log_odds_against_a_loop_over_reads(reads):
    shows = np.array([alt for alt, _ in reads])
    error = np.array([10 ** (-quality / 10) for _, quality in reads])
    fraction = shows.mean()
    expected = 0.0
    for alt, e in zip(shows, error, strict=True):
        if alt:
            expected += np.log10((fraction * (1 - e) + (1 - fraction) * e / 3) / (e / 3))
        else:
            expected += np.log10((fraction * e / 3 + (1 - fraction) * (1 - e)) / (1 - e))
    assert inspect_baseline.log_odds(shows, error) == pytest.approx(expected)


def test_column_rows_count_strands_and_leave_out_gaps_and_single_reads():
    letters = ["A"] * 20 + ["a"] * 20 + ["C"] * 8 + ["", "g", "N"]
    rows = inspect_baseline.column_rows(letters, [35] * len(letters), "A")
    ((ref, alt, fraction, odds, bias),) = rows
    assert (ref, alt) == ("A", "C")
    assert fraction == pytest.approx(8 / 49)
    assert odds > 6.3
    assert bias < 0.05
    assert not inspect_baseline.column_rows(["A"] * 20 + ["C"], [35] * 21, "A")


@given(st.integers(1, 60), st.integers(100, 300))
def test_haplotype_has_its_alleles_and_lifts_the_rest(seed, spacing):
    alleles = samples.draw_alleles(GENOME, spacing, (0.5, 0.1), seed, indel_every=2)
    sequence, lift = samples.haplotype(GENOME, alleles)
    kept = lift >= 0
    changed = {p for one in alleles for p in range(one.position, one.position + len(one.ref))}
    assert set(np.flatnonzero(~kept).tolist()) == changed
    assert np.array_equal(sequence[lift[kept]], GENOME[kept])
    expected = BASES
    for one in sorted(alleles, key=lambda one: -one.position):
        assert expected[one.position : one.position + len(one.ref)] == one.ref
        end = one.position + len(one.ref)
        expected = expected[: one.position] + one.alt + expected[end:]
    assert simulate.decode(sequence) == expected


def test_mixture_haplotypes_have_one_fraction_each():
    alleles = [Allele(i, "A", "C", f) for i, f in enumerate((0.5, 0.1, 0.5, 0.02))]
    parts = samples.mixture_haplotypes(alleles)
    assert [share for _, share in parts] == pytest.approx([0.5, 0.1, 0.02, 0.38])
    assert [len(part) for part, _ in parts] == [2, 1, 1, 0]
    with pytest.raises(ValueError, match="more than all"):
        samples.mixture_haplotypes([*alleles, Allele(9, "A", "C", 0.6)])


def test_tumour_has_every_allele_at_its_fraction():
    drawn = samples.draw_alleles(GENOME, 100, (0.5, 0.2, 0.1), seed=3)
    alleles = inspect_simulated.mark_origins(drawn, (0.5, 0.2, 0.1))
    tumour, normal = samples.tumour_haplotypes(alleles)
    for parts in (tumour, normal):
        assert sum(share for _, share in parts) == pytest.approx(1)
    for one in alleles:
        in_tumour = sum(share for part, share in tumour if one in part)
        in_normal = sum(share for part, share in normal if one in part)
        assert in_tumour == pytest.approx(one.fraction)
        assert in_normal == pytest.approx(one.fraction if one.origin == "germline" else 0)
    germline = [one for one in alleles if one.origin == "germline"]
    assert {one.fraction for one in germline} == {0.5, 1.0}


def test_tables_sum_over_seeds():
    counts = {"alleles": 4, "shown": 4, "called": 3, "at_precision": 2, "alone": 1}
    row = {"snv": {"fractions": {"0.1": counts}}, "indel": {"fractions": {}}}
    sample = {"depth": 60.0, "errors": "independent", "callers": {"x": row, "y": {"missing": "no"}}}
    (one,) = inspect_simulated.lowfreq_table([sample, sample])
    assert (one["caller"], one["alleles"], one["called"]) == ("x", 8, 6)
    assert one["recall_at_precision"] == 0.5
    (line,) = inspect_lines.lines("lowfreq", {"table": [one]})
    assert "at precision .95 0.500" in line


@BCFTOOLS
def test_normalised_calls_are_left_aligned_and_taken_apart(tmp_path):
    bases = "ACGTACGTTGCAAAAAAGCTGACTGATCGATCGGATCT"
    reference = tmp_path / "ref.fa"
    reference.write_text(f">c\n{bases}\n")
    # The last A of the run deleted; GC>AT as one row.
    rows = [(17, "AG", "G", "0/1", 0.5), (19, "CT", "TA", "1/1", 1.0)]
    vcf = scoring.write_truth(tmp_path / "t.vcf", "c", len(bases), rows)
    normed = scoring.normalise(vcf, reference, tmp_path / "t.norm.vcf.gz")
    calls = scoring.load_calls(normed, "c", 1, 100)
    assert [one.key for one in calls] == [(11, "CA", "C"), (19, "C", "T"), (20, "T", "A")]
    assert [one.dosage for one in calls] == [1, 2, 2]
    assert calls[0].fraction == 0.5
    shared = scoring.isec(normed, normed, 1, 100, tmp_path / "isec")
    assert shared == {"only_truth": 0, "only_calls": 0, "both": 3}


def test_a_caller_that_is_not_there_says_so(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    caller = CALLERS["freebayes"]
    assert "not on the PATH" in caller.missing()
    assert caller.version() == "not installed"
    task = Task(tmp_path / "a.bam", tmp_path / "a.fa", "c:1-10", tmp_path)
    with pytest.raises(RuntimeError, match="not on the PATH"):
        caller.call(task)


def test_commands_show_no_folders(tmp_path):
    task = Task(tmp_path / "a.bam", tmp_path / "a.fa", "c:11-20", tmp_path, least_fraction=0.02)
    for name in ("freebayes", "bcftools", "dbgclean"):
        commands, out = CALLERS[name].plan(task, tmp_path)
        assert out.is_relative_to(tmp_path)
        assert any("a.bam" in word for word in commands[0])
    (command,), _ = CALLERS["freebayes"].plan(task, tmp_path)
    assert command[command.index("-r") + 1] == "c:10-20"
    assert command[command.index("-F") + 1] == "0.01"


@BCFTOOLS
@pytest.mark.skipif(
    any(shutil.which(tool) is None for tool in ("art_illumina", "bwa", "samtools")),
    reason="art_illumina, bwa or samtools is not installed",
)
def test_a_small_mixture_end_to_end(tmp_path):
    args = ["--set", "lowfreq", "--length", "3000", "--spacing", "300", "--depths", "60"]
    args += ["--fractions", "0.5", "0.2", "--data", str(tmp_path / "absent"), "--systematic"]
    args += ["--callers", "quality and strand", "-o", str(tmp_path / "results")]
    args += ["--folder", str(tmp_path / "work")]
    assert inspect_bam.main(args) == 0
    import json

    document = json.loads((tmp_path / "results" / "inspect_lowfreq.json").read_text())
    rows = [row for row in document["table"] if row["kind"] == "snv"]
    assert {row["errors"] for row in rows} == {"independent", "systematic"}
    assert all(row["recall_called"] == 1 for row in rows if row["fraction"] == 0.5)
    assert str(tmp_path) not in json.dumps(document["samples"])
    assert (tmp_path / "results" / "inspect_lowfreq.png").exists()
