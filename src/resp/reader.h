/* Reading replies (RESP2 and RESP3): for the command-line client, the benchmark and the tests. Pure: no fd.
 *
 * Three layers, each usable alone: resp_scan finds where a reply ends, without storing it; resp_tree_build makes a
 * tree of the bytes of one complete reply; struct resp_reader keeps a buffer and joins both.
 * Every length is checked against the bytes that are there, nesting is bounded, and memory follows the bytes that
 * came, never a claimed count. Streamed forms ($? and *?), which Redis does not send, are refused. */
#ifndef TANDEM_RESP_READER_H
#define TANDEM_RESP_READER_H

#include "base/sds.h"
#include "resp/parser.h"

#define RESP_DEPTH_MAX 128

/* All zero: at the start of a reply. */
struct resp_scan {
    size_t pos;                   /* bytes scanned; after RESP_OK: the reply's length */
    size_t values;                /* values seen, aggregates themselves included */
    int depth;                    /* open aggregates + 1; 0 between replies */
    const char *error;            /* after RESP_BAD: what is wrong */
    int64_t left[RESP_DEPTH_MAX]; /* values still missing at each level */
};

/* Goes on scanning buf[0..len), whose first byte is the reply's first. RESP_OK, RESP_MORE or RESP_BAD. After
 * RESP_OK, resp_scan_restart makes it ready for the next reply. */
enum resp_status resp_scan(struct resp_scan *s, const char *buf, size_t len);
void resp_scan_restart(struct resp_scan *s);

struct resp_value {
    char type;                /* the wire's: + - : $ * _ , # ( = ! % ~ > */
    bool is_null;             /* $-1, *-1 and _ */
    bool boolean;             /* # */
    int64_t integer;          /* : */
    double number;            /* , (may be nan) */
    slice text;               /* what stands on the line or in the string; of = without its format */
    slice format;             /* of =: three bytes */
    struct resp_value *items; /* * ~ > and %, where keys and values alternate */
    size_t count;             /* of items */
};

/* The tree of the complete reply that `s` has just scanned in buf. Texts point into buf; attributes are left out.
 * Free with resp_tree_free(tree, s->values). */
struct resp_value *resp_tree_build(const char *buf, const struct resp_scan *s);
void resp_tree_free(struct resp_value *tree, size_t values);

/* All zero: empty. */
struct resp_reader {
    sds buf;      /* owned */
    size_t start; /* of the next reply */
    struct resp_scan scan;
    struct resp_value *tree; /* owned: of the reply returned last */
    size_t tree_values;
};
void resp_reader_feed(struct resp_reader *r, const void *p, size_t n);
/* RESP_OK: *out is the next reply, valid until the next call on r. RESP_BAD: r->scan.error says why, for good. */
enum resp_status resp_reader_next(struct resp_reader *r, const struct resp_value **out);
void resp_reader_free(struct resp_reader *r);

#endif
