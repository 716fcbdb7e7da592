/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
#ifndef UPROBED_BPF_ABI_DURATION_CELLS_H_
#define UPROBED_BPF_ABI_DURATION_CELLS_H_

#include "bpf/abi/types.h"

/* A duration is counted once, in a cell: cells are so small that the buckets of both of its
 * histograms, the explicit and the exponential one, are made of whole ones. So both have the same
 * requests at whatever moment they are read, which two counts could not have without a lock. */

/* OpenTelemetry's exponential histogram: bucket i holds (2^(i/4), 2^((i+1)/4)] seconds. From 238
 * ns, less than a request with two probe hits takes, to 36 hours, for streams; 160 buckets are what
 * OpenTelemetry's own have by default. */
#define UP_EXPONENTIAL_SCALE 2
#define UP_EXPONENTIAL_FIRST_BUCKET (-88)
#define UP_EXPONENTIAL_BUCKETS 156

/* A cell includes its upper bound. These are 2^(i/4) seconds, rounded down: whole nanoseconds are
 * at most the exact bound where they are at most this one. Among them OpenTelemetry's explicit
 * bounds, 5 ms to 10 s. */
#define UP_DURATION_CELL_BOUNDS_NS                                                                 \
  {                                                                                                \
    238, 283, 337, 400, 476, 567, 674, 801, 953, 1134, 1348, 1603, 1907, 2268, 2697, 3207, 3814,   \
        4536, 5394, 6415, 7629, 9072, 10789, 12831, 15258, 18145, 21579, 25662, 30517, 36291,      \
        43158, 51324, 61035, 72583, 86316, 102648, 122070, 145166, 172633, 205296, 244140, 290333, \
        345266, 410593, 488281, 580667, 690533, 821187, 976562, 1161335, 1381067, 1642375,         \
        1953125, 2322670, 2762135, 3284751, 3906250, 4645340, 5000000, 5524271, 6569503, 7812500,  \
        9290680, 10000000, 11048543, 13139006, 15625000, 18581361, 22097086, 25000000, 26278012,   \
        31250000, 37162722, 44194173, 50000000, 52556025, 62500000, 74325444, 75000000, 88388347,  \
        100000000, 105112051, 125000000, 148650889, 176776695, 210224103, 250000000, 297301778,    \
        353553390, 420448207, 500000000, 594603557, 707106781, 750000000, 840896415, 1000000000,   \
        1189207115, 1414213562, 1681792830, 2000000000, 2378414230ULL, 2500000000ULL,              \
        2828427124ULL, 3363585661ULL, 4000000000ULL, 4756828460ULL, 5000000000ULL, 5656854249ULL,  \
        6727171322ULL, 7500000000ULL, 8000000000ULL, 9513656920ULL, 10000000000ULL,                \
        11313708498ULL, 13454342644ULL, 16000000000ULL, 19027313840ULL, 22627416997ULL,            \
        26908685288ULL, 32000000000ULL, 38054627680ULL, 45254833995ULL, 53817370576ULL,            \
        64000000000ULL, 76109255360ULL, 90509667991ULL, 107634741152ULL, 128000000000ULL,          \
        152218510720ULL, 181019335983ULL, 215269482304ULL, 256000000000ULL, 304437021440ULL,       \
        362038671967ULL, 430538964609ULL, 512000000000ULL, 608874042881ULL, 724077343935ULL,       \
        861077929219ULL, 1024000000000ULL, 1217748085762ULL, 1448154687870ULL, 1722155858439ULL,   \
        2048000000000ULL, 2435496171525ULL, 2896309375740ULL, 3444311716879ULL, 4096000000000ULL,  \
        4870992343051ULL, 5792618751480ULL, 6888623433758ULL, 8192000000000ULL, 9741984686102ULL,  \
        11585237502960ULL, 13777246867516ULL, 16384000000000ULL, 19483969372204ULL,                \
        23170475005920ULL, 27554493735033ULL, 32768000000000ULL, 38967938744409ULL,                \
        46340950011841ULL, 55108987470067ULL, 65536000000000ULL, 77935877488818ULL,                \
        92681900023683ULL, 110217974940134ULL, 131072000000000ULL                                  \
  }
#define UP_DURATION_CELL_BOUND_COUNT 168
/* The last is what is above all bounds. */
#define UP_DURATION_CELLS (UP_DURATION_CELL_BOUND_COUNT + 1)

/* Adds `width` where so many more bounds are below the value. The compiler must not know that
 * `less` is 0 or 1, or it makes a branch of it; and a mask of all bits or none is followed twice as
 * well, by the verifier of Linux 6.18. */
#define UP_SEARCH_STEP(bounds, below, width, value)                  \
  do {                                                               \
    uint64_t less = ((bounds)[(below) + (width)-1] - (value)) >> 63; \
    __asm__("" : "+r"(less));                                        \
    (below) += less * (width);                                       \
  } while (0)

/* The cell that a duration is in: how many bounds are below it. The kernel's programs and the
 * daemon run this very code, so that they sort alike. A binary search without a branch, which the
 * verifier would follow twice; all that it must know of the result is what the widths sum up to.
 * `ns` is below 2^63. */
static inline __attribute__((always_inline)) uint64_t up_duration_cell(uint64_t ns) {
  static const uint64_t bounds[] = UP_DURATION_CELL_BOUNDS_NS;
  UP_ABI_ASSERT(sizeof(bounds) == UP_DURATION_CELL_BOUND_COUNT * sizeof(uint64_t));
  UP_ABI_ASSERT(84 + 42 + 21 + 10 + 5 + 3 + 1 + 1 + 1 == UP_DURATION_CELL_BOUND_COUNT);
  uint64_t below = 0;
  UP_SEARCH_STEP(bounds, below, 84, ns);
  UP_SEARCH_STEP(bounds, below, 42, ns);
  UP_SEARCH_STEP(bounds, below, 21, ns);
  UP_SEARCH_STEP(bounds, below, 10, ns);
  UP_SEARCH_STEP(bounds, below, 5, ns);
  UP_SEARCH_STEP(bounds, below, 3, ns);
  UP_SEARCH_STEP(bounds, below, 1, ns);
  UP_SEARCH_STEP(bounds, below, 1, ns);
  UP_SEARCH_STEP(bounds, below, 1, ns);
  return below;
}

#endif /* UPROBED_BPF_ABI_DURATION_CELLS_H_ */
