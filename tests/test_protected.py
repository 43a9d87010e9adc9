"""Lists of what must stay: reading VCF and BED, and their k-mers."""

import gzip
from pathlib import Path

import numpy as np
import pysam
import pytest
from small_samples import random_sequence, reverse_complement

from dbgclean.__main__ import main
from dbgclean.correct.protection import MAX_COMBINATIONS, open_middle, protect
from dbgclean.errors import InputError, UsageError
from dbgclean.evidence.alternatives import Alternatives
from dbgclean.pipeline.options import Options, policy_of
from dbgclean.reads.protected import read_protected
from dbgclean.spectrum.kmers import canonical_kmers, strings_to_kmers

HEADER = (
    "##fileformat=VCFv4.2\n##contig=<ID=chr1>\n##contig=<ID=chr2>\n"
    '##ALT=<ID=DEL,Description="Deletion">\n##FILTER=<ID=q10,Description="Low">\n'
    "#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\n"
)
ONE, TWO = random_sequence(400, seed=3), random_sequence(200, seed=4)


@pytest.fixture
def reference(tmp_path):
    path = tmp_path / "ref.fa"
    path.write_text(f">chr0\nACGT\n>chr1 first\n{ONE[:250]}\n{ONE[250:].lower()}\n>chr2\n{TWO}\n")
    return str(path)


def other(base, step=1):
    return "ACGT"[("ACGT".index(base) + step) % 4]


def snv(position, step=1, text=ONE, contig="chr1"):
    """A record with a substitution at a 0-based place."""
    ref = text[position]
    return f"{contig}\t{position + 1}\t.\t{ref}\t{other(ref, step)}\t.\tq10\t.\n"


def vcf(tmp_path, *records, header=HEADER):
    path = tmp_path / "list.vcf"
    path.write_text(header + "".join(records))
    return str(path)


def window(text, middle, changes):
    """31 bases around a place, some of them changed, as the alternatives' key."""
    letters = list(text)
    for place, base in changes.items():
        letters[place] = base
    return "".join(letters[middle - 15 : middle + 16])


def alternatives(*windows):
    """Alternatives of these windows, some seen from the other strand."""
    turned = [reverse_complement(w) if i % 2 else w for i, w in enumerate(windows)]
    key = canonical_kmers(strings_to_kmers(turned), 31)
    known = {"key": key}
    return Alternatives(*(known.get(f, np.zeros(len(key))) for f in Alternatives.__slots__))


def matches(protection, *windows):
    found, matched = protection.match(alternatives(*windows))
    return found.tolist(), len(matched)


def test_single_bases(tmp_path, reference):
    listed = read_protected(vcf(tmp_path, snv(100), snv(60, 2, TWO, "chr2")), reference)
    assert (listed.kind, listed.listed, listed.unusable) == ("alleles", 2, {})
    assert [contig.name for contig in listed.contigs] == ["chr1", "chr2"]
    allele = window(ONE, 100, {100: other(ONE[100])})
    wrong = window(ONE, 100, {100: other(ONE[100], 2)})
    beside = window(ONE, 101, {101: other(ONE[101])})
    second = window(TWO, 60, {60: other(TWO[60], 2)})
    found = matches(protect(listed), allele, wrong, beside, second, allele)
    assert found == ([True, False, False, True, True], 2)


def test_neighbours_in_every_combination(tmp_path, reference):
    places = (100, 104, 115, 116)
    protection = protect(read_protected(vcf(tmp_path, *map(snv, places)), reference))
    base = {place: other(ONE[place]) for place in places}
    own = {100: base[100]}
    assert matches(protection, window(ONE, 100, own | {104: base[104]})) == ([True], 1)
    assert matches(protection, window(ONE, 100, own | {104: base[104], 115: base[115]}))[0] == [
        True
    ]
    assert matches(protection, window(ONE, 100, own | {104: other(ONE[104], 2)})) == ([False], 0)
    assert matches(protection, window(ONE, 100, base))[0] == [True]  # 116 lies outside
    assert matches(protection, window(ONE, 104, base))[0] == [True]


def test_all_alleles_of_a_site(tmp_path, reference):
    ref = ONE[100]
    both = f"{other(ref)},{other(ref, 3)}"
    records = [f"chr1\t101\t.\t{ref}\t{both}\t.\t.\t.\n", snv(103)]
    listed = read_protected(vcf(tmp_path, *records), reference)
    assert listed.listed == 3
    windows = [window(ONE, 100, {100: other(ref, step)}) for step in (1, 2, 3)]
    beside = [
        window(ONE, 103, {103: other(ONE[103]), 100: other(ref, step)}) for step in (0, 1, 2, 3)
    ]
    found = matches(protect(listed), *windows, *beside)
    assert found == ([True, False, True, True, True, False, True], 3)


