"""``dbgclean inspect`` from end to end: what is called, the files, the errors."""

import gzip
import json

import numpy as np
import pysam
import pytest
from stderr_lines import said

from benchmarks.simulators.aligned import (
    CONTIG,
    deletion,
    insertion,
    reference_sequence,
    snv,
    write_bam,
    write_fasta,
)
from dbgclean.__main__ import main
from dbgclean.pipeline import inspect_inputs, inspect_report
from dbgclean.spectrum.formats import read_kmer_fasta

FILES = {
    "alleles.tsv.gz",
    "kmers.kept.fa.gz",
    "kmers.removed.fa.gz",
    "report.html",
    "report.json",
    "variants.vcf.gz",
    "variants.vcf.gz.tbi",
    "versions.yml",
}
REFERENCE = reference_sequence(3000)
HET, HOM = snv(REFERENCE, 700, 0.5), snv(REFERENCE, 1100, 1.0)
RARE = snv(REFERENCE, 1500, 0.06)
DELETION, INSERTION = deletion(REFERENCE, 1900, 3, 0.5), insertion(REFERENCE, 2300, "TGCA", 1.0)
ALLELES = [HET, HOM, RARE, DELETION, INSERTION]


def inspect(*argv):
    assert main(["inspect", *map(str, argv), "-q"]) == 0


def content(folder):
    """Bytes of every file in a folder by its name."""
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


def calls(folder):
    """(1-based position, ref, alt) -> VCF record, of what passes."""
    with pysam.VariantFile(str(folder / "variants.vcf.gz")) as file:
        return {
            (record.pos, record.ref, record.alts[0]): record
            for record in file
            if "PASS" in record.filter
        }


def rows(folder):
    """Rows of alleles.tsv.gz."""
    with gzip.open(folder / "alleles.tsv.gz", "rt") as file:
        names = file.readline().rstrip("\n").split("\t")
        return [dict(zip(names, line.rstrip("\n").split("\t"), strict=True)) for line in file]


def key(allele):
    return allele.position + 1, allele.ref, allele.alt


@pytest.fixture(scope="module")
def sample(tmp_path_factory):
    """A reference and the reads of a mixture."""
    folder = tmp_path_factory.mktemp("sample")
    reference = write_fasta(folder / "ref.fa", REFERENCE)
    return write_bam(folder / "sample.bam", REFERENCE, ALLELES, depth=200), reference


@pytest.fixture(scope="module")
def inspected(sample, tmp_path_factory):
    """The folder that it leaves."""
    bam, reference = sample
    folder = tmp_path_factory.mktemp("out") / "dir"
    region = f"{CONTIG}:101-2,900"
    inspect(bam, "-r", region, "--reference", reference, "-o", folder, "-t", "1")
    return folder


def test_every_allele_is_called_and_nothing_else(inspected):
    found = calls(inspected)
    assert set(found) == {key(allele) for allele in ALLELES}
    genotypes = {at: record.samples[0]["GT"] for at, record in found.items()}
    assert sorted(genotypes[key(HET)]) == sorted(genotypes[key(DELETION)]) == [0, 1]
    assert genotypes[key(HOM)] == genotypes[key(INSERTION)] == (1, 1)
    assert found[key(HET)].samples[0].name == "S1"


def test_a_region_past_the_end_is_clipped_and_said(sample, tmp_path):
    bam, reference = sample
    inspect(bam, "-r", f"{CONTIG}:2,700-4,000", "--reference", reference, "-o", tmp_path / "out")
    report = json.loads((tmp_path / "out" / "report.json").read_text())
    assert [(r["start"], r["end"]) for r in report["regions"]] == [(2699, 3000)]
    assert report["odd_regions"] == {"clipped": 1}


