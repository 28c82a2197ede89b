/* What the bitmap commands share. */
#ifndef TANDEM_COMMAND_BITMAP_CMD_H
#define TANDEM_COMMAND_BITMAP_CMD_H

#include "command/command.h"
#include "keyspace/str.h"

/* The number of a bit; false and an error when it isn't one. width above 0: "#n" is n times as far, as in BITFIELD. */
bool bitmap_offset(struct client *c, slice s, int width, uint64_t *offset);

/* A string whose bits are about to be set, so long that the bit `last` is there. */
struct bitmap {
    char *bytes;
    size_t n;
    bool grown; /* it was made, or became longer */
};
/* False: the key holds something else, and that has been replied. */
bool bitmap_to_change(struct client *c, slice key, uint64_t last, struct bitmap *b);

#endif
