"""What the user says matters: --min-vaf, --ploidy and --protect, whoever judges."""

import gzip
import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from small_samples import mixture

from benchmarks.simulators import simulate
from dbgclean.__main__ import main
from dbgclean.correct.corrections import reasons, refusals
from dbgclean.correct.policy import (
    RULES,
    Policy,
    RuledVerdicts,
    below_fraction,
    fits_ploidy,
    fragment_counts,
)
from dbgclean.correct.verdicts import ERROR, REAL, UNDECIDED, Verdicts
from dbgclean.evidence.alternatives import COLUMNS, Alternatives
from dbgclean.evidence.changes import OtherChanges
from dbgclean.evidence.edits import Edits
from dbgclean.evidence.gather import Evidence
from dbgclean.evidence.windows import SampleContext


def array(*values):
    return np.array(values, float)


def evidence_of(rows, peak=100.0):
    """Evidence of alternatives given as (key, fragments, reads, reads of other bases)."""
    n = len(rows)
    key, fragments, reads, others = (np.array(column) for column in zip(*rows, strict=True))
    support = np.zeros((n, len(COLUMNS)))
    support[:, COLUMNS.index("fragments")] = fragments
    support[:, COLUMNS.index("reads")] = reads
    known = {
        "key": key.astype(np.uint64),
        "support": support,
        "depth": np.stack([others / 2, others / 2], axis=1),
        "of_edit": np.arange(n),
    }
    a = Alternatives(*(known.get(f, np.zeros(n)) for f in Alternatives.__slots__))
    reads_by_state = {"no_anchor": 0, "too_short": 0, "partly_threaded": 0}
    return Evidence(
        a, Edits.empty(n), OtherChanges.concatenate([]), reads_by_state,
        SampleContext(peak, 0.004, 1e6),
    )  # fmt: skip


def verdicts_of(*codes):
    return Verdicts(np.array(codes, np.uint8), np.linspace(0, 1, len(codes), dtype=np.float32))


@given(st.integers(0, 60), st.integers(1, 400), st.floats(0.01, 0.5))
def test_below_fraction_is_the_end_of_a_binomial_interval(n, more, fraction):
    depth = n + more
    expected = stats.binomtest(n, depth, fraction, alternative="less").pvalue < 0.05
    assert below_fraction(array(n), array(depth), fraction)[0] == expected


def test_alleles_of_the_least_fraction_itself_are_seldom_lost():
    drawn = np.random.default_rng(1).binomial(200, 0.05, 20_000).astype(float)
    assert below_fraction(drawn, np.full(20_000, 200.0), 0.05).mean() < 0.05
    assert below_fraction(drawn, np.full(20_000, 200.0), 0.1).mean() > 0.7


@pytest.mark.parametrize(
    ("n", "depth", "ploidy", "relative", "fits"),
    [
        (3, 100, 1, 1, False),
        (50, 100, 1, 1, False),  # half of a clone's reads: two copies would be twice as deep
        (100, 100, 1, 1, True),
        (96, 100, 1, 1, True),
        (100, 200, 1, 2, True),  # a repeat of two copies, one of them different
        (10, 200, 1, 2, False),
        (100, 1400, 1, 14, True),  # one of fourteen
        (5, 1400, 1, 14, False),
        (100, 3000, 1, 30, True),
        (4, 3000, 1, 30, False),
        (50, 100, 2, 1, True),
        (35, 100, 2, 1, True),  # a heterozygous site, or one of three copies
        (3, 100, 2, 1, False),
        (1, 10, 2, 1, True),  # too shallow to tell
        (25, 100, 4, 1, True),
        (3, 100, 4, 1, False),
        (7, 100, 16, 1, True),
        (0.1, 1000, 16, 1, False),
    ],
)
def test_fits_ploidy(n, depth, ploidy, relative, fits):
    found = fits_ploidy(array(n), array(depth), array(relative), ploidy)
    assert found.tolist() == [fits]


@pytest.mark.parametrize("ploidy", [1, 2, 3, 4, 7])
@pytest.mark.parametrize("depth", [12, 40, 200])
def test_a_clones_own_alleles_fit(ploidy, depth):
    """Binomial support of i of N copies, at depths that vary as in a real sample."""
    rng = np.random.default_rng(ploidy)
    for i in range(1, ploidy + 1):
        sites = rng.poisson(depth, 2000)
        n = rng.binomial(sites, 0.99 * i / ploidy)
        shown = n > 0
        n, sites = n[shown].astype(float), sites[shown].astype(float)
        assert fits_ploidy(n, sites, sites / depth, ploidy).mean() > 0.99


def test_mates_that_overlap_count_once():
    n, depth, reads = fragment_counts(array(4, 4), array(8, 4), array(92, 96))
    assert n.tolist() == [4, 4]
    assert depth.tolist() == [50, 100]
    assert reads.tolist() == [100, 100]


