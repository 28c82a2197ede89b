/* What SCAN, HSCAN, SSCAN and ZSCAN have in common: the cursor, the options, and what a step has found.
 *
 * A step's result names the next cursor before its elements, so what a walk finds is noted first (scan_add), as slices
 * into the values: nothing may change until scan_reply_found has sent them. */
#ifndef TANDEM_COMMAND_SCAN_H
#define TANDEM_COMMAND_SCAN_H

#include "command/command.h"

struct scan {
    uint64_t cursor;
    int64_t count;   /* about how many elements to visit; 10 unless given */
    slice pattern;   /* p NULL: all */
    slice type;      /* p NULL: any */
    int64_t visited; /* a walk's callback counts here what it was shown, filtered away or not */
    slice *found;
    size_t n, cap;
};

bool scan_matches(const struct scan *w, slice name);
/* Notes a slice for the reply: a key, a member, or a field and then its value. */
void scan_add(struct scan *w, slice s);

/* Calls step until it has shown `count` elements or the cursor is 0 again. step goes on from the cursor and returns
 * the next one, as dict_scan does. */
void scan_walk(struct scan *w, uint64_t (*step)(void *of, uint64_t cursor, struct scan *w), void *of);

void scan_reply_cursor(struct client *c, uint64_t cursor); /* "*2" and the cursor; an array must follow */
void scan_reply_found(struct client *c, struct scan *w);   /* the array of what was noted; frees it */
/* HSCAN, SSCAN, ZSCAN up to their value: checks the cursor, then the key and its type, then the options, in Redis's order. NULL:
 * replied. */
struct entry *scan_entry(struct client *c, const slice *argv, int argc, enum value_type type, struct scan *w);

#endif
