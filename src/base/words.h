/* One word at a time out of a line, in the grammar of sds_split_words (sds.h), without allocation. */
#ifndef TANDEM_BASE_WORDS_H
#define TANDEM_BASE_WORDS_H

#include <stddef.h>

enum word_status { WORD_OK, WORD_END, WORD_UNBALANCED };

/* Skips blanks from *at and reads the next word into out, its length into *n; *at moves behind it. A word is never
 * longer than its source, and out may be anywhere up to *at: a line can be split in place by giving each word the
 * place behind the one before. WORD_END: nothing but blanks was left. */
enum word_status word_next(const char **at, const char *end, char *out, size_t *n);

#endif
