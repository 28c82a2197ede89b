/* HyperLogLog: see hll.h. The estimator is Ertl's ("New cardinality estimation algorithms for HyperLogLog sketches").
 *
 * A change of a sparse one rewrites the run its register is in, and then joins neighbours of equal value, at most five
 * runs from the one before: the same steps as Redis's, because the same bytes are to come out. */
#include "base/hll.h"

#include "base/assert.h"

#include <math.h>

enum { INDEX_BITS = 14, HASH_BITS = 64 - INDEX_BITS, VALUE_MAX = 63 };
enum { DENSE = 0, SPARSE = 1 };
enum { ZERO_MAX = 64, XZERO_MAX = 16384, VAL_MAX_VALUE = 32, VAL_MAX_RUN = 4 };

/* --- header --- */

sds hll_new(void) {
    static const unsigned char empty[] = {'H', 'Y', 'L', 'L', SPARSE, 0, 0, 0,    0,
                                          0,   0,   0,   0,   0,      0, 0, 0x7f, 0xff};
    return sds_newlen(empty, sizeof empty);
}

bool hll_is(slice s) {
    if (s.n < HLL_HEADER_BYTES || memcmp(s.p, "HYLL", 4) != 0 || (unsigned char)s.p[4] > SPARSE) return false;
    return s.p[4] == SPARSE || s.n == HLL_DENSE_BYTES;
}

bool hll_is_dense(slice s) {
    return s.p[4] == DENSE;
}

bool hll_cached(slice s, uint64_t *count) {
    *count = 0;
    for (int i = 7; i >= 0; i--) *count = *count << 8 | (unsigned char)s.p[8 + i];
    return !((unsigned char)s.p[15] & 0x80);
}

void hll_cache(char *p, uint64_t count) {
    for (int i = 0; i < 8; i++) p[8 + i] = (char)(count >> (8 * i));
}

void hll_uncache(char *p) {
    p[15] = (char)((unsigned char)p[15] | 0x80);
}

/* --- elements --- */

/* MurmurHash64A with Redis's seed. */
static uint64_t hash_of(slice s) {
    const uint64_t m = 0xc6a4a7935bd1e995u;
    uint64_t h = 0xadc83b19u ^ (s.n * m);
    const unsigned char *p = (const unsigned char *)s.p;
    size_t left = s.n;
    for (; left >= 8; p += 8, left -= 8) {
        uint64_t k;
        memcpy(&k, p, 8);
        k *= m;
        k ^= k >> 47;
        h = (h ^ k * m) * m;
    }
    if (left > 0) {
        uint64_t k = 0;
        memcpy(&k, p, left);
        h = (h ^ k) * m;
    }
    h = (h ^ h >> 47) * m;
    return h ^ h >> 47;
}

/* The register an element belongs to, and the length of its run of zeros, the one behind it included. */
static unsigned pattern_of(slice element, unsigned *reg) {
    uint64_t h = hash_of(element);
    *reg = (unsigned)(h & (HLL_REGISTERS - 1));
    return (unsigned)__builtin_ctzll(h >> INDEX_BITS | (uint64_t)1 << HASH_BITS) + 1;
}

/* --- dense --- */

static unsigned dense_get(const char *p, unsigned reg) {
    const unsigned char *b = (const unsigned char *)p + HLL_HEADER_BYTES + reg * 6 / 8;
    unsigned shift = reg * 6 % 8, w = b[0];
    if (shift > 2) w |= (unsigned)b[1] << 8;
    return w >> shift & VALUE_MAX;
}

static int dense_set(char *p, unsigned reg, unsigned value) {
    if (value <= dense_get(p, reg)) return 0;
    unsigned char *b = (unsigned char *)p + HLL_HEADER_BYTES + reg * 6 / 8;
    unsigned shift = reg * 6 % 8, mask = (unsigned)VALUE_MAX << shift, bits = value << shift;
    b[0] = (unsigned char)((b[0] & ~mask) | bits);
    if (shift > 2) b[1] = (unsigned char)((b[1] & ~(mask >> 8)) | bits >> 8);
    return 1;
}

/* --- sparse --- */

struct run {
    unsigned length, value; /* registers; 0: zeros */
    unsigned bytes;
};

/* False at the end, or when the opcode is cut. */
static bool run_at(slice s, size_t at, struct run *r) {
    if (at >= s.n) return false;
    unsigned char b = (unsigned char)s.p[at];
    if (b & 0x80) {
        *r = (struct run){(b & 3u) + 1, (b >> 2 & 31u) + 1, 1};
    } else if (b & 0x40) {
        if (at + 1 >= s.n) return false;
        *r = (struct run){((b & 63u) << 8 | (unsigned char)s.p[at + 1]) + 1, 0, 2};
    } else {
        *r = (struct run){b + 1u, 0, 1};
    }
    return true;
}

static unsigned put_run(unsigned char *to, unsigned length, unsigned value) {
    if (length == 0) return 0;
    if (value > 0) {
        to[0] = (unsigned char)(0x80 | (value - 1) << 2 | (length - 1));
        return 1;
    }
    if (length <= ZERO_MAX) {
        to[0] = (unsigned char)(length - 1);
        return 1;
    }
    to[0] = (unsigned char)(0x40 | (length - 1) >> 8);
    to[1] = (unsigned char)(length - 1);
    return 2;
}

/* Replaces `old` bytes at `at`. */
static void splice(sds *s, size_t at, unsigned old, const unsigned char *with, unsigned n) {
    size_t len = sds_len(*s);
    if (n > old) *s = sds_reserve(*s, n - old);
    memmove(*s + at + n, *s + at + old, len - at - old);
    memcpy(*s + at, with, n);
    sds_set_len(*s, len + n - old);
}

