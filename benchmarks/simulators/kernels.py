"""Numba kernels of the read simulator.

Randomness inside a kernel is counter based (splitmix64, Steele et al. 2014,
doi:10.1145/2714064.2660195): every read owns a stream derived from the seed and the read's
number, and every (molecule, genome position) pair owns one draw. So mates see the same
alleles, and nothing depends on the order in which reads are made.
"""

import numba
import numpy as np

__all__ = [
    "allele_variants",
    "canonical_kmers",
    "fill_qualities",
    "fill_reads",
    "format_fastq",
    "pack_kmers",
    "pile_up",
]

GOLDEN = np.uint64(0x9E3779B97F4A7C15)
MIX_1 = np.uint64(0xBF58476D1CE4E5B9)
MIX_2 = np.uint64(0x94D049BB133111EB)
NO_ALLELE = 255


@numba.njit(cache=True, nogil=True, inline="always")
def _mix(value):  # type: ignore[no-untyped-def]
    value = (value ^ (value >> np.uint64(30))) * MIX_1
    value = (value ^ (value >> np.uint64(27))) * MIX_2
    return value ^ (value >> np.uint64(31))


@numba.njit(cache=True, nogil=True, inline="always")
def _unit(value):  # type: ignore[no-untyped-def]
    return np.float64(value >> np.uint64(11)) * 1.1102230246251565e-16


@numba.njit(cache=True, nogil=True, inline="always")
def _almost_normal(value):  # type: ignore[no-untyped-def]
    """Sum of four 16-bit uniforms, scaled to unit variance: normal enough for qualities."""
    mask = np.uint64(0xFFFF)
    total = (
        (value & mask)
        + ((value >> np.uint64(16)) & mask)
        + ((value >> np.uint64(32)) & mask)
        + (value >> np.uint64(48))
    )
    return (np.float64(total) - 131070.0) / 37837.23


@numba.njit(cache=True, nogil=True)
def fill_qualities(quals, mean, spread, read_spread, drop_rate, bins, seed):  # type: ignore[no-untyped-def]
    """Draw autocorrelated qualities into ``quals`` (n, L) uint8.

    ``mean`` and ``spread`` are float64 (2, L), one row for first and one for second reads;
    ``bins`` uint8 (94,) maps a drawn quality to the reported one.
    """
    n_reads, length = quals.shape
    for read in range(n_reads):
        state = _mix(seed ^ (np.uint64(read + 1) * GOLDEN))
        row = read & 1
        state += GOLDEN
        # Squared: most reads are near the best, a few are bad from end to end.
        offset = _almost_normal(_mix(state))
        offset = -read_spread * offset * offset
        noise = 0.0
        for cycle in range(length):
            state += GOLDEN
            value = _mix(state)
            noise = 0.85 * noise + 0.5267 * _almost_normal(value)
            quality = mean[row, cycle] + offset + spread[row, cycle] * noise
            if _unit(_mix(value)) < drop_rate:
                quality -= 6.0 + 24.0 * _unit(_mix(value ^ GOLDEN))
            rounded = int(quality + 0.5)
            quals[read, cycle] = bins[min(max(rounded, 2), 41)]


@numba.njit(cache=True, nogil=True)
def _molecule_base(genome, alt, fraction, fragment, walked, reverse, molecule_key):  # type: ignore[no-untyped-def]
    """Base ``walked`` steps into a fragment as the read sees it, and its genome position."""
    start, size, begin = fragment[0], fragment[1], fragment[2]
    span, broken, second = fragment[3], fragment[5], fragment[6]
    offset = size - 1 - walked if reverse else walked
    place = start + offset
    if broken >= 0 and offset >= broken:
        place = second + offset - broken
    if place >= begin + span:
        place -= span
    base = np.int64(genome[place])
    if alt[place] != NO_ALLELE:
        # One draw per molecule and position: both mates agree on the allele.
        here = _mix(molecule_key ^ (np.uint64(place + 1) * MIX_1))
        if _unit(here) < fraction[place]:
            base = np.int64(alt[place])
    return (3 - base if reverse else base), place


