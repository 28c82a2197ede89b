/* Memory of clients, and its limit (maxmemory-clients): who holds most goes first.
 *
 * While there is a limit, each client's memory is charged to a total when it may have changed: after each of its requests, and when
 * a turn has sent or read for it. Without one nothing is counted.
 *
 * Invariant, while limited: `total` is the sum of charged_bytes of all clients, and those of clients that are neither normal
 * nor subscribers, that are being closed, or that asked not to be evicted, are 0.
 * When the total reaches the limit, one walk sorts the clients by size, in powers of two, and those of the largest class are closed
 * until it is enough, then those of the next. Walks are rare, and no client carries links for them. */
#include "client/internal.h"

#include "base/log.h"

bool client_memory_limited;

static struct { uint64_t limit, total; } room;

/* Size classes: up to 32 KB, then by powers of two to 8 GB and more. */
enum { CLASS_MIN_LOG = 15, CLASS_MAX_LOG = 33, SIZE_CLASSES = CLASS_MAX_LOG - CLASS_MIN_LOG + 1 };

static int size_class(size_t bytes) {
    int log = bytes ? 63 - __builtin_clzll(bytes) : 0;
    if (log < CLASS_MIN_LOG) return 0;
    return (log < CLASS_MAX_LOG ? log : CLASS_MAX_LOG) - CLASS_MIN_LOG;
}

size_t client_memory(const struct client *c) {
    size_t n = sizeof *c + c->in_cap + reply_memory(&c->out) + resp_parser_memory(&c->parser);
    if (client_extra_output) n += client_extra_output(c);
    if (c->name) n += sds_alloc_bytes(c->name);
    if (client_hooks.memory) n += client_hooks.memory(c);
    return n;
}

static bool is_counted(const struct client *c) {
    enum client_class class = client_class(c);
    return c->io.fd >= 0 && !(c->flags & (CLIENT_CLOSE_ASAP | CLIENT_NO_EVICT)) &&
           (class == CLASS_NORMAL || class == CLASS_PUBSUB);
}

void memory_charge(struct client *c) {
    size_t bytes = is_counted(c) ? client_memory(c) : 0;
    room.total += bytes - c->charged_bytes;
    c->charged_bytes = bytes;
}

void memory_release(struct client *c) {
    room.total -= c->charged_bytes;
    c->charged_bytes = 0;
}

/* --- the limit --- */

static void evict(struct client *c) {
    sds line = client_describe(sds_empty(), c);
    log_notice("Evicting client: %s", line);
    sds_free(line);
    client_stats.evicted++;
    client_close(c);
}

void memory_evict(void) {
    if (room.total < room.limit) return;
    size_t in_class[SIZE_CLASSES] = {0};
    for (const struct client *c = client_first(); c; c = c->next)
        if (c->charged_bytes) in_class[size_class(c->charged_bytes)]++;
    for (int k = SIZE_CLASSES - 1; k >= 0 && room.total >= room.limit; k--) {
        struct client *next;
        for (struct client *c = client_first(); c && in_class[k] && room.total >= room.limit; c = next) {
            next = c->next;
            if (!c->charged_bytes || size_class(c->charged_bytes) != k) continue;
            in_class[k]--;
            evict(c);
        }
    }
}

void client_limit_memory(uint64_t bytes) {
    room.limit = bytes;
    client_memory_limited = bytes != 0;
    for (struct client *c = client_first(); c; c = c->next) {
        if (client_memory_limited)
            memory_charge(c);
        else
            memory_release(c);
    }
}