static void join_neighbours(sds *s, size_t at) {
    for (int steps = 5; steps > 0; steps--) {
        struct run a, b;
        unsigned char joined;
        if (!run_at(sds_slice(*s), at, &a)) return;
        bool pair = a.value && run_at(sds_slice(*s), at + 1, &b) && a.value == b.value;
        if (pair && a.length + b.length <= VAL_MAX_RUN) {
            put_run(&joined, a.length + b.length, a.value);
            splice(s, at, 2, &joined, 1); /* and it is tried again with what follows */
        } else {
            at += a.bytes;
        }
    }
}

static int promote_and_set(sds *s, unsigned reg, unsigned value) {
    return hll_to_dense(s) ? dense_set(*s, reg, value) : -1;
}

static int sparse_set(sds *s, unsigned reg, unsigned value, size_t sparse_max) {
    size_t at = HLL_HEADER_BYTES, before = at;
    unsigned first = 0;
    struct run r;
    if (value > VAL_MAX_VALUE) return promote_and_set(s, reg, value);
    for (;; first += r.length, before = at, at += r.bytes) {
        if (!run_at(sds_slice(*s), at, &r)) return -1;
        if (reg < first + r.length) break;
    }
    if (r.value >= value) return 0;
    unsigned char with[5];
    unsigned n = put_run(with, reg - first, r.value);
    n += put_run(with + n, 1, value);
    n += put_run(with + n, first + r.length - 1 - reg, r.value);
    if (n > r.bytes && sds_len(*s) + n - r.bytes > sparse_max) return promote_and_set(s, reg, value);
    splice(s, at, r.bytes, with, n);
    join_neighbours(s, before);
    return 1;
}

/* Writes every register's value; false when runs are cut, or cover more or less than all registers. */
static bool sparse_registers(slice s, uint8_t registers[HLL_REGISTERS]) {
    size_t at = HLL_HEADER_BYTES;
    unsigned reg = 0;
    struct run r;
    for (; run_at(s, at, &r); at += r.bytes, reg += r.length) {
        if (r.length > HLL_REGISTERS - reg) return false;
        memset(registers + reg, (int)r.value, r.length);
    }
    return reg == HLL_REGISTERS && at == s.n;
}

sds hll_runs(slice s) {
    sds out = sds_empty();
    struct run r;
    for (size_t at = HLL_HEADER_BYTES; run_at(s, at, &r); at += r.bytes) {
        if (at > HLL_HEADER_BYTES) out = sds_cat_str(out, " ");
        if (r.value)
            out = sds_cat_printf(out, "v:%u,%u", r.value, r.length);
        else
            out = sds_cat_printf(out, "%c:%u", r.bytes == 2 ? 'Z' : 'z', r.length);
    }
    return out;
}

/* --- both --- */

bool hll_to_dense(sds *s) {
    uint8_t registers[HLL_REGISTERS];
    if (hll_is_dense(sds_slice(*s))) return true;
    if (!sparse_registers(sds_slice(*s), registers)) return false;
    sds_set_len(*s, HLL_HEADER_BYTES);
    *s = sds_grow_zero(*s, HLL_DENSE_BYTES);
    (*s)[4] = DENSE;
    for (unsigned i = 0; i < HLL_REGISTERS; i++) dense_set(*s, i, registers[i]);
    return true;
}

int hll_set(sds *s, unsigned reg, unsigned value, size_t sparse_max) {
    if (hll_is_dense(sds_slice(*s))) return dense_set(*s, reg, value);
    return sparse_set(s, reg, value, sparse_max);
}

int hll_add(sds *s, slice element, size_t sparse_max) {
    unsigned reg, value = pattern_of(element, &reg);
    return hll_set(s, reg, value, sparse_max);
}

int hll_add_dense(char *p, slice element) {
    unsigned reg, value = pattern_of(element, &reg);
    return dense_set(p, reg, value);
}

bool hll_merge(uint8_t registers[HLL_REGISTERS], slice s) {
    uint8_t mine[HLL_REGISTERS];
    if (hll_is_dense(s))
        for (unsigned i = 0; i < HLL_REGISTERS; i++) mine[i] = (uint8_t)dense_get(s.p, i);
    else if (!sparse_registers(s, mine))
        return false;
    for (unsigned i = 0; i < HLL_REGISTERS; i++)
        if (mine[i] > registers[i]) registers[i] = mine[i];
    return true;
}

/* --- counting --- */

static double sigma(double x) {
    if (x == 1.) return INFINITY;
    double y = 1, z = x, last;
    do {
        x *= x;
        last = z;
        z += x * y;
        y += y;
    } while (last != z);
    return z;
}

static double tau(double x) {
    if (x == 0. || x == 1.) return 0.;
    double y = 1, z = 1 - x, last;
    do {
        x = sqrt(x);
        last = z;
        y *= 0.5;
        z -= pow(1 - x, 2) * y;
    } while (last != z);
    return z / 3;
}

uint64_t hll_count(const uint8_t registers[HLL_REGISTERS]) {
    unsigned with_value[VALUE_MAX + 1] = {0};
    const double m = HLL_REGISTERS;
    for (unsigned i = 0; i < HLL_REGISTERS; i++) with_value[registers[i]]++;
    double z = m * tau((m - with_value[HASH_BITS + 1]) / m);
    for (int v = HASH_BITS; v >= 1; v--) z = (z + with_value[v]) * 0.5;
    z += m * sigma(with_value[0] / m);
    return (uint64_t)llroundl(0.721347520444481703680 * m * m / z);
}