def test_many_neighbours_are_bounded(tmp_path, reference):
    protection = protect(read_protected(vcf(tmp_path, *map(snv, range(100, 131))), reference))
    assert 31 < len(protection.keys) <= 31 * MAX_COMBINATIONS
    alone = [window(ONE, p, {p: other(ONE[p])}) for p in range(100, 131)]
    assert matches(protection, *alone) == ([True] * 31, 31)


def test_multiple_substitutions_base_by_base(tmp_path, reference):
    ref = ONE[100:103]
    alt = other(ref[0]) + ref[1] + other(ref[2])
    listed = read_protected(vcf(tmp_path, f"chr1\t101\t.\t{ref}\t{alt}\t.\t.\t.\n"), reference)
    first, both = {100: alt[0]}, {100: alt[0], 102: alt[2]}
    windows = [window(ONE, 100, first), window(ONE, 100, both), window(ONE, 102, both)]
    assert matches(protect(listed), *windows) == ([True] * 3, 1)


def test_what_cannot_be_judged_is_told(tmp_path, reference, caplog):
    caplog.set_level("INFO", "dbgclean")
    records = [
        snv(50),
        f"chr1\t101\t.\t{ONE[100]}\t{ONE[100]}{'AC' * 4},<DEL>,*\t.\t.\t.\n",
        f"chr1\t121\t.\t{ONE[120:128]}\t{ONE[120]}\t.\t.\t.\n",
        f"chr1\t201\t.\t{ONE[200:203]}\t{other(ONE[200])}{other(ONE[202])}\t.\t.\t.\n",
        f"chr1\t131\t.\t{ONE[130]}\t.\t.\t.\t.\n",
        "chr1\t141\t.\tN\tA\t.\t.\t.\n",
    ]
    listed = read_protected(vcf(tmp_path, *records), reference)
    assert listed.listed == 1
    assert listed.unusable == {
        "complex": 1,
        "long_insertions_or_deletions": 2,
        "not_acgt": 2,
        "ref_not_acgt": 1,
    }
    assert protect(listed).to_dict(0, 0)["unusable_not_acgt"] == 2
    assert "1 alleles protected; 6 cannot be used (1 complex, 2 long insertions" in caplog.text


def test_ends_of_a_contig(tmp_path, reference):
    """Past a dead end a window holds A and T; a contig may be a circle, too."""
    protection = protect(read_protected(vcf(tmp_path, snv(3), snv(395)), reference))
    for place in (3, 395):
        base = other(ONE[place])
        linear = "A" * 15 + ONE[:place] + base + ONE[place + 1 :] + "T" * 15
        around = ONE[-15:] + ONE[:place] + base + ONE[place + 1 :] + ONE[:15]
        windows = [text[place : place + 31] for text in (linear, around)]
        assert matches(protection, *windows) == ([True, True], 1)


def test_regions_leave_the_middle_open(tmp_path, reference):
    path = tmp_path / "list.bed.gz"
    text = "track name=x\n# a comment\nchr1\t100\t110\tname\t0\t+\n\nchr2\t0\t200\n"
    path.write_bytes(gzip.compress(text.encode()))
    listed = read_protected(str(path), reference)
    assert (listed.kind, listed.listed) == ("regions", 2)
    protection = protect(listed)
    inside = [window(ONE, p, {p: other(ONE[p], s)}) for p in (100, 109) for s in (0, 1, 2, 3)]
    outside = [window(ONE, p, {p: other(ONE[p])}) for p in (99, 110)]
    changed = window(ONE, 105, {105: other(ONE[105]), 107: other(ONE[107])})
    found = matches(protection, *inside, *outside, changed)
    assert found == ([True] * 8 + [False] * 3, 1)


def test_open_windows_are_the_same_on_both_strands():
    for seed in range(20):
        flank = random_sequence(15, seed)
        # The second has flanks that are each other's complement: the middle decides its strand.
        for right in (random_sequence(15, seed + 100), reverse_complement(flank)):
            windows = [flank + middle + right for middle in "ACGT"]
            windows += [reverse_complement(w) for w in windows]
            assert len(np.unique(open_middle(strings_to_kmers(windows)))) == 1


def test_compressed_lists(tmp_path, reference):
    plain = vcf(tmp_path, snv(100))
    packed, binary = str(tmp_path / "list.vcf.gz"), str(tmp_path / "list.bcf")
    pysam.tabix_compress(plain, packed)
    with (
        pysam.VariantFile(plain) as file,
        pysam.VariantFile(binary, "wb", header=file.header) as to,
    ):
        for record in file:
            to.write(record)
    expected = protect(read_protected(plain, reference)).keys
    for path in (packed, binary):
        np.testing.assert_array_equal(protect(read_protected(path, reference)).keys, expected)


