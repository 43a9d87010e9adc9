"""Run every check of the adoption kit whose program is at hand, and say what was not run.

    python packaging/check.py > packaging/CHECKED.md

Programs are taken from PATH; packaging/README.md says how to get them. `dbgclean` is the one
beside this Python. Exits with 1 where a check fails. What needs no program is in
tests/test_kit.py.
"""

import datetime
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from contextlib import chdir
from pathlib import Path
from tempfile import TemporaryDirectory

KIT = Path(__file__).resolve().parent
ROOT = KIT.parent
EXAMPLE = ROOT / "dbgclean" / "example"
READS = [EXAMPLE / f"example_R{mate}.fastq.gz" for mate in (1, 2)]
os.environ.setdefault(
    "JAVA_HOME", str(Path(shutil.which("java") or "/bin/java").resolve().parents[1])
)
os.environ["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])


class Absent(Exception):
    """The program that a check needs is not there."""


class Failed(Exception):
    """What was found in place of what should be."""


def need(program: str, *version: str) -> str:
    """The program's path; its version is remembered for the report."""
    path = shutil.which(program)
    if path is None:
        raise Absent(program)
    if program not in VERSIONS:
        words = run([path, *version]) if version else path
        found = re.search(r"\d+(\.\d+)+", words)
        VERSIONS[program] = f"{program} {found[0]}" if found else program
    return path


def run(command: list[str | Path], cwd: Path | None = None, **environment: str) -> str:
    """Standard output and error of a command that must succeed."""
    done = subprocess.run(
        [str(word) for word in command], cwd=cwd, env=os.environ | environment, check=False,
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    )  # fmt: skip
    if done.returncode:
        raise Failed(done.stdout.strip()[-2000:] or f"{command[0]}: exit {done.returncode}")
    return done.stdout


def interpreter(program: str) -> str:
    """The Python that a program of its own environment runs in."""
    return Path(need(program)).read_text(errors="replace").splitlines()[0].removeprefix("#!")


def whole(folder: Path, *patterns: str) -> None:
    """Each pattern must match files, none of them empty."""
    for pattern in patterns:
        found = list(folder.glob(pattern))
        if not found or not all(path.stat().st_size for path in found):
            raise Failed(f"{pattern}: missing or empty in {sorted(folder.rglob('*'))}")


def multiqc(work: Path) -> None:
    need("multiqc", "--version")
    run([sys.executable, "-m", "pytest", "-q", ROOT / "tests" / "test_report_multiqc.py"], ROOT)


def snakemake(work: Path) -> None:
    program = need("snakemake", "--version")
    wrapper = work / "master" / "bio" / "dbgclean"
    shutil.copytree(KIT / "snakemake", wrapper)
    (work / "reads").mkdir()
    for path in READS:
        (work / "reads" / path.name).symlink_to(path)
    targets = ["corrected/example_R1.fastq.gz", "corrected_se/example_R1.fastq.gz"]
    prefix = ["--wrapper-prefix", f"file://{work}/", "--cores", "2"]
    run([program, "-s", wrapper / "test" / "Snakefile", *prefix, *targets])
    whole(work, *targets, "corrected/example_R2.fastq.gz", "report/example.*", "corrected/*.fa.gz")


def cwl_valid(work: Path) -> None:
    run([need("cwltool", "--version"), "--validate", KIT / "cwl" / "dbgclean-run.cwl"])


def cwl_run(work: Path) -> None:
    cwl = KIT / "cwl"
    run([need("cwltool", "--version"), cwl / "dbgclean-run.cwl", cwl / "example.yml"])
    whole(work, "example_R[12].fastq.gz", "kmers.fa.gz", "corrections.tsv.gz", "report.*", "*.gfa")


def galaxy_lint(work: Path) -> None:
    need("planemo", "--version")
    run(["planemo", "lint", "--fail_level", "warn", KIT / "galaxy"], HOME=str(work))


def galaxy_command(work: Path) -> None:
    """The tool's command, filled in by Cheetah as Galaxy does, and run."""
    program = (
        "import sys, xml.etree.ElementTree as tree\n"
        "from Cheetah.Template import Template\n"
        "class Reads(str): ext = 'fastqsanger.gz'\n"
        "class Group(dict): __getattr__ = dict.__getitem__\n"
        "text = tree.parse(sys.argv[1]).findtext('command')\n"
        "library = Group(type='paired', forward=Reads(sys.argv[2]), reverse=Reads(sys.argv[3]))\n"
        "sample = Group(sample='patient 7', ploidy='2', min_vaf='')\n"
        "values = dict(library=library, sample=sample, k=31, corrector='auto', seed=1,\n"
        "              no_controls='--no-controls', truth=None)\n"
        "print(str(Template(text, searchList=[values])).replace('\\n', ' '))\n"
    )
    python = [interpreter("planemo"), "-c", program]
    command = run([*python, KIT / "galaxy" / "dbgclean.xml", *READS])
    run(["bash", "-euc", command])
    whole(work, "corrected_[12]", "out/kmers.fa.gz", "out/clean.gfa", "out/report.*")


def galaxy_test(work: Path) -> None:
    """The tool's own tests, in a Galaxy whose source is in GALAXY_ROOT."""
    if "GALAXY_ROOT" not in os.environ:
        raise Absent("Galaxy (GALAXY_ROOT)")
    run([need("planemo"), "test", "--galaxy_root", os.environ["GALAXY_ROOT"], KIT / "galaxy"])


def scripts(path: Path) -> dict[str, dict[str, str]]:
    """Groovy of each process's `script:` and `stub:` in a Nextflow file."""
    found: dict[str, dict[str, str]] = {}
    for name, body in re.findall(r"^process (\w+) \{\n(.*?)^\}", path.read_text(), re.M | re.S):
        parts = re.split(r"^    (\w+):\n", body, flags=re.M)
        found[name] = dict(zip(parts[1::2], parts[2::2], strict=True))
    return found


def filled(groovy: str, meta: str, reads: str) -> str:
    """What Nextflow would run: the block evaluated by Groovy with a task of two CPUs."""
    bound = "def task = [cpus: 2, memory: [toGiga: { 4 }], ext: [args: ''], process: 'X']\n"
    body = f"{bound}def meta = {meta}\ndef reads = {reads}\n"
    main = f"{body}def block = {{ ->\n{groovy}\n}}\nprint block()"
    return run([need("groovy", "--version"), "-e", main])


def nextflow_syntax(work: Path) -> None:
    """Module, pipeline and configuration by reftrace's parser, and the names of what is in them."""
    need("reftrace", "--version")
    program = (
        "import sys, reftrace\n"
        "for path in sys.argv[2:]:\n"
        "    found = reftrace.Module.from_file(path)\n"
        "    assert not isinstance(found, reftrace.ParseError), found\n"
        "    print(*(process.name for process in found.processes))\n"
        "found = reftrace.ConfigFile.from_file(sys.argv[1])\n"
        "assert found.config_file and not found.error, found\n"
    )
    files = [KIT / "nextflow" / "nextflow.config", *sorted(KIT.glob("nextflow/**/*.nf"))]
    found = run([interpreter("reftrace"), "-c", program, *files]).split()
    if found != ["SPADES", "MEGAHIT", "DBGCLEAN_RUN", "PLAN", "STEP", "NEXT"]:
        raise Failed(f"processes: {found}")


def nextflow_scripts(work: Path) -> None:
    """Script and stub of the module, paired and single, and what the pipeline does with them."""
    module = scripts(KIT / "nextflow" / "modules" / "dbgclean" / "run" / "main.nf")["DBGCLEAN_RUN"]
    paths = re.findall(r'path\("([^"]+)"\)', module["output"])
    emitted = [path.replace("${prefix}", "S") for path in paths]
    for single, names in (("false", READS), ("true", READS[:1])):
        meta = f"[id: 'S', single_end: {single}]"
        reads = "[" + ", ".join(f"'{path}'" for path in names) + "]"
        for part in ("script", "stub"):
            place = work / f"{part}-{single}"
            place.mkdir()
            run(["bash", "-euc", filled(module[part], meta, reads)], place)
            for glob in emitted:
                if not list(place.glob(glob)):
                    raise Failed(f"{part}, single_end {single}: no {glob}")
    made = work / "script-false" / "S" / "reads"
    reads = f"['{made}/S_1.fastq.gz', '{made}/S_2.fastq.gz']"
    need("megahit", "--version"), need("spades.py", "--version")
    for name, parts in scripts(KIT / "nextflow" / "main.nf").items():
        place = work / name
        place.mkdir()
        run(["bash", "-euc", filled(parts["script"], "[id: 'S', single_end: false]", reads)], place)
        whole(place, "S.*.fa")


def need_nextflow() -> str:
    try:
        return need("nextflow", "-version")
    except Failed:  # PyPI's package is a launcher, which downloads the program
        raise Absent("nextflow behind its launcher") from None


def nextflow_run(work: Path) -> None:
    sheet = work / "samples.csv"
    sheet.write_text("sample,fastq_1,fastq_2\nS," + ",".join(map(str, READS)) + "\n")
    for stub in (["-stub"], []):
        pipeline = [need_nextflow(), "run", KIT / "nextflow", *stub]
        run([*pipeline, "--input", sheet, "--outdir", "out"])
    whole(work, "out/spades/*.fa", "out/megahit/*.fa")


def nf_test(work: Path) -> None:
    need_nextflow()
    run([need("nf-test", "version"), "test", KIT / "nextflow"])


def conda_build(work: Path) -> None:
    need("conda-build", "--version")
    channels = ["-c", "conda-forge", "-c", "bioconda"]
    run(["conda-build", *channels, "--output-folder", work, KIT / "bioconda"])


def docker(work: Path) -> None:
    try:
        run([need("docker", "--version"), "info"])
    except Failed:
        raise Absent("docker's daemon") from None
    run(["docker", "build", "-f", KIT / "Dockerfile", "-t", "dbgclean-check", ROOT])
    run(["docker", "run", "--rm", "dbgclean-check", "run", "--example", "-o", "/tmp/out"])


def apptainer(work: Path) -> None:
    image = work / "dbgclean.sif"
    run([need("apptainer", "--version"), "build", image, KIT / "dbgclean.def"], ROOT)


VERSIONS: dict[str, str] = {}
CHECKS: list[tuple[str, Callable[[Path], None]]] = [
    ("MultiQC over five samples, with the plug-in and without", multiqc),
    ("Snakemake wrapper: its test rules, paired and single, on the example", snakemake),
    ("CWL: validated", cwl_valid),
    ("CWL: run on the example", cwl_run),
    ("Galaxy: `planemo lint`, warnings are failures", galaxy_lint),
    ("Galaxy: command filled in by Cheetah and run on the example", galaxy_command),
    ("Galaxy: the tool's own tests, `planemo test`", galaxy_test),
    ("Nextflow: module, pipeline and configuration parsed by reftrace", nextflow_syntax),
    ("Nextflow: script and stub blocks filled in by Groovy and run, SPAdes and MEGAHIT after",
     nextflow_scripts),
    ("Nextflow: pipeline, stub and real", nextflow_run),
    ("nf-test of the module (its snapshot is written by the first run)", nf_test),
    ("bioconda recipe: built from the checkout", conda_build),
    ("Dockerfile: built and run", docker),
    ("Apptainer recipe: built", apptainer),
]  # fmt: skip


def main() -> int:
    failed = 0
    rows = []
    for title, check in CHECKS:
        with TemporaryDirectory() as folder, chdir(folder):
            known = set(VERSIONS)
            try:
                check(Path(folder).resolve())
                said = "passed"
                known = set(VERSIONS)
            except Absent as error:
                said = f"not run: no {error}"
            except Failed as error:
                failed += 1
                said = "**failed**"
                print(f"{title}: {error}", file=sys.stderr)
        for program in VERSIONS.keys() - known:
            del VERSIONS[program]  # nothing passed with it
        print(f"{title}: {said}", file=sys.stderr)
        rows.append(f"| {title} | {said} |")
    version = run(["dbgclean", "--version"]).split()[-1]
    today = datetime.datetime.now(datetime.UTC).date()
    print(
        f"# Adoption kit, checked\n\n`python packaging/check.py`, {today}, dbgclean {version}, with"
    )
    print(", ".join(VERSIONS.values()) + ".\n\n| check | |\n|---|---|")
    print("\n".join(rows))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