def test_what_the_alleles_are_taken_for(inspected):
    classes = {}
    for row in rows(inspected):
        at = int(row["position"]), row["ref"], row["alt"]
        classes.setdefault(row["class"], {})[at] = row
    assert set(classes["variant"]) == {key(allele) for allele in ALLELES}
    # Errors of all these reads were looked at, too.
    assert len(classes["error"]) > 1000
    zygosity = {at: row["zygosity"] for at, row in classes["variant"].items()}
    assert zygosity[key(HET)] == zygosity[key(DELETION)] == "heterozygous"
    assert zygosity[key(HOM)] == zygosity[key(INSERTION)] == "homozygous"
    assert zygosity[key(RARE)] == "low-frequency"
    depth = int(classes["variant"][key(HET)]["depth"])
    assert 120 < depth < 280


def test_the_folder_is_whole(inspected):
    assert {path.name for path in inspected.iterdir()} == FILES
    report = json.loads((inspected / "report.json").read_text())
    assert report["tag"] == "dbgclean inspect"
    (region,) = report["regions"]
    assert (region["contig"], region["start"], region["end"]) == (CONTIG, 100, 2900)
    assert region["variant"] == len(ALLELES)
    assert region["reads"] > 5000
    assert report["inputs"][0]["files"] == ["sample.bam"]
    assert report["command"] == (
        f"dbgclean inspect sample.bam -r {CONTIG}:101-2900 --reference ref.fa"
    )
    assert "<html" in (inspected / "report.html").read_text()[:200].lower()
    kept, removed = (
        read_kmer_fasta(inspected / f"kmers.{name}.fa.gz") for name in ("kept", "removed")
    )
    assert kept.k == removed.k == 25
    assert min(len(kept), len(removed)) > 2500
    assert not np.isin(kept.keys, removed.keys).any()
    for name in ("kept", "removed"):
        text = gzip.decompress((inspected / f"kmers.{name}.fa.gz").read_bytes()).split()
        assert text[1::2] == sorted(text[1::2])


def test_threads_change_no_byte(sample, inspected, tmp_path):
    bam, reference = sample
    region = f"{CONTIG}:101-2900"
    inspect(bam, "-r", region, "--reference", reference, "-o", tmp_path / "two", "-t", "2")
    assert content(tmp_path / "two") == content(inspected)


def test_short_windows_see_what_long_ones_see(sample, inspected, tmp_path, monkeypatch):
    bam, reference = sample
    # Cores that end beside alleles, within them and between them.
    monkeypatch.setattr(inspect_inputs, "_CORE", 240)
    regions = ["-r", f"{CONTIG}:101-1901", "-r", f"{CONTIG}:1902-2900"]
    inspect(bam, *regions, "--reference", reference, "-o", tmp_path / "cut")
    assert set(calls(tmp_path / "cut")) == set(calls(inspected))
    report = json.loads((tmp_path / "cut" / "report.json").read_text())
    assert [region["windows"] for region in report["regions"]] == [12]


def test_regions_of_a_bed(sample, tmp_path):
    bam, reference = sample
    bed = tmp_path / "a.bed"
    bed.write_text(f"{CONTIG}\t600\t800\n{CONTIG}\t1000\t1200\n")
    inspect(bam, "--bed", bed, "--reference", reference, "-o", tmp_path / "out")
    assert set(calls(tmp_path / "out")) == {key(HET), key(HOM)}


def test_cram_is_read_as_bam_is(sample, inspected, tmp_path):
    bam, reference = sample
    cram = str(tmp_path / "sample.cram")
    pysam.view("-C", "-T", reference, "-o", cram, bam, catch_stdout=False)
    pysam.index(cram)
    inspect(cram, "-r", f"{CONTIG}:101-2900", "--reference", reference, "-o", tmp_path / "out")
    assert rows(tmp_path / "out") == rows(inspected)


