/* Numbers to and from text. Integers are parsed and printed by hand, two digits at a time, because counters, lengths
 * and offsets pass here at every request; floating point goes through libc except for the short decimals that can be
 * shown to be exact. Everything is checked for overflow; nothing depends on the locale's digits beyond libc's "C". */
#include "base/num.h"
#include "base/alloc.h"

#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

static const char digit_pairs[201] = "00010203040506070809101112131415161718192021222324"
                                     "25262728293031323334353637383940414243444546474849"
                                     "50515253545556575859606162636465666768697071727374"
                                     "75767778798081828384858687888990919293949596979899";

/* Digits only, no leading zero unless it is the whole; 1 to 20 of them. */
static bool parse_digits(const char *p, size_t n, uint64_t *out) {
    if (n == 0 || n > 20) return false;
    uint64_t first = (uint64_t)(unsigned char)p[0] - '0';
    if (first > 9 || (first == 0 && n > 1)) return false;
    uint64_t v = first;
    size_t safe = n < 19 ? n : 19; /* 19 digits always fit */
    for (size_t i = 1; i < safe; i++) {
        unsigned d = (unsigned char)p[i] - (unsigned)'0';
        if (d > 9) return false;
        v = v * 10 + d;
    }
    if (n == 20) {
        unsigned d = (unsigned char)p[19] - (unsigned)'0';
        if (d > 9 || __builtin_mul_overflow(v, 10, &v) || __builtin_add_overflow(v, d, &v)) return false;
    }
    *out = v;
    return true;
}

bool num_parse_i64(slice s, int64_t *out) {
    uint64_t v;
    bool negative = s.n > 1 && s.p[0] == '-';
    if (!parse_digits(s.p + negative, s.n - negative, &v)) return false;
    if (negative) {
        if (v == 0 || v > (uint64_t)1 << 63) return false;
        *out = (int64_t)(0 - v);
        return true;
    }
    if (v > INT64_MAX) return false;
    *out = (int64_t)v;
    return true;
}

/* [-]digits[.digits] with at most 15 digits in all: numerator and power of ten are both exact as doubles, so one
 * correctly rounded division gives the correctly rounded result. False: leave it to libc. */
static bool parse_short_decimal(slice s, double *out) {
    static const double power_of_ten[] = {1e0, 1e1, 1e2,  1e3,  1e4,  1e5,  1e6,  1e7,
                                          1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15};
    size_t i = s.n > 0 && s.p[0] == '-';
    uint64_t v = 0;
    int digits = 0, fraction = -1;
    for (; i < s.n; i++) {
        if (s.p[i] == '.' && fraction < 0) {
            fraction = 0;
            continue;
        }
        unsigned d = (unsigned char)s.p[i] - (unsigned)'0';
        if (d > 9 || ++digits > 15) return false;
        v = v * 10 + d;
        if (fraction >= 0) fraction++;
    }
    if (digits == 0) return false;
    double r = (double)v;
    if (fraction > 0) r /= power_of_ten[fraction];
    *out = s.p[0] == '-' ? -r : r;
    return true;
}

/* What the reference refuses although strtod takes it: leading blanks, trailing bytes (an embedded NUL among them),
 * nan, and results that overflow or vanish. */
bool num_parse_double(slice s, double *out) {
    if (parse_short_decimal(s, out)) return true;
    if (s.n == 0 || isspace((unsigned char)s.p[0])) return false;
    char small[128];
    char *text = s.n < sizeof(small) ? small : mem_alloc(s.n + 1), *end;
    memcpy(text, s.p, s.n);
    text[s.n] = '\0';
    errno = 0;
    double v = strtod(text, &end);
    bool whole = end == text + s.n;
    if (text != small) mem_free(text, s.n + 1);
    if (!whole || isnan(v)) return false;
    if (errno == ERANGE && (isinf(v) || v == 0)) return false;
    *out = v;
    return true;
}

bool num_parse_long_double(slice s, long double *out) {
    char text[NUM_LONG_DOUBLE_BYTES], *end;
    if (s.n == 0 || s.n >= sizeof(text) || isspace((unsigned char)s.p[0])) return false;
    memcpy(text, s.p, s.n);
    text[s.n] = '\0';
    errno = 0;
    long double v = strtold(text, &end);
    if (end != text + s.n || isnan(v)) return false;
    if (errno == ERANGE && (isinf(v) || v == 0)) return false;
    *out = v;
    return true;
}

