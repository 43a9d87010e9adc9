"""Evidence: reads threaded through the solid graph, edits pooled, windows for the network.

Takes read batches and the k-mer table of the raw reads; gives `Alternatives`, one
row per low-confidence k-mer, and the `Windows` that the network reads.
"""