def test_without_a_reference(sample, tmp_path):
    bam, _ = sample
    inspect(bam, "-r", f"{CONTIG}:101-2900", "-o", tmp_path / "out")
    names = {path.name for path in (tmp_path / "out").iterdir()}
    assert names == FILES | {"consensus.fa.gz"}
    found = [row for row in rows(tmp_path / "out") if row["class"] == "variant"]
    # What both copies share is the consensus itself.
    assert {row["zygosity"] for row in found} == {"heterozygous", "low-frequency"}
    assert all(row["contig"].startswith("bubble-contig-") for row in found)
    assert len(found) == 3
    (region,) = json.loads((tmp_path / "out" / "report.json").read_text())["regions"]
    assert region["variant"] == 3
    text = gzip.decompress((tmp_path / "out" / "consensus.fa.gz").read_bytes()).decode()
    contigs = dict(entry.split("\n")[:2] for entry in text.split(">")[1:])
    with pysam.VariantFile(str(tmp_path / "out" / "variants.vcf.gz")) as file:
        assert {name: file.header.contigs[name].length for name in contigs} == {
            name: len(bases) for name, bases in contigs.items()
        }
        # By the index, as other tools read it.
        records = [record for name in contigs for record in file.fetch(name)]
    assert len(records) > 3
    for record in records:
        assert contigs[record.contig][record.pos - 1 :].startswith(record.ref)
    assert sum("PASS" in record.filter for record in records) == 3


def test_without_a_reference_copies_of_a_repeat_are_no_alleles(tmp_path):
    """Four copies, 6 % of their bases changed in each; reads are shorter than a copy."""
    rng = np.random.default_rng(8)
    family = reference_sequence(300, seed=9)
    text = ""
    for copy in range(4):
        letters = np.array(list(family))
        changed = rng.choice(300, 18, replace=False)
        letters[changed] = ["ACGT"[("ACGT".index(base) + 1) % 4] for base in letters[changed]]
        text += reference_sequence(400, seed=20 + copy) + "".join(letters)
    text += reference_sequence(400, seed=30)
    bam = write_bam(tmp_path / "a.bam", text, [snv(text, 200, 0.5)], depth=60)
    inspect(bam, "-r", CONTIG, "-o", tmp_path / "out")
    found = [row for row in rows(tmp_path / "out") if row["class"] == "variant"]
    assert [row["zygosity"] for row in found] == ["heterozygous"]
    assert found[0]["ref_arm"][:30] == text[170:200]


def test_without_a_reference_windows_share_no_allele(sample, tmp_path, monkeypatch):
    monkeypatch.setattr(inspect_inputs, "_CORE", 300)
    inspect(sample[0], "-r", f"{CONTIG}:501-1800", "-o", tmp_path / "out")
    found = [row for row in rows(tmp_path / "out") if row["class"] == "variant"]
    # Whichever of the two the consensus took. Its contigs go on beyond the region, where the
    # deletion is.
    arms = [frozenset([row["ref_arm"], row["alt_arm"]]) for row in found]
    assert len(arms) == len(set(arms)) == 3


def test_tumour_and_normal(tmp_path):
    reference = write_fasta(tmp_path / "ref.fa", REFERENCE)
    germline = [HET, HOM, DELETION]
    somatic = snv(REFERENCE, 1500, 0.2)
    tumour = write_bam(tmp_path / "t.bam", REFERENCE, [*germline, somatic], depth=100, sample="T")
    normal = write_bam(tmp_path / "n.bam", REFERENCE, germline, depth=60, seed=2, sample="N")
    out = tmp_path / "out"
    inspect(tumour, "-r", CONTIG, "--reference", reference, "--normal", normal, "-o", out)
    origins = {
        (int(row["position"]), row["ref"], row["alt"]): row["origin"]
        for row in rows(out)
        if row["class"] == "variant"
    }
    assert origins == {**dict.fromkeys(map(key, germline), "germline"), key(somatic): "somatic"}
    assert json.loads((out / "report.json").read_text())["config"]["normal"] == "n.bam"