@numba.njit(cache=True, nogil=True)
def _substitute(base, substitution, pick):  # type: ignore[no-untyped-def]
    observed = 0
    while observed < 3 and pick >= substitution[base, observed]:
        observed += 1
    return observed


@numba.njit(cache=True, nogil=True)
def _systematic_quality(quality, low_share, low_top, pick):  # type: ignore[no-untyped-def]
    if pick < low_share:
        return 2 + int(pick / low_share * (low_top - 1))
    return max(int(quality), 30)


@numba.njit(cache=True, nogil=True)
def fill_reads(  # type: ignore[no-untyped-def]
    genome,
    alleles,
    systematic,
    fragments,
    read_reverse,
    indels,
    adapters,
    codes,
    quals,
    truth,
    error_probability,
    substitution,
    low_quality,
    bins,
    seed,
):
    """Copy each read's bases from its molecule, then add its errors.

    Parameters
    ----------
    genome : uint8 (G,)
        All haplotypes one after another.
    alleles : tuple of uint8 (G,), float32 (G,)
        Alternative base (255: none) and its fraction, by position.
    systematic : tuple of uint8 (2, G), float32 (2, G)
        Alternative base and rate by strand of the read (0 forward) and position.
    fragments : int64 (F, 7)
        start, length, haplotype begin, haplotype length, molecule,
        breakpoint (fragment offset, or -1), start after the breakpoint.
    read_reverse : bool (n,)
    indels : int64 (n, 2)
        Cycle (-1: none) and length (positive inserts, negative deletes).
    adapters : uint8 (2, A)
    codes, quals, truth : uint8 (n, L)
        Written; ``quals`` is read and changed at systematic errors.
    error_probability : float64 (94,)
    substitution : float64 (4, 4)
        Cumulative probability of each observed base by true base, given an error.
    low_quality : tuple (fraction, highest low quality)
    bins : uint8 (94,)
    seed : uint64
    """
    n_reads, length = codes.shape
    alt, fraction = alleles
    sys_alt, sys_rate = systematic
    mates = n_reads // len(fragments)
    for read in range(n_reads):
        state = _mix(seed ^ (np.uint64(read + 1) * GOLDEN))
        fragment = fragments[read // mates]
        size = fragment[1]
        molecule_key = _mix(seed + GOLDEN * np.uint64(fragment[4] + 1))
        reverse = read_reverse[read]
        strand = 1 if reverse else 0
        at, indel = indels[read]
        skipped = 0
        for cycle in range(length):
            state += GOLDEN
            draw = _mix(state)
            if cycle == at:
                skipped = -indel
            walked, place = cycle + skipped, -1
            if at <= cycle < at + indel:
                base = np.int64(draw & np.uint64(3))
            elif walked < size:
                base, place = _molecule_base(
                    genome, alt, fraction, fragment, walked, reverse, molecule_key
                )
            else:
                past = min(walked - size, adapters.shape[1] - 1)
                base = np.int64(adapters[read % mates, past])
            truth[read, cycle] = base
            if _unit(draw) < error_probability[quals[read, cycle]]:
                base = _substitute(base, substitution, _unit(_mix(draw ^ GOLDEN)))
            elif place >= 0 and sys_alt[strand, place] != NO_ALLELE:
                if _unit(_mix(draw ^ MIX_1)) < sys_rate[strand, place]:
                    wrong = np.int64(sys_alt[strand, place])
                    base = 3 - wrong if reverse else wrong
                    pick = _unit(_mix(draw ^ MIX_2))
                    quality = _systematic_quality(quals[read, cycle], *low_quality, pick)
                    quals[read, cycle] = bins[quality]
            codes[read, cycle] = base


@numba.njit(cache=True, nogil=True)
def pile_up(codes, position, reverse, usable, sites, genome_length):  # type: ignore[no-untyped-def]
    """Count observed bases, forward orientation, at sorted ``sites``: int64 (n_sites, 4)."""
    n_reads, length = codes.shape
    counts = np.zeros((len(sites), 4), np.int64)
    for read in range(n_reads):
        if not usable[read]:
            continue
        # A read of a circular genome may run past the end: look at both laps.
        for lap in range(2):
            start = position[read] - lap * genome_length
            index = np.searchsorted(sites, start)
            while index < len(sites) and sites[index] < start + length:
                offset = sites[index] - start
                if reverse[read]:
                    counts[index, 3 - codes[read, length - 1 - offset]] += 1
                else:
                    counts[index, codes[read, offset]] += 1
                index += 1
    return counts


@numba.njit(cache=True, nogil=True)
def _canonical(kmer, k):  # type: ignore[no-untyped-def]
    other = np.uint64(0)
    forward = kmer
    for _ in range(k):
        other = (other << np.uint64(2)) | (np.uint64(3) - (forward & np.uint64(3)))
        forward >>= np.uint64(2)
    return min(kmer, other)


@numba.njit(cache=True, nogil=True)
def pack_kmers(sequence, k):  # type: ignore[no-untyped-def]
    """Forward k-mers of ``sequence`` uint8 (n,) as uint64 (n - k + 1,), first base highest."""
    n_kmers = max(len(sequence) - k + 1, 0)
    kmers = np.empty(n_kmers, np.uint64)
    mask = (np.uint64(1) << np.uint64(2 * k)) - np.uint64(1)
    kmer = np.uint64(0)
    for index in range(len(sequence)):
        kmer = ((kmer << np.uint64(2)) | np.uint64(sequence[index])) & mask
        if index >= k - 1:
            kmers[index - k + 1] = kmer
    return kmers


@numba.njit(cache=True, nogil=True)
def canonical_kmers(kmers, k):  # type: ignore[no-untyped-def]
    """Canonical form of each of ``kmers`` uint64 (n,)."""
    out = np.empty_like(kmers)
    for index in range(len(kmers)):
        out[index] = _canonical(kmers[index], k)
    return out


@numba.njit(cache=True, nogil=True)
def allele_variants(kmers, k, sites, change, low, high, out):  # type: ignore[no-untyped-def]
    """Write every combination of alternative alleles within each window; return how many.

    ``change`` uint64 is ref XOR alt; ``low`` and ``high`` int64 (n_kmers,) bound the sites
    in each window. With an empty ``out`` nothing is written, only counted.
    """
    total = 0
    for start in range(len(kmers)):
        n_sites = high[start] - low[start]
        for chosen in range(1, 1 << n_sites):
            if len(out):
                kmer = kmers[start]
                for bit in range(n_sites):
                    if chosen >> bit & 1:
                        site = low[start] + bit
                        shift = np.uint64(2 * (k - 1 - (sites[site] - start)))
                        kmer ^= change[site] << shift
                out[total] = kmer
            total += 1
    return total


@numba.njit(cache=True, nogil=True)
def format_fastq(codes, quals, rows, prefix, suffixes, suffix_width, out):  # type: ignore[no-untyped-def]
    """Write FASTQ records into ``out`` uint8; return how many bytes.

    ``rows`` is (number of row 0 in the whole set, mate to write or -1 for both, mates per
    fragment); ``suffixes`` uint8 (2, 2) holds the mates' name endings.
    """
    letters = np.array([65, 67, 71, 84, 78], np.uint8)
    digits = np.empty(20, np.uint8)
    offset, mate, step = rows
    length = codes.shape[1]
    end = 0
    for read in range(len(codes)):
        if mate >= 0 and (offset + read) % step != mate:
            continue
        out[end] = 64
        end += 1
        for byte in prefix:
            out[end] = byte
            end += 1
        number = (offset + read) // step
        n_digits = 0
        while n_digits == 0 or number > 0:
            digits[n_digits] = 48 + number % 10
            n_digits += 1
            number //= 10
        for index in range(n_digits - 1, -1, -1):
            out[end] = digits[index]
            end += 1
        for index in range(suffix_width):
            out[end] = suffixes[read & 1, index]
            end += 1
        out[end] = 10
        end += 1
        for cycle in range(length):
            out[end + cycle] = letters[codes[read, cycle]]
        end += length
        out[end] = 10
        out[end + 1] = 43
        out[end + 2] = 10
        end += 3
        for cycle in range(length):
            out[end + cycle] = quals[read, cycle] + 33
        end += length
        out[end] = 10
        end += 1
    return end