def test_no_rule_is_no_change():
    evidence, verdicts = evidence_of([(1, 3, 3, 97)]), verdicts_of(REAL)
    assert Policy().apply(evidence, verdicts) is verdicts
    assert Policy().report(verdicts) == {}


def test_min_vaf_settles_what_would_be_kept():
    evidence = evidence_of([(1, 3, 3, 197), (2, 3, 3, 197), (3, 3, 3, 197), (4, 9, 9, 191)])
    verdicts = verdicts_of(REAL, UNDECIDED, ERROR, REAL)
    ruled = Policy(min_vaf=0.05).apply(evidence, verdicts)
    assert ruled.verdict.tolist() == [ERROR, ERROR, ERROR, REAL]
    assert [RULES[code] for code in ruled.rule] == ["min_vaf", "min_vaf", "", ""]
    assert ruled.posterior is verdicts.posterior
    assert ruled.judged is verdicts.verdict
    assert ruled.kept.tolist() == [False, False, False, True]
    assert reasons(evidence, ruled).tolist() == ["min_vaf", "min_vaf", "changed", "real"]
    assert Policy(min_vaf=0.05).report(ruled) == {
        "rules": {"min_vaf": 2, "ploidy": 0, "protected": 0}
    }


def test_ploidy_looks_at_the_local_copy_number():
    rows = [(1, 10, 10, 90), (2, 95, 95, 5), (3, 100, 100, 900), (4, 3, 3, 97)]
    verdicts = verdicts_of(REAL, REAL, REAL, UNDECIDED)
    ruled = Policy(ploidy=1).apply(evidence_of(rows), verdicts)
    assert ruled.verdict.tolist() == [ERROR, REAL, REAL, ERROR]
    assert [RULES[code] for code in ruled.rule] == ["ploidy", "", "", "ploidy"]
    # Where depth is too uneven for a peak, many copies are possible and little is certain.
    many = Policy(ploidy=1).apply(evidence_of(rows, peak=1.0), verdicts)
    assert many.verdict.tolist() == verdicts.verdict.tolist()


def test_both_rules_count_an_alternative_once():
    evidence = evidence_of([(1, 3, 3, 197), (2, 30, 30, 170)], peak=200.0)
    ruled = Policy(min_vaf=0.1, ploidy=1).apply(evidence, verdicts_of(REAL, REAL))
    assert ruled.ruled() == {"min_vaf": 1, "ploidy": 1, "protected": 0}


def test_ties_stay_ties():
    evidence = evidence_of([(1, 3, 3, 197)])
    evidence.alternatives.support[0, COLUMNS.index("disputed")] = 3
    evidence.edits.disputed[:] = 1
    ruled = Policy(min_vaf=0.1).apply(evidence, verdicts_of(REAL))
    assert reasons(evidence, ruled).tolist() == ["tie"]
    assert refusals(evidence, ruled)["edit_tie"] == 1


FRACTIONS = (0.4, 0.1, 0.03)


@pytest.fixture(scope="module")
def sample(tmp_path_factory):
    """A mixture on disk with its reference, and a list of the alleles of 3 %."""
    folder = tmp_path_factory.mktemp("policy")
    reads, genome, sites = mixture(
        length=24_000, depth=150, spacing=400, fractions=FRACTIONS, seed=41, read_length=120,
        insert=300,
    )  # fmt: skip
    simulate.write_fastq(reads, folder / "r1.fq", folder / "r2.fq")
    text = simulate.decode(genome)
    (folder / "ref.fa").write_text(f">chr1 the reference\n{text}\n>other\nACGTACGT\n")
    listed = np.flatnonzero(sites.fraction == FRACTIONS[-1])
    lines = ["##fileformat=VCFv4.2", "##contig=<ID=chr1>"]
    lines.append("#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO")
    for i in listed:
        ref, alt = "ACGT"[sites.ref[i]], "ACGT"[sites.alt[i]]
        lines.append(f"chr1\t{sites.position[i] + 1}\t.\t{ref}\t{alt}\t.\t.\t.")
    (folder / "list.vcf").write_text("\n".join(lines) + "\n")
    (folder / "list.bed").write_text(
        "".join(f"chr1\t{p - 5}\t{p + 5}\n" for p in sites.position[listed])
    )
    return folder, simulate.allele_kmers(genome, sites, 31), sites, len(listed)


def corrected(sample, out, *more, corrector="likelihood"):
    """Run; which alleles' k-mers are left, and the report and the table of corrections."""
    folder, kmers, _, _ = sample
    argv = ["run", "-q", folder / "r1.fq", folder / "r2.fq", "-o", out, "--corrector", corrector]
    assert main([*map(str, argv), "--no-controls", *map(str, more)]) == 0
    text = gzip.decompress((out / "kmers.fa.gz").read_bytes()).decode().split()
    keys = simulate.pack_kmers(simulate.encode("".join(text[1::2])), 31)[::31]
    header, *lines = gzip.decompress((out / "corrections.tsv.gz").read_bytes()).decode().split("\n")
    names = header.split("\t")
    rows = [dict(zip(names, line.split("\t"), strict=True)) for line in lines if line]
    report = json.loads((out / "report.json").read_text())
    return simulate.kept_alleles(kmers, np.unique(keys), share=0.9), report, rows


