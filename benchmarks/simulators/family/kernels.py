"""Numba kernels of the molecule-based simulator.

Molecules and copies are ragged: ``codes`` uint8 holds all of them one after another, in the
genome's orientation, and molecule i is ``codes[offsets[i]:offsets[i + 1]]``. Kernels that draw
take numpy's own generator, so a seed gives the same reads whatever the number of threads.
"""

import numba
import numpy as np

__all__ = [
    "change_at",
    "change_by_context",
    "copy_molecules",
    "cut_molecules",
    "draw_qualities",
    "read_molecules",
    "slip_runs",
]

DARK = 2  # What a two-colour instrument calls where there is no light: G.


@numba.njit(cache=True)
def cut_molecules(sequence, sites, margin, start, offsets, codes, rng):  # type: ignore[no-untyped-def]
    """Copy each molecule out of ``sequence`` into ``codes``, its alleles drawn.

    Parameters
    ----------
    sequence
        uint8 (G,).
    sites
        (position int64 sorted, alternative uint8, fraction float64), of ``sequence``.
    margin
        Bases at each end of a molecule that are those of ``sequence``: primers.
    start, offsets
        int64 (m,) and (m + 1,).
    """
    position, alt, fraction = sites
    for molecule in range(len(start)):
        first, begin = start[molecule], offsets[molecule]
        size = offsets[molecule + 1] - begin
        codes[begin : begin + size] = sequence[first : first + size]
        site = np.searchsorted(position, first + margin)
        while site < len(position) and position[site] < first + size - margin:
            if rng.random() < fraction[site]:
                codes[begin + position[site] - first] = alt[site]
            site += 1


@numba.njit(cache=True)
def change_by_context(codes, offsets, row, rate, to, rng):  # type: ignore[no-untyped-def]
    """Change bases by their trinucleotide, in place.

    Parameters
    ----------
    row
        int64 (m,): which row of the tables holds for a molecule.
    rate, to
        float64 and uint8 (rows, 64), by 16 x base before + 4 x base + base behind.
    """
    for molecule in range(len(offsets) - 1):
        mine = row[molecule]
        before = np.int64(codes[offsets[molecule]])
        for at in range(offsets[molecule] + 1, offsets[molecule + 1] - 1):
            base = np.int64(codes[at])
            context = 16 * before + 4 * base + np.int64(codes[at + 1])
            # The base before is the one that was there, changed or not.
            before = base
            chance = rate[mine, context]
            if chance > 0.0 and rng.random() < chance:
                codes[at] = to[mine, context]


@numba.njit(cache=True)
def change_at(codes, offsets, start, row, places, rng):  # type: ignore[no-untyped-def]
    """Change bases at given places of the genome, in place.

    ``places``: (position int64 sorted, row int64, base uint8, rate float64); a place changes
    molecules of its own row only.
    """
    position, rows, to, rate = places
    for molecule in range(len(start)):
        begin, first = offsets[molecule], start[molecule]
        end = first + offsets[molecule + 1] - begin
        place = np.searchsorted(position, first)
        while place < len(position) and position[place] < end:
            if rows[place] == row[molecule] and rng.random() < rate[place]:
                codes[begin + position[place] - first] = to[place]
            place += 1


@numba.njit(cache=True)
def copy_molecules(codes, offsets, source, out_offsets, events, rng):  # type: ignore[no-untyped-def]
    """Copies of molecules with what copying got wrong, as uint8 of all copies.

    Parameters
    ----------
    source
        int64 (c,): the molecule of each copy.
    events
        (first int64 (groups + 1,), group int64 (c,), place, shift, share): copy c may carry the
        events ``first[group[c]]`` and following, each at ``place`` of the molecule, its base
        moved on by ``shift``, with probability ``share``.
    """
    first, group, place, shift, share = events
    out = np.empty(out_offsets[-1], np.uint8)
    for copy in range(len(source)):
        begin, end = offsets[source[copy]], offsets[source[copy] + 1]
        target = out_offsets[copy]
        out[target : target + end - begin] = codes[begin:end]
        for event in range(first[group[copy]], first[group[copy] + 1]):
            if rng.random() < share[event]:
                at = target + place[event]
                out[at] = (out[at] + shift[event]) & 3
    return out


