/* Former names of a history, and their text: " <replid> <number>" pairs, as in +CONTINUE to our own kind and in the marks of
 * append-only files. */
#ifndef TANDEM_REPL_PAST_H
#define TANDEM_REPL_PAST_H

#include "base/slice.h"

#include <stdbool.h>
#include <stdint.h>

#define REPLID_CHARS        40
#define REPL_PAST_MAX       8  /* former names of our history that we answer to */
#define REPL_PAST_TEXT_MAX  62 /* bytes of one pair's text */
#define REPL_PAST_TEXTS_MAX (REPL_PAST_MAX * REPL_PAST_TEXT_MAX + 1)

struct repl_past { /* true of what lies before offset `end` */
    char id[REPLID_CHARS + 1];
    int64_t end;
};

/* 40 hex digits, small letters: what a history can be called. Peers may send anything. */
bool past_is_id(slice s);
/* Writes n pairs and a NUL into at least n * REPL_PAST_TEXT_MAX + 1 bytes; returns the text's length. */
size_t past_format(char *buf, const struct repl_past *past, int n);
/* Reads all pairs of the text. Returns their number, -1 when it is anything else or has more than max of them. */
int past_parse(slice text, struct repl_past *past, int max);

#endif
