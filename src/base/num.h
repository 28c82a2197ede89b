/* Numbers to and from text, exactly as Redis accepts and prints them. */
#ifndef TANDEM_BASE_NUM_H
#define TANDEM_BASE_NUM_H

#include "base/slice.h"
#include <stdint.h>

#define NUM_INT_BYTES         21   /* room for any 64-bit integer in text, sign and NUL included */
#define NUM_LONG_DOUBLE_BYTES 5120 /* room for num_format_long_double */

/* Strict signed decimal: no blanks, no '+', no leading zeros, "-0" refused; false on overflow. These are the
 * strings that may be stored as integers, because printing them gives the same bytes. */
bool num_parse_i64(slice s, int64_t *out);
/* The whole slice as a (long) double, as strtod reads it (inf and hexadecimal too); nan, leading blanks, trailing
 * bytes, overflow and underflow to zero are refused. */
bool num_parse_double(slice s, double *out);
bool num_parse_long_double(slice s, long double *out);
/* "1k" = 1000, "1kb" = 1024, m mb g gb, b or none; no digits are 0; false on anything else or overflow. */
bool num_parse_bytes(slice s, uint64_t *out);

size_t num_format_i64(char *buf, int64_t v); /* returns the length; no NUL written; room NUM_INT_BYTES */
size_t num_format_u64(char *buf, uint64_t v);
int num_digits_u64(uint64_t v);
size_t num_format_double(char *buf, size_t cap, double v); /* %.17g, inf, -inf: RESP3 and scores */
/* %.17Lf without trailing zeros: INCRBYFLOAT. */
size_t num_format_long_double(char *buf, size_t cap, long double v);
size_t num_format_bytes_human(char *buf, size_t cap, uint64_t n); /* 1.50M, as INFO's *_human */

#endif