def by_fraction(kept, sites):
    return [int(kept[sites.fraction == fraction].sum()) for fraction in FRACTIONS]


def of_reason(rows, reason):
    return [row for row in rows if row["reason"] == reason]


def test_the_rules_end_to_end(sample, tmp_path):
    _, _, sites, n = sample
    kept, report, _ = corrected(sample, tmp_path / "plain")
    plain = by_fraction(kept, sites)
    assert plain[:2] == [20, 20]
    assert plain[2] >= 15
    assert "rules" not in report["corrections"]

    kept, report, rows = corrected(sample, tmp_path / "vaf", "--min-vaf", "0.08")
    assert by_fraction(kept, sites)[:2] == [20, 20]
    gone = of_reason(rows, "min_vaf")
    assert len(gone) == report["corrections"]["rules"]["min_vaf"] >= n // 3
    assert by_fraction(kept, sites)[2] <= plain[2] - n // 3
    assert all(row["verdict"] == "error" for row in gone)
    assert report["config"]["min_vaf"] == 0.08

    kept, report, rows = corrected(sample, tmp_path / "clone", "--ploidy", "2")
    assert by_fraction(kept, sites)[0] == 20
    assert by_fraction(kept, sites)[2] == 0
    assert len(of_reason(rows, "ploidy")) == report["corrections"]["rules"]["ploidy"] > 0
    assert report["config"]["ploidy"] == 2


@pytest.mark.parametrize("name", ["list.vcf", "list.bed"])
def test_a_protected_list_outweighs_every_judge(sample, tmp_path, name):
    folder, _, sites, n = sample
    kept, report, rows = corrected(
        sample, tmp_path / "out", "--protect", folder / name, "--reference", folder / "ref.fa",
        "--ploidy", "1", "--min-vaf", "0.5", corrector="nearest",
    )  # fmt: skip
    assert by_fraction(kept, sites)[2] == n
    told = report["corrections"]["protected"]
    assert told["file"] == name
    assert told["kind"] == ("alleles" if name == "list.vcf" else "regions")
    assert told["listed"] == told["matched"] + told["unmatched"] == n
    assert told["matched"] >= n - 2  # the others are solid
    stay = of_reason(rows, "protected")
    assert len(stay) == report["corrections"]["rules"]["protected"] == told["restored"]
    assert {row["verdict"] for row in stay} == {"real"}
    assert report["corrections"]["refused"]["edit_protected"] > 0
    assert report["corrections"]["refused"]["edit_real"] == 0


def test_threads_make_no_difference(sample, tmp_path):
    folder, _, _, _ = sample
    rules = ["--protect", folder / "list.vcf", "--reference", folder / "ref.fa", "--ploidy", "1"]
    for threads in ("1", "2"):
        corrected(sample, tmp_path / threads, *rules, "-t", threads)
    for name in ("report.json", "corrections.tsv.gz", "kmers.fa.gz", "reads/r1.fq"):
        assert (tmp_path / "1" / name).read_bytes() == (tmp_path / "2" / name).read_bytes()


def test_correct_takes_the_rules_too(sample, tmp_path):
    folder, _, _, _ = sample
    out = tmp_path / "out.fq"
    argv = [
        "correct",
        "-q",
        folder / "r1.fq",
        folder / "r2.fq",
        "-o",
        out,
        "--corrector",
        "likelihood",
    ]
    argv += ["--ploidy", "2", "--corrections", tmp_path / "c.tsv.gz"]
    assert main([*map(str, argv)]) == 0
    assert b"\tploidy\t" in gzip.decompress((tmp_path / "c.tsv.gz").read_bytes())


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--min-vaf", "0.6"], "not a fraction from 0 to 0.5"),
        (["--min-vaf", "nan"], "not a fraction from 0 to 0.5"),
        (["--min-vaf", "5%"], "not a fraction from 0 to 0.5"),
        (["--ploidy", "0"], "not a ploidy"),
        (["--ploidy", "1.5"], "not a ploidy"),
        (["--protect", "x.vcf"], "need --reference"),
    ],
)
@pytest.mark.parametrize("verb", ["run", "correct"])
def test_impossible_values(verb, options, message, capsys):
    assert main([verb, "reads.fq", "-o", "out", *options]) == 2
    assert message in capsys.readouterr().err


def test_ruled_verdicts_are_verdicts():
    ruled = RuledVerdicts(
        np.array([1], np.uint8), np.ones(1), np.zeros(1), np.array([1], np.uint8), np.zeros(0)
    )
    assert ruled.count() == {"error": 0, "real": 1, "undecided": 0}
