"""variants.vcf.gz: read back as written, and held against the rules of VCF 4.3."""

import gzip
import re
import shutil
import subprocess

import numpy as np
import pysam
import pytest
from hypothesis import given
from hypothesis import strategies as st
from inspect_example import CONTIG, example_table

from dbgclean.variants.allele_table import (
    CLASSES,
    ERROR,
    KINDS,
    UNDECIDED,
    VARIANT,
    AlleleTable,
)
from dbgclean.variants.vcf import vcf_rows, write_vcf

BCFTOOLS = shutil.which("bcftools")
VALIDATOR = shutil.which("vcf-validator") or shutil.which("vcf_validator")


def write(path, table, **changed):
    options = {
        "contig_lengths": {"chr1": 500, CONTIG: 10_000, "HLA-A*01:01": 3_000},
        "sample": "NA12878",
        "version": "0.1.0",
        "command": "dbgclean inspect sample.bam -r chr20:1001-3000",
        "reference_name": "ref.fa",
    }
    write_vcf(path, table, **(options | changed))
    return path


@pytest.fixture(scope="module")
def example(tmp_path_factory):
    folder = tmp_path_factory.mktemp("vcf")
    sequence, table = example_table(120, seed=3)
    reference = folder / "ref.fa"
    reference.write_text(f">{CONTIG}\n{sequence}\n")
    path = write(folder / "variants.vcf.gz", table, contig_lengths={CONTIG: len(sequence)})
    return reference, table, path


# --- the rules of the specification, one by one -----------------------------------------

_STRUCTURED = re.compile(r"##(INFO|FORMAT|FILTER|contig)=<(.*)>")
_FIELD = re.compile(r'(\w+)=("(?:[^"\\]|\\.)*"|[^,]*)(?:,|$)')
_INTEGER = re.compile(r"-?\d+")
_FLOAT = re.compile(r"[-+]?\d*\.?\d+([eE][-+]?\d+)?")
_ID = re.compile(r"[A-Za-z_][0-9A-Za-z_.]*")
_RESERVED = {
    ("FORMAT", "GT"): ("1", "String"),
    ("FORMAT", "GQ"): ("1", "Integer"),
    ("FORMAT", "DP"): ("1", "Integer"),
    ("FORMAT", "AD"): ("R", "Integer"),
    ("FORMAT", "ADF"): ("R", "Integer"),
    ("FORMAT", "ADR"): ("R", "Integer"),
    ("FORMAT", "PL"): ("G", "Integer"),
    ("FORMAT", "PS"): ("1", "Integer"),
    ("INFO", "SOMATIC"): ("0", "Flag"),
}


def parse_header(lines):
    assert lines[0] == "##fileformat=VCFv4.3"
    declared = {"INFO": {}, "FORMAT": {}, "FILTER": {}, "contig": {}}
    for line in lines[1:-1]:
        assert re.match(r"##[A-Za-z]+=\S", line), line
        if found := _STRUCTURED.fullmatch(line):
            kind, body = found.groups()
            fields = dict(_FIELD.findall(body))
            assert fields["ID"] not in declared[kind], line
            declared[kind][fields["ID"]] = fields
            if kind in ("INFO", "FORMAT"):
                assert list(fields) == ["ID", "Number", "Type", "Description"]
                assert _ID.fullmatch(fields["ID"])
                assert re.fullmatch(r"\d+|[ARG.]", fields["Number"])
                known = _RESERVED.get((kind, fields["ID"]))
                assert known is None or known == (fields["Number"], fields["Type"])
            if kind != "contig":
                assert fields["Description"].startswith('"')
        else:
            assert not re.match(r"##\w+=<", line), line
    columns = lines[-1].split("\t")
    assert columns[:9] == "#CHROM POS ID REF ALT QUAL FILTER INFO FORMAT".split()
    assert len(columns) == 10
    return declared


