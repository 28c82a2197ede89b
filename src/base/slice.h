/* A borrowed run of bytes: pointer and length, never NUL-terminated, never owned.
 *
 * Lifetime: as long as whatever it points into; every function that keeps a slice says so and copies it.
 * Command arguments are slices into the input buffer: valid until the command returns. */
#ifndef TANDEM_BASE_SLICE_H
#define TANDEM_BASE_SLICE_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>
#include <strings.h>

typedef struct slice {
    const char *p;
    size_t n;
} slice;

#define SLICE(literal) ((slice){(literal), sizeof(literal) - 1})

/* For "%.*s", which counts with an int, as printf does what it prints in all: three of the longest fit. */
#define SLICE_ARGS(s) (int)((s).n < INT_MAX / 4 ? (s).n : INT_MAX / 4), (s).p

static inline slice slice_of(const char *cstr) {
    return (slice){cstr, strlen(cstr)};
}

static inline bool slice_eq(slice a, slice b) {
    return a.n == b.n && memcmp(a.p, b.p, a.n) == 0;
}

/* The order of the bytes; what the other begins with comes first. */
static inline int slice_cmp(slice a, slice b) {
    int d = memcmp(a.p, b.p, a.n < b.n ? a.n : b.n);
    return d ? d : (a.n > b.n) - (a.n < b.n);
}

/* Without the characters of `what` at both ends. */
static inline slice slice_trim(slice s, const char *what) {
    size_t kinds = strlen(what);
    while (s.n && memchr(what, s.p[0], kinds)) s.p++, s.n--;
    while (s.n && memchr(what, s.p[s.n - 1], kinds)) s.n--;
    return s;
}

/* ASCII case-insensitive comparison with a NUL-terminated word (option names, subcommands). */
static inline bool slice_is(slice a, const char *word) {
    /* What a holds may have NULs in it: never index word by a.n. */
    return strlen(word) == a.n && strncasecmp(a.p, word, a.n) == 0;
}

#endif
