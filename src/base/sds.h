/* Growable byte strings: a char pointer to the bytes, a header before them, a NUL behind them.
 *
 * Ownership: the holder of the pointer frees it with sds_free. Functions that may move the string return the
 * new pointer, which replaces the old: `s = sds_cat(s, ...)`. Bytes may be binary; sds_len is the truth.
 * Lengths are bytes. Out of memory aborts (alloc.h). */
#ifndef TANDEM_BASE_SDS_H
#define TANDEM_BASE_SDS_H

#include "base/slice.h"
#include <stdarg.h>

typedef char *sds;

sds sds_new(const char *cstr);
sds sds_newlen(const void *p, size_t n); /* p may be NULL: n uninitialised bytes */
sds sds_empty(void);
sds sds_dup(sds s);
void sds_free(sds s); /* NULL is fine */

size_t sds_len(const char *s);
size_t sds_room(const char *s);        /* bytes that can be appended without moving */
size_t sds_alloc_bytes(const char *s); /* what the allocation costs, header included */
static inline slice sds_slice(const char *s) {
    return (slice){s, sds_len(s)};
}

sds sds_reserve(sds s, size_t extra); /* room for at least extra more; grows geometrically up to +1 MB */
sds sds_trim_room(sds s);             /* gives unused room back */
sds sds_grow_zero(sds s, size_t len); /* lengthen to len with zero bytes */
void sds_set_len(sds s, size_t len);  /* after writing into the room by hand; or to shorten */
sds sds_cat(sds s, const void *p, size_t n);
sds sds_cat_str(sds s, const char *cstr);
sds sds_cat_vprintf(sds s, const char *fmt, va_list ap);
sds sds_cat_printf(sds s, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
sds sds_cat_repr(sds s, const char *p, size_t n); /* quoted, with \n \r \t \a \b \" \\ and \xHH escapes */

/* Split a line into words as a shell-ish reader of config files and inline commands does: blanks separate,
 * "..." with \n \r \t \b \a \xHH escapes, '...' with \' only; a closing quote must be followed by a blank or
 * the end. Returns a vector of *count sds, freed with sds_free_words; NULL on unbalanced quotes (*count 0).
 * An empty line gives a non-NULL vector with *count 0. */
sds *sds_split_words(const char *line, size_t n, int *count);
void sds_free_words(sds *words, int count);

#endif