bool num_parse_bytes(slice s, uint64_t *out) {
    static const struct {
        const char *name;
        uint64_t bytes;
    } units[] = {{"", 1},        {"b", 1},        {"k", 1000},       {"kb", 1 << 10},
                 {"m", 1000000}, {"mb", 1 << 20}, {"g", 1000000000}, {"gb", 1 << 30}};
    uint64_t v = 0;
    size_t i = 0;
    for (; i < s.n && s.p[i] >= '0' && s.p[i] <= '9'; i++) {
        uint64_t d = (uint64_t)(s.p[i] - '0');
        if (__builtin_mul_overflow(v, 10, &v) || __builtin_add_overflow(v, d, &v)) return false;
    }
    slice unit = {s.p + i, s.n - i};
    for (size_t u = 0; u < sizeof(units) / sizeof(units[0]); u++) {
        if (slice_is(unit, units[u].name)) return !__builtin_mul_overflow(v, units[u].bytes, out);
    }
    return false;
}

int num_digits_u64(uint64_t v) {
    static const uint64_t power_of_ten[] = {0,
                                            10u,
                                            100u,
                                            1000u,
                                            10000u,
                                            100000u,
                                            1000000u,
                                            10000000u,
                                            100000000u,
                                            1000000000u,
                                            10000000000u,
                                            100000000000u,
                                            1000000000000u,
                                            10000000000000u,
                                            100000000000000u,
                                            1000000000000000u,
                                            10000000000000000u,
                                            100000000000000000u,
                                            1000000000000000000u,
                                            10000000000000000000u};
    int bits = 64 - __builtin_clzll(v | 1);
    int guess = bits * 1233 >> 12; /* floor(bits * log10(2)), right or one too many */
    return guess + 1 - (v < power_of_ten[guess]);
}

size_t num_format_u64(char *buf, uint64_t v) {
    if (v < 10) {
        buf[0] = (char)('0' + v);
        return 1;
    }
    size_t n = (size_t)num_digits_u64(v);
    char *at = buf + n;
    while (v >= 100) {
        uint64_t q = v / 100;
        at -= 2;
        memcpy(at, digit_pairs + (v - q * 100) * 2, 2);
        v = q;
    }
    if (v >= 10) {
        memcpy(at - 2, digit_pairs + v * 2, 2);
    } else {
        at[-1] = (char)('0' + v);
    }
    return n;
}

size_t num_format_i64(char *buf, int64_t v) {
    if (v >= 0) return num_format_u64(buf, (uint64_t)v);
    buf[0] = '-';
    return 1 + num_format_u64(buf + 1, 0 - (uint64_t)v);
}

size_t num_format_double(char *buf, size_t cap, double v) {
    if (isnan(v)) return (size_t)snprintf(buf, cap, "nan");
    if (isinf(v)) return (size_t)snprintf(buf, cap, v > 0 ? "inf" : "-inf");
    /* Integers below 10^17 have at most 17 digits, where %.17g prints them plainly. */
    if (v > -1e17 && v < 1e17 && v == (double)(int64_t)v && !(v == 0 && signbit(v)) && cap >= NUM_INT_BYTES) {
        size_t n = num_format_i64(buf, (int64_t)v);
        buf[n] = '\0';
        return n;
    }
    return (size_t)snprintf(buf, cap, "%.17g", v);
}

size_t num_format_long_double(char *buf, size_t cap, long double v) {
    if (isinf(v)) return (size_t)snprintf(buf, cap, v > 0 ? "inf" : "-inf");
    int n = snprintf(buf, cap, "%.17Lf", v);
    if (n < 0 || (size_t)n >= cap) return 0;
    if (memchr(buf, '.', (size_t)n)) {
        while (buf[n - 1] == '0') n--;
        if (buf[n - 1] == '.') n--;
    }
    if (n == 2 && buf[0] == '-' && buf[1] == '0') {
        buf[0] = '0';
        n = 1;
    }
    buf[n] = '\0';
    return (size_t)n;
}

size_t num_format_bytes_human(char *buf, size_t cap, uint64_t n) {
    static const char unit[] = "BKMGTP";
    int power = 0;
    while (power < 5 && n >> (10 * (power + 1)) > 0) power++;
    if (power == 0 || n >> 60 > 0) return (size_t)snprintf(buf, cap, "%lluB", (unsigned long long)n);
    return (size_t)snprintf(buf, cap, "%.2f%c", (double)n / (double)(1ull << (10 * power)), unit[power]);
}
