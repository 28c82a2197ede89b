/* Who stands above us: our master, its master, and so on, as far as they are of our own kind and tell (REPLCONF capa
 * tandem-chain). A server that finds itself there would follow itself: alone (REPLICAOF to its own address) or in a cycle,
 * which in Redis nobody notices. Pure.
 *
 * Each server has an id for its process. What a master tells is its own id, and behind it what its master told. */
#ifndef TANDEM_REPL_UPSTREAM_H
#define TANDEM_REPL_UPSTREAM_H

#include "base/slice.h"

enum {
    UPSTREAM_ID_CHARS = 40,
    UPSTREAM_MAX = 16,
    UPSTREAM_TEXT_MAX = UPSTREAM_MAX * (UPSTREAM_ID_CHARS + 1) + 1
};

struct upstream {
    char self[UPSTREAM_ID_CHARS + 1];
    char ids[UPSTREAM_MAX][UPSTREAM_ID_CHARS + 1]; /* our master first */
    int n;
};

void upstream_init(struct upstream *u, const char self[UPSTREAM_ID_CHARS + 1]);
void upstream_forget(struct upstream *u);
/* For who follows us: each id with a blank before it. At most UPSTREAM_MAX of them: longer chains are not looked through. */
size_t upstream_tell(const struct upstream *u, char out[UPSTREAM_TEXT_MAX]);
/* What our master told (nothing, or nonsense: it is not of our kind). Returns where we stand in it: 0 the master is
 * ourselves, n it follows us over n - 1 others, -1 nowhere. *changed: it is not what it told before. */
int upstream_hear(struct upstream *u, slice told, bool *changed);

#endif
