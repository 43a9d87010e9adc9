"""Variant or error: the alleles of a region of a BAM, judged by the corrector's own evidence.

Reads of the region are threaded through the graph of its reference (or, without one, of
its own consensus); what they insist on is pooled, judged and named.
"""