@numba.njit(cache=True)
def slip_runs(codes, offsets, rate, inserted, out, rng):  # type: ignore[no-untyped-def]
    """Lengthen or shorten homopolymers by one base; the new offsets, int64 (m + 1,).

    ``rate`` float64 (32,) by length of the run; a share ``inserted`` of the slips adds a base.
    ``out`` uint8 needs room for one more base per run of two.
    """
    new = np.zeros(len(offsets), np.int64)
    end = 0
    for molecule in range(len(offsets) - 1):
        at = offsets[molecule]
        while at < offsets[molecule + 1]:
            run = 1
            while at + run < offsets[molecule + 1] and codes[at + run] == codes[at]:
                run += 1
            chance = rate[min(run, len(rate) - 1)]
            written = run
            if chance > 0.0 and rng.random() < chance:
                written += 1 if rng.random() < inserted else -1
            out[end : end + written] = codes[at]
            end += written
            at += run
        new[molecule + 1] = end
    return new


@numba.njit(cache=True)
def draw_qualities(quals, mean, scatter, bursts, bins, rng):  # type: ignore[no-untyped-def]
    """Draw qualities into ``quals`` uint8 (n, L).

    Parameters
    ----------
    mean
        float64 (2, L): by mate (even rows are first reads) and cycle.
    scatter
        (of reads, of bases): mean of the exponential that a whole read lies lower, and
        deviation from base to base.
    bursts
        (chance that a bad stretch begins at a base, chance that it ends at one).
    bins
        uint8 (94,): what is reported for a drawn quality.
    """
    for read in range(len(quals)):
        lower = scatter[0] * rng.standard_exponential()
        drift, bad = 0.0, 0.0
        for cycle in range(quals.shape[1]):
            pick = rng.random()
            if bad > 0.0:
                if pick < bursts[1]:
                    bad = 0.0
            elif pick < bursts[0]:
                bad = 8.0 + 22.0 * rng.random()
            drift = 0.7 * drift + scatter[1] * rng.standard_normal()
            drawn = int(mean[read & 1, cycle] - lower - bad + drift + 0.5)
            quals[read, cycle] = bins[min(max(drawn, 2), 41)]


@numba.njit(cache=True)
def read_molecules(template, start, forward, wrong, error, substitution, codes, quals, rng):  # type: ignore[no-untyped-def]
    """Read both ends of every copy into ``codes`` uint8 (2 c, L); qualities may change.

    Parameters
    ----------
    template
        (codes, offsets) of the copies.
    start
        int64 (c,): place in the genome of a copy's first base.
    forward
        bool (c,): the first read is the forward one (F1R2).
    wrong
        (base, rate, quality) of sites that err on one strand, each (2, G) by strand of the
        read and place: base uint8, genome's orientation; quality uint8, 0 for the base's own.
    error
        float64 (94,): error probability by quality.
    substitution
        float64 (4, 4): cumulative, observed base by true base.
    """
    bases, offsets = template
    wrong_base, rate, wrong_quality = wrong
    length = codes.shape[1]
    for read in range(len(codes)):
        copy = read // 2
        begin = offsets[copy]
        size = offsets[copy + 1] - begin
        reverse = forward[copy] == (read & 1 == 1)
        strand = 1 if reverse else 0
        for cycle in range(length):
            if cycle >= size:
                codes[read, cycle] = DARK
                continue
            at = size - 1 - cycle if reverse else cycle
            base = np.int64(bases[begin + at])
            place = start[copy] + at
            if place < rate.shape[1] and rate[strand, place] > 0.0:
                if rng.random() < rate[strand, place]:
                    base = np.int64(wrong_base[strand, place])
                    if wrong_quality[strand, place]:
                        quals[read, cycle] = wrong_quality[strand, place]
                    codes[read, cycle] = 3 - base if reverse else base
                    continue
            if reverse:
                base = 3 - base
            if rng.random() < error[quals[read, cycle]]:
                pick, true = rng.random(), base
                base = 0
                while base < 3 and pick >= substitution[true, base]:
                    base += 1
            codes[read, cycle] = base
