"""The order of the stages: the only package that knows it.

`passes` goes over the reads (count, thread, rewrite); `full` adds graphs, truth
and report and writes the output folder.
"""
