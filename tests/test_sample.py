"""A sample's name: given or derived, in every file that bears it."""

import pytest

from dbgclean._sample import check_sample, sample_name, stem_of
from dbgclean.errors import UsageError


@pytest.mark.parametrize(
    ("files", "name"),
    [
        (["S1_R1_001.fastq.gz", "S1_R2_001.fastq.gz"], "S1"),
        (["x/y/ecoli.1.fq"], "ecoli"),
        (["x/ecoli_1.fq.xz"], "ecoli"),
        (["NA12878.chr20.bam"], "NA12878.chr20"),
        (["tumour_1.bam"], "tumour_1"),
        (["1.fq"], "1"),
        (["-"], "stdin"),
        ([], "sample"),
        (["a\x1b[31m\n.fq"], "a_[31m_"),
        (["..."], "sample"),
    ],
)
def test_a_sample_is_named_after_its_first_file(files, name):
    assert sample_name(files) == name


@pytest.mark.parametrize(
    "name", ["", " ", "..", "a/b", "a\\b", "a\tb", "a\nb", "\udcff1", "x" * 151]
)
def test_bad_names_are_refused(name):
    with pytest.raises(UsageError, match="--sample"):
        check_sample(name)


@pytest.mark.parametrize("name", ["S1", "patient 7", "étude-3", "a:b", "5%"])
def test_good_names_are_taken_as_they_are(name):
    assert check_sample(name) == name
    assert not set(stem_of(name)) & set('/\\<>:"|?*')