def test_nothing_is_lost_where_reads_are_thousands_deep(tmp_path, monkeypatch):
    reference = write_fasta(tmp_path / "ref.fa", REFERENCE)
    rare = [snv(REFERENCE, 1450, 0.01), snv(REFERENCE, 1520, 0.01)]
    bam = write_bam(tmp_path / "deep.bam", REFERENCE, rare, depth=4000, span=(1400, 1600))
    monkeypatch.setattr(inspect_inputs, "_HEAVIEST", 200_000)
    inspect(bam, "-r", f"{CONTIG}:1401-1600", "--reference", reference, "-o", tmp_path / "out")
    assert {key(allele) for allele in rare} <= set(calls(tmp_path / "out"))
    report = json.loads((tmp_path / "out" / "report.json").read_text())
    assert report["regions"][0]["windows"] > 1


def test_real_reads(shared_data, tmp_path):
    human = shared_data / "human"
    bam, reference = human / "NA12878.chr22.tiny.bam", human / "NA12878.chr22.tiny.ref.fa"
    inspect(bam, "-r", "q", "--reference", reference, "-o", tmp_path / "out")
    with pysam.VariantFile(str(human / "NA12878.chr22.tiny.giab.vcf")) as file:
        truth = {(r.pos, r.ref, alt) for r in file for alt in r.alts if len(r.ref) == len(alt) == 1}
    found = {at for at in calls(tmp_path / "out") if len(at[1]) == len(at[2]) == 1}
    assert len(truth) == 14
    assert truth <= found


def error_line(capfd, argv, code=1):
    """The only line on stderr, without its beginning."""
    assert main(["inspect", *map(str, argv)]) == code
    lines = said(capfd.readouterr().err)
    assert len(lines) == 1
    assert lines[0].startswith("dbgclean: error: ")
    return lines[0].removeprefix("dbgclean: error: ")


