"""Graph: canonical k-mers in, a compacted De Bruijn graph and its ambiguity out.

`compaction` makes a `unitigs.UnitigGraph` of sorted k-mers; `topology` finds tips,
bubbles, superbubbles and chains in it; `ambiguity` counts them; `cleaning` is the
classical cleaner that reports are compared with; `gfa` and `unitig_fasta` read and
write; `nx` gives the graph to networkx. Knows nothing of correction.

Import from the modules: this package imports none of them, because numba takes a
while to load and the command line must not wait for it.
"""