def check_values(field, text, alleles, ploidy):
    values = text.split(",")
    if text == ".":
        return
    genotypes = {1: alleles, 2: alleles * (alleles + 1) // 2}[ploidy]
    wanted = {"A": alleles - 1, "R": alleles, "G": genotypes}.get(field["Number"])
    assert len(values) == (wanted or int(field["Number"])), (field, text)
    pattern = {"Integer": _INTEGER, "Float": _FLOAT, "String": re.compile(r"[^\s;,=]+")}
    for value in values:
        assert value == "." or pattern[field["Type"]].fullmatch(value), (field, text)


def check_record(line, declared):
    fields = line.split("\t")
    assert len(fields) == 10
    contig, position, name, ref, alt, quality, filters, info, keys, sample = fields
    assert int(declared["contig"][contig]["length"]) >= int(position) + len(ref) - 1
    assert int(position) >= 1
    assert name == "."
    assert re.fullmatch("[ACGTN]+", ref)
    assert re.fullmatch("[ACGTN]+", alt)
    assert ref != alt
    # Parsimonious: neither end can be trimmed further.
    if min(len(ref), len(alt)) > 1:
        assert ref[-1] != alt[-1]
        assert ref[0] != alt[0]
    elif len(ref) != len(alt):
        assert ref[0] == alt[0] or ref[-1] != alt[-1]
    assert _FLOAT.fullmatch(quality)
    assert float(quality) >= 0
    assert all(part in declared["FILTER"] for part in filters.split(";"))
    assert filters == "PASS" or "PASS" not in filters.split(";")
    seen = set()
    for part in info.split(";"):
        key, equals, value = part.partition("=")
        assert key not in seen
        seen.add(key)
        field = declared["INFO"][key]
        assert bool(equals) == (field["Type"] != "Flag")
        if equals:
            check_values(field, value, 2, 2)
    keys, values = keys.split(":"), sample.split(":")
    assert keys[0] == "GT"
    assert len(keys) == len(values)
    assert re.fullmatch(r"[.01]([/|][.01])?", values[0])
    for key, value in list(zip(keys, values, strict=True))[1:]:
        check_values(declared["FORMAT"][key], value, 2, len(re.split(r"[/|]", values[0])))
    return list(declared["contig"]).index(contig), int(position)


def check_vcf(text):
    """Assert that a text keeps the rules of VCF 4.3 (sections 1.2 to 1.6)."""
    assert text.endswith("\n")
    lines = text[:-1].split("\n")
    header = [line for line in lines if line.startswith("#")]
    declared = parse_header(header)
    places = [check_record(line, declared) for line in lines[len(header) :]]
    assert places == sorted(places)
    return lines[len(header) :]


def text_of(path):
    return gzip.decompress(path.read_bytes()).decode()


# --- tests ------------------------------------------------------------------------------


def test_keeps_the_rules_of_the_specification(example):
    _, table, path = example
    assert len(check_vcf(text_of(path))) == vcf_rows(table).sum() > 50


def test_pysam_reads_back_what_was_written(example):
    _, table, path = example
    rows = np.flatnonzero(vcf_rows(table))
    with pysam.VariantFile(str(path)) as vcf:
        records = list(vcf)
        assert vcf.header.version == "VCFv4.3"
    assert len(records) == len(rows)
    for record, row in zip(records, rows, strict=True):
        sample = record.samples[0]
        assert (record.pos, record.ref) == (table.position[row] + 1, table.ref[row])
        assert record.alts == (table.alt[row],)
        assert sample["AD"] == (table.ref_fragments[row], table.alt_fragments[row])
        assert sample["ADF"] == (table.ref_forward[row], table.alt_forward[row])
        assert sample["ADR"] == (table.ref_reverse[row], table.alt_reverse[row])
        assert sample["DP"] == table.depth[row]
        assert sample["AF"][0] == pytest.approx(table.fraction[row], rel=1e-4)
        assert sample.phased == ("|" in table.genotype[row])
        assert sample["PS"] == (table.phase_set[row] or None)
        assert min(sample["PL"]) == 0
        assert record.qual == pytest.approx(table.quality_score[row], abs=0.006)
        assert record.info["DBG_P"][0] == pytest.approx(table.posterior[row], rel=1e-4)
        assert record.info["DBG_CLASS"] == CLASSES[table.klass[row]]
        assert record.info["DBG_MQ"] == pytest.approx(
            (table.ref_mapping_quality[row], table.mapping_quality[row]), rel=1e-4
        )
        assert ("PASS" in record.filter) == (table.klass[row] == VARIANT)


def test_the_index_finds_a_place(example):
    _, table, path = example
    row = int(np.flatnonzero(vcf_rows(table))[7])
    with pysam.VariantFile(str(path)) as vcf:
        at = int(table.position[row])
        assert [record.pos for record in vcf.fetch(CONTIG, at, at + 1)] == [at + 1]


@pytest.mark.skipif(BCFTOOLS is None, reason="bcftools is not on the PATH")
def test_bcftools_finds_nothing_to_change(example, tmp_path):
    reference, _, path = example
    done = subprocess.run(
        [BCFTOOLS, "norm", "-c", "e", "-m", "-any", "-f", reference, path, "-o", tmp_path / "n"],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert re.search(r"total/split/\S+:\s+\d+/0/0/0", done.stderr)
    assert "[W::" not in done.stderr
    kept = [line for line in (tmp_path / "n").read_text().splitlines() if line[0] != "#"]
    assert [line.split("\t")[:5] for line in kept] == [
        line.split("\t")[:5] for line in text_of(path).splitlines() if line[0] != "#"
    ]
    view = subprocess.run([BCFTOOLS, "view", "-f", "PASS", path], capture_output=True, text=True)
    assert view.returncode == 0
    assert "W::" not in view.stderr + done.stderr


@pytest.mark.skipif(VALIDATOR is None, reason="neither vcf-validator nor vcf_validator is there")
def test_a_validator_agrees(example, tmp_path):
    """vcftools' says nothing of a good file; EBI's returns 0."""
    _, _, path = example
    plain = tmp_path / "variants.vcf"
    plain.write_text(text_of(path))
    call = [VALIDATOR, plain] if VALIDATOR.endswith("-validator") else [VALIDATOR, "-i", plain]
    done = subprocess.run(call, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    if VALIDATOR.endswith("-validator"):
        assert done.stdout + done.stderr == ""


def test_same_table_same_bytes_and_no_dates(example, tmp_path):
    _, table, _ = example
    first, second = write(tmp_path / "a.vcf.gz", table), write(tmp_path / "b.vcf.gz", table)
    assert first.read_bytes() == second.read_bytes()
    indexes = [path.with_suffix(".gz.tbi").read_bytes() for path in (first, second)]
    assert indexes[0] == indexes[1]
    assert "date" not in text_of(first).lower()
    plain = write(tmp_path / "c.vcf", table)
    assert plain.read_text() == text_of(first)
    assert not plain.with_suffix(".vcf.tbi").exists()
    assert sorted(p.name for p in tmp_path.iterdir()) == [
        "a.vcf.gz", "a.vcf.gz.tbi", "b.vcf.gz", "b.vcf.gz.tbi", "c.vcf",
    ]  # fmt: skip


def one(n=1, **columns):
    """A table of heterozygous SNVs at position 100 of chr20, with columns changed."""
    table = AlleleTable.empty(n, [CONTIG])
    values = {
        "position": 99, "ref": "C", "alt": "T", "alt_forward": 5, "alt_reverse": 6,
        "ref_forward": 7, "ref_reverse": 4, "depth": 22, "posterior": 0.99, "klass": VARIANT,
        "genotype": "0/1",
    }  # fmt: skip
    table.genotype_likelihoods[:] = (-12.34, 0, -10.06)
    for name, value in (values | columns).items():
        getattr(table, name)[:] = value
    return table


def only_record(path):
    (line,) = check_vcf(text_of(path))
    return line.split("\t")


def test_one_record_to_the_letter(tmp_path):
    record = only_record(write(tmp_path / "v.vcf.gz", one(phase_set=42, genotype="0|1")))
    assert record[:7] == [CONTIG, "100", ".", "C", "T", "20.00", "PASS"]
    assert record[7] == (
        "DBG_P=0.99;DBG_CLASS=variant;DBG_KIND=snv;DBG_SB=1.7398;DBG_LOWQ=0;DBG_UNIQ=0;"
        "DBG_CLIP=0;DBG_CYC=0;DBG_NEAR=0;DBG_AGREE=0;DBG_DENY=0;DBG_COPIES=1;DBG_RUN=1"
    )
    assert record[8] == "GT:GQ:DP:AD:ADF:ADR:AF:PL:PS"
    assert record[9] == "0|1:93:22:11,11:7,5:4,6:0.5:123,0,101:42"


@pytest.mark.parametrize(
    ("genotype", "quality", "likelihoods"),
    [
        ("1/1", "0", "123,0,101"),
        ("0/1", "93", "123,0,101"),
        ("./.", ".", "123,0,101"),
        ("1", "0", "22,0"),
        ("0", "0", "22,0"),
    ],
)
def test_genotypes_and_their_quality(tmp_path, genotype, quality, likelihoods):
    sample = only_record(write(tmp_path / "v.vcf.gz", one(genotype=genotype)))[9].split(":")
    assert (sample[0], sample[1], sample[7]) == (genotype, quality, likelihoods)


def test_quality_of_the_genotype_that_was_called(tmp_path):
    """1/1 against 0/1 at two in a thousand: the priors are one to two."""
    table = one(genotype="1/1")
    table.genotype_likelihoods[:] = (-30, -3, 0)
    sample = only_record(write(tmp_path / "v.vcf.gz", table))[9].split(":")
    assert sample[1] == f"{-10 * np.log10(0.002 / 1.002):.0f}"
    table.genotype[:] = "0/1"
    sample = only_record(write(tmp_path / "w.vcf.gz", table))[9].split(":")
    assert sample[1] == "0"


def test_no_genotype_likelihoods_no_quality(tmp_path):
    table = one()
    table.genotype_likelihoods[:] = np.nan
    sample = only_record(write(tmp_path / "v.vcf.gz", table))[9].split(":")
    assert (sample[1], sample[7]) == (".", ".")


def test_several_alleles_of_one_place_are_lines_of_their_own(tmp_path):
    table = one(2)
    table.alt[:] = ("T", "G")
    lines = check_vcf(text_of(write(tmp_path / "v.vcf.gz", table)))
    assert [line.split("\t")[3:5] for line in lines] == [["C", "G"], ["C", "T"]]


def test_contigs_stand_in_the_header_s_order(tmp_path):
    late, early = one(), one()
    late, early = (
        AlleleTable(**{n: getattr(t, n) for n in t.__slots__ if n != "contigs"},
                    contigs=["HLA-A*01:01", "chr1"])
        for t in (late, early)
    )  # fmt: skip
    early.contig[:] = 1
    lines = check_vcf(text_of(write(tmp_path / "v.vcf.gz", AlleleTable.concatenate([late, early]))))
    assert [line.split("\t")[0] for line in lines] == ["chr1", "HLA-A*01:01"]


def test_what_is_rejected_says_so_and_needs_two_fragments(tmp_path):
    table = one(6)
    table.position[:] = np.arange(100, 700, 100)
    table.klass[:] = (ERROR, ERROR, UNDECIDED, VARIANT, VARIANT, VARIANT)
    table.alt_forward[:] = (1, 2, 2, 1, 2, 2)
    table.alt_reverse[:] = 0
    table.filters[1] = ("LowQual", "StrandBias")
    table.filters[5] = ("my_own",)
    table.kind[4] = KINDS.index("tip")
    path = write(tmp_path / "v.vcf.gz", table)
    got = {line.split("\t")[1]: line.split("\t")[6] for line in check_vcf(text_of(path))}
    assert got == {
        "201": "LowQual;StrandBias", "301": "Undecided", "401": "PASS", "601": "my_own",
    }  # fmt: skip
    assert '##FILTER=<ID=my_own,Description="my own">' in text_of(path)


def test_the_normal_and_the_origin(tmp_path):
    table = one(origin="somatic", normal_alt=0, normal_depth=41)
    info = only_record(write(tmp_path / "v.vcf.gz", table))[7].split(";")
    assert {"DBG_ORIGIN=somatic", "SOMATIC", "DBG_NAD=0", "DBG_NDP=41"} <= set(info)


def test_a_far_place_has_the_other_index(tmp_path):
    lengths = {CONTIG: 700_000_000}
    write(tmp_path / "v.vcf.gz", one(position=600_000_000), contig_lengths=lengths)
    assert (tmp_path / "v.vcf.gz.csi").exists()
    with pysam.VariantFile(str(tmp_path / "v.vcf.gz")) as vcf:
        assert len(list(vcf.fetch(CONTIG, 600_000_000, 600_000_001))) == 1


def test_no_alleles_is_a_header(tmp_path):
    path = write(tmp_path / "v.vcf.gz", AlleleTable.empty(0, [CONTIG]))
    assert check_vcf(text_of(path)) == []
    with pysam.VariantFile(str(path)) as vcf:
        assert list(vcf.fetch(CONTIG, 0, 100)) == []


@pytest.mark.parametrize(
    ("columns", "word"), [({"alt": ""}, "no words"), ({"alt": "<DEL>"}, "no words")]
)
def test_bad_rows_are_refused(tmp_path, columns, word):
    with pytest.raises(ValueError, match=word):
        write(tmp_path / "v.vcf.gz", one(**columns))
    with pytest.raises(ValueError, match="without a length"):
        write(tmp_path / "v.vcf.gz", one(), contig_lengths={"chr1": 5})
    assert list(tmp_path.iterdir()) == []


def test_odd_names_stay_on_their_line(tmp_path):
    path = write(
        tmp_path / "v.vcf.gz",
        one(),
        sample="my\tsample\n",
        command='<dbgclean\n"inspect"',
        version="1\n2",
    )
    check_vcf(text_of(path))
    assert '##dbgcleanCommand=dbgclean "inspect"\n' in text_of(path)
    assert text_of(path).splitlines()[-2].endswith("\tmy_sample")


words = st.text("ACGT", min_size=1, max_size=6)


@given(words, words, words, words)
def test_shared_bases_are_trimmed_and_the_haplotype_is_the_same(left, ref, alt, right):
    from dbgclean.variants.vcf import _parsimonious

    ref, alt = left + ref + right, left + alt + right
    if ref == alt:
        return
    shift, short_ref, short_alt = _parsimonious(ref, alt)
    end = shift + len(short_ref)
    assert ref[shift:end] == short_ref
    assert ref[:shift] + short_alt + ref[end:] == alt
    assert min(len(short_ref), len(short_alt)) >= 1
    if min(len(short_ref), len(short_alt)) > 1:
        assert short_ref[0] != short_alt[0]
        assert short_ref[-1] != short_alt[-1]