def test_regions_of_no_length_and_past_the_end(tmp_path, reference, caplog):
    text = "chr1\t9\t9\nchr1\t390\t401\nchr1\t500\t510\nchr1\t5\t20\n"
    found = read_protected(bed(tmp_path, text), reference)
    assert found.contigs[0].regions.tolist() == [[5, 20], [390, 400]]
    assert found.unusable == {"beyond_the_contig": 1, "of_no_length": 1}
    assert "1 regions reach past the end of chr1, which has 400 bases: clipped" in caplog.text


def damaged_vcf(tmp_path):
    path = tmp_path / "cut.vcf.gz"
    pysam.tabix_compress(vcf(tmp_path, *(snv(p) for p in range(20, 380))), str(path))
    path.write_bytes(path.read_bytes()[:-60])
    return str(path)


def bed(tmp_path, text):
    path = tmp_path / "list.bed"
    path.write_text(text)
    return str(path)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda t: str(t / "absent.vcf"), "absent.vcf: no such file; check the path"),
        (lambda t: str(t), "a folder, not a file"),
        (lambda t: bed(t, "hello there\n"), "line 1 is 'hello there', neither VCF nor BED"),
        (lambda t: bed(t, "chr1\tx\t5\n"), "neither VCF nor BED"),
        (lambda t: bed(t, "chr1\t1\t5\nchr1\t9\t8\n"), "line 2 goes from 9 to 8"),
        (lambda t: bed(t, "chrX\t1\t5\n"), "contig chrX is not in"),
        (lambda t: vcf(t, snv(9, contig="chrM")), "contig chrM is not in"),
        (lambda t: vcf(t, "chr1\t401\t.\tA\tC\t.\t.\t.\n"), "chr1:401-401 is beyond"),
        (
            lambda t: vcf(t, f"chr1\t8\t.\t{other(ONE[7])}\t{ONE[7]}\t.\t.\t.\n"),
            f"REF {other(ONE[7])} at chr1:8 is not what the reference has ({ONE[7]})",
        ),
        (
            lambda t: vcf(t, f"chr1\t8\t.\t{other(ONE[7])}A\t{ONE[7]}\t.\t.\t.\n"),
            "is not what the reference has",
        ),
        (lambda t: vcf(t, "chr1\tx\n"), "not a whole VCF"),
        (lambda t: vcf(t, header="##fileformat=VCFv4.2\n"), "not a whole VCF"),
        (damaged_vcf, "the compressed file is truncated"),
    ],
)
def test_what_is_wrong_is_told_in_one_line(tmp_path, reference, make, message, capfd):
    with pytest.raises(InputError) as error:
        read_protected(make(tmp_path), reference)
    assert message in str(error.value)
    assert "\n" not in str(error.value)
    assert capfd.readouterr().err == ""


@pytest.mark.parametrize(
    ("text", "message"),
    [(None, "cannot be read: No such file"), (b"hello", "give FASTA or GenBank")],
)
def test_the_reference_too(tmp_path, text, message):
    path = tmp_path / "other.fa"
    if text:
        path.write_bytes(text)
    with pytest.raises(InputError, match="other.fa") as error:
        read_protected(vcf(tmp_path, snv(100)), str(path))
    assert message in str(error.value)


def test_a_list_needs_its_reference(tmp_path):
    with pytest.raises(UsageError, match="--reference"):
        policy_of(Options(protect=vcf(tmp_path, snv(100))))


def test_the_command_line_stops_before_it_reads(tmp_path, reference, capsys):
    (tmp_path / "r.fq").write_text(f"@r\n{ONE}\n+\n{'I' * len(ONE)}\n")
    listed = vcf(tmp_path, snv(9, contig="chrM"))
    out = tmp_path / "out"
    argv = ["run", tmp_path / "r.fq", "-o", out, "--protect", listed, "--reference", reference]
    argv += ["--corrector", "likelihood"]
    assert main([*map(str, argv)]) == 1
    assert "contig chrM is not in" in capsys.readouterr().err
    assert not out.exists()


def test_a_contig_that_stands_twice(tmp_path, reference):
    """Its alleles would be protected twice, and be counted as twice as many."""
    text = Path(reference).read_bytes()
    Path(reference).write_bytes(text + text)
    with pytest.raises(InputError, match="contig chr1 stands there twice"):
        read_protected(bed(tmp_path, "chr1\t1\t5\n"), reference)
