/* LZF, the compression of strings inside RDB files. The format is liblzf's; both directions check every bound. */
#ifndef TANDEM_BASE_LZF_H
#define TANDEM_BASE_LZF_H

#include <stddef.h>

/* Compresses n bytes into at most cap; 0 when the result would not fit (then store it plain). */
size_t lzf_compress(const void *in, size_t n, void *out, size_t cap);
/* Expands into exactly out_n bytes; returns out_n, or 0 when the input is malformed or gives another length. */
size_t lzf_decompress(const void *in, size_t n, void *out, size_t out_n);

#endif