@pytest.fixture
def files(sample, tmp_path):
    """Names that the error tests fill in."""
    bam, reference = sample
    cut = tmp_path / "cut.bam"
    with open(bam, "rb") as file:
        whole = file.read()
    cut.write_bytes(whole[: len(whole) // 3])
    unindexed = tmp_path / "unindexed.bam"
    unindexed.write_bytes(whole)
    write_fasta(tmp_path / "short.fa", REFERENCE[:-1])
    write_fasta(tmp_path / "named.fa", REFERENCE, "chrX")
    write_fasta(tmp_path / "unknown.fa", "N" * len(REFERENCE))
    write_bam(tmp_path / "other.bam", REFERENCE[:2000], [], depth=5)
    write_bam(tmp_path / "patchy.bam", REFERENCE, [], depth=5, span=(500, 1000))
    (tmp_path / "bad.bed").write_text("nothing here\n")
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "precious").write_text("")
    return {"bam": bam, "reference": reference, "tmp": tmp_path}


@pytest.mark.parametrize(
    ("words", "message", "code"),
    [
        ("{bam} -o {tmp}/out", "no region given", 2),
        ("{bam} -r chr:20-10 -o {tmp}/out", "FROM may not be above TO", 2),
        ("{bam} -r chr -o {tmp}/out --min-mapping-quality 300", "not within 0 to 255", 2),
        ("{bam} -r chr -o {tmp}/out --min-vaf 0.7", "not a fraction", 2),
        ("{bam} -r chr -o {tmp}/out --ploidy 3", "invalid choice", 2),
        ("{bam} -r chr -o {tmp}/out --corrector none", "judges no alleles", 2),
        ("{bam} -r chr -o {tmp}/out --corrector best", "no such corrector", 2),
        ("{bam} -r chr -o {tmp}/out --model {tmp}/none", "none", 1),
        ("{tmp}/none.bam -r chr -o {tmp}/out", "no such file", 1),
        ("{tmp}/cut.bam -r chr -o {tmp}/out", "truncated", 1),
        ("{reference} -r chr -o {tmp}/out", "no BAM or CRAM", 1),
        ("{tmp}/unindexed.bam -r chr -o {tmp}/out", "samtools index {tmp}/unindexed.bam", 1),
        ("{bam} -r chr20 -o {tmp}/out", "no contig 'chr20' in the header", 1),
        ("{bam} -r chr:3001-3100 -o {tmp}/out", "beyond the end of chr", 1),
        ("{tmp}/patchy.bam -r chr:2001-2100 -o {tmp}/out", "no reads in chr:2001-2100", 1),
        (
            "{tmp}/patchy.bam -r chr:601-700 --min-mapping-quality 61 -o {tmp}/out",
            "low mapping quality",
            1,
        ),
        ("{bam} --bed {tmp}/bad.bed -o {tmp}/out", "line 1 is 'nothing here'", 1),
        ("{bam} --bed {tmp}/none.bed -o {tmp}/out", "no such file", 1),
        ("{bam} -r chr --reference {tmp}/short.fa -o {tmp}/out", "has 2,999 bases, but 3,000", 1),
        ("{bam} -r chr --reference {tmp}/named.fa -o {tmp}/out", "no contig 'chr'", 1),
        ("{bam} -r chr --reference {tmp}/none.fa -o {tmp}/out", "no such file", 1),
        ("{bam} -r chr --reference {tmp}/unknown.fa -o {tmp}/out", "holds no ACGT", 1),
        ("{bam} -r chr --normal {tmp}/other.bam -o {tmp}/out", "has 2,000 bases there", 1),
        ("{bam} -r chr --normal {tmp}/unindexed.bam -o {tmp}/out", "samtools index", 1),
        ("{bam} -r chr -o {tmp}/full", "not empty", 1),
        ("{bam} -r chr -o {bam}", "a file, not a folder", 1),
    ],
)
def test_errors_are_one_line_and_leave_nothing(words, message, code, files, capfd):
    before = sorted(files["tmp"].iterdir())
    line = error_line(capfd, words.format(**files).split(), code)
    assert message.format(**files) in line
    assert sorted(files["tmp"].iterdir()) == before


def test_a_failure_on_the_way_leaves_nothing(sample, tmp_path, monkeypatch):
    def fail(*args, **options):
        raise ZeroDivisionError

    monkeypatch.setattr(inspect_report, "write_files", fail)
    with pytest.raises(ZeroDivisionError):
        inspect(
            sample[0], "-r", f"{CONTIG}:701-900", "--reference", sample[1], "-o", tmp_path / "o"
        )
    assert not list(tmp_path.iterdir())


def test_a_region_without_reads_among_others_is_told(files, capfd):
    tmp = files["tmp"]
    argv = f"{tmp}/patchy.bam -r chr:601-700 -r chr:2001-2100 --reference {files['reference']}"
    assert main(["inspect", *argv.split(), "-o", str(tmp / "out")]) == 0
    told = capfd.readouterr().err
    assert "no reads in chr:2001-2100" in told
    assert "chr:601-700: " in told
    assert f"open {tmp}/out/report.html" in told


def test_what_is_in_the_way_is_said_before_any_work(files, capfd, monkeypatch):
    monkeypatch.setattr("dbgclean.pipeline.inspect.inspect_regions", None)
    (files["tmp"] / "full" / "consensus.fa.gz").mkdir()
    argv = [files["bam"], "-r", "chr:601-700", "-o", files["tmp"] / "full", "--force"]
    assert "consensus.fa.gz: a folder that is in the way" in error_line(capfd, argv)


def test_force_writes_beside_what_is_there(files):
    tmp = files["tmp"]
    argv = [f"{tmp}/patchy.bam", "-r", "chr:601-700", "--reference", files["reference"]]
    inspect(*argv, "-o", tmp / "full", "--force")
    assert {path.name for path in (tmp / "full").iterdir()} == FILES | {"precious"}
