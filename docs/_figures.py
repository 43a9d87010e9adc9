"""A hook of mkdocs: the benchmarks' figures stand outside docs/, and the site has them too."""

import re
from pathlib import Path

from mkdocs.structure.files import File

_FIGURE = re.compile(r"\]\(\.\./(benchmarks/results/[^)]+\.png)\)")


def on_files(files, config):
    root = Path(config.docs_dir).parent
    pages = [page.read_text(encoding="utf-8") for page in Path(config.docs_dir).glob("*.md")]
    for name in sorted({name for page in pages for name in _FIGURE.findall(page)}):
        files.append(File.generated(config, name, abs_src_path=str(root / name)))
    return files


def on_page_markdown(markdown, **_):
    return _FIGURE.sub(r"](\1)", markdown)
