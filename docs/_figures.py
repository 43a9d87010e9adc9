"""A hook of mkdocs: the benchmarks' figures stand outside docs/, and the site has them too."""

import re
from pathlib import Path

from mkdocs.structure.files import File

_FIGURE = re.compile(r"\]\(\.\./(benchmarks/results/[^)]+\.png)\)")


def on_files(files, config):
    root = Path(config.docs_dir).parent
    page = Path(config.docs_dir, "benchmarks.md").read_text(encoding="utf-8")
    for name in sorted(set(_FIGURE.findall(page))):
        files.append(File.generated(config, name, abs_src_path=str(root / name)))
    return files


def on_page_markdown(markdown, **_):
    return _FIGURE.sub(r"](\1)", markdown)
