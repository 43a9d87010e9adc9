"""The terms that a reader of the report meets, and the reasons of the correctors, in words."""

__all__ = ["DEFINITIONS", "REFUSALS"]

DEFINITIONS = (
    ("k-mer", "a word of k bases; a k-mer and its reverse complement count as one"),
    ("abundance", "how many times a k-mer was seen in the reads"),
    (
        "spectrum",
        "the histogram of abundances: errors make a tall slope at the left, the genome a "
        "peak at its depth, and the valley between them is the natural cutoff",
    ),
    ("unitig", "a stretch of the graph without branches; nothing in it is ambiguous"),
    ("unitig N50", "half of the bases of all unitigs lie in unitigs of this length or longer"),
    (
        "junction",
        "an end of a unitig from which more than one unitig continues: the reads do not "
        "say which way is right",
    ),
    ("tip", "a dead end shorter than 2k, most often an error near the end of a read"),
    (
        "simple bubble",
        "two or more parallel unitigs between the same two ends: an error, or two real "
        "alleles of one place",
    ),
    (
        "superbubble",
        "a part of the graph with one way in, one way out and no cycle that holds no smaller "
        "one with the same entrance (Onodera 2013, corrected in Gärtner 2018) and is more than "
        "a simple bubble",
    ),
    (
        "Eulerian deficit",
        "half the sum of the differences between ways in and ways out over all ends: 0 where "
        "the graph can be walked using each k-mer once, larger the further it is from that",
    ),
    (
        "alternative",
        "what some reads show in place of what the others show: an error, or a real allele",
    ),
    (
        "expected loss",
        "share that is corrected away of alleles that were planted, at a known fraction, in "
        "copies of these reads, and that three reads or more show",
    ),
    ("true k-mer lost", "a k-mer of the truth that the raw reads had and the result has not"),
    ("false k-mer left", "a k-mer of the result that is nowhere in the truth"),
    ("real bubble closed", "a bubble of the truth of which fewer than two arms are left"),
    ("new junction", "a branch in the result that the raw reads did not have"),
    ("undecided", "a low-confidence k-mer neither real nor wrong beyond doubt: left as it was"),
    ("raw", "the reads as they came"),
    ("cutoff", "every k-mer below the valley's abundance thrown away: the simplest control"),
    ("classical", "tips clipped and bubbles popped by depth, as assemblers do: the second control"),
    ("nearest", "reads threaded through the solid graph, with no verdict on alleles"),
    ("likelihood", "the same, each allele judged by a likelihood ratio of its evidence"),
    ("autoencoder", "the same, each allele judged by the network from the pooled evidence"),
    ("auto", "likelihood, or autoencoder where that keeps clearly more of the planted alleles"),
)


REFUSALS = {
    "edit_real": "edit: the allele was judged real",
    "edit_undecided": "edit: undecided",
    "edit_tie": "edit: seen twice where two paths cost nearly the same",
    "read_without_anchor": "read: no solid k-mer to start from",
    "read_too_short": "read: shorter than k",
    "read_partly_threaded": "read: followed in part only",
}
"""Reasons of the correctors in words; those of a plug-in are shown as they are."""
