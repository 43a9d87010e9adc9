"""Stage 1: files of reads in, batches of arrays out, and reads back into files.

`plan_inputs` checks what the user gave, `iter_batches` streams it, `open_writer`
writes it back with names, order, qualities and layout as they came.
"""

from dbgclean.reads.batch import ReadBatch
from dbgclean.reads.inputs import InputGroup, output_names, plan_inputs, tell_pairs
from dbgclean.reads.reading import iter_batches
from dbgclean.reads.statistics import ReadStatistics
from dbgclean.reads.writers import ReadWriter, open_writer

__all__ = [
    "InputGroup",
    "ReadBatch",
    "ReadStatistics",
    "ReadWriter",
    "iter_batches",
    "open_writer",
    "output_names",
    "plan_inputs",
    "tell_pairs",
]
