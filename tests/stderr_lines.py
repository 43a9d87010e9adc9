"""What a command said on a stderr that is no terminal, without times and stages."""

import re

_TIMED = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d (.*)")
_STAGE = re.compile(r".*: \d+\.\d s")


def said(text):
    """Lines of a log without their times; those that say how long a stage took left out."""
    lines = []
    for line in text.splitlines():
        timed = _TIMED.fullmatch(line)
        if timed is None or not _STAGE.fullmatch(timed[1]):
            lines.append(timed[1] if timed else line)
    return lines
