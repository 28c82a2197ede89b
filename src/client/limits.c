/* Limits on output and on idleness.
 *
 * Output is looked at where it grows: after a request whose reply is longer than a chunk, after a send that left
 * something over, and by client_cron for the soft limit's seconds. */
#include "client/internal.h"

#include "base/clock.h"
#include "base/log.h"

size_t (*client_extra_output)(const struct client *c);

static struct {
    struct client *at; /* the next to look at; NULL: the first */
    int64_t last_ms;
} cron;

enum client_class client_class(const struct client *c) {
    if (c->flags & CLIENT_MASTER) return CLASS_MASTER;
    if (c->flags & CLIENT_REPLICA && !(c->flags & CLIENT_MONITOR)) return CLASS_REPLICA;
    return c->flags & CLIENT_PUBSUB ? CLASS_PUBSUB : CLASS_NORMAL;
}

static bool over_limit(struct client *c) {
    enum client_class class = client_class(c);
    const struct client_limit *limit = &client_config.limits[class == CLASS_MASTER ? CLASS_NORMAL : class];
    if (!limit->hard_bytes && !limit->soft_bytes) return false;
    size_t bytes = reply_pending(&c->out);
    if (client_extra_output) bytes += client_extra_output(c);
    if (limit->hard_bytes && bytes >= limit->hard_bytes) return true;
    if (!limit->soft_bytes || bytes < limit->soft_bytes) {
        c->soft_limit_since_ms = 0;
        return false;
    }
    int64_t now = clock_steady_ms();
    if (!c->soft_limit_since_ms) c->soft_limit_since_ms = now;
    return (now - c->soft_limit_since_ms) / 1000 > limit->soft_s; /* Redis counts whole seconds, too */
}

static bool check_output(struct client *c, const char *how) {
    if (c->flags & CLIENT_CLOSE_ASAP || c->io.fd < 0) return true;
    if (!over_limit(c)) return true;
    sds line = client_describe(sds_empty(), c);
    log_warning("Client %s %s for overcoming of output buffer limits.", line, how);
    sds_free(line);
    client_stats.output_limit_closed++;
    client_close(c);
    return false;
}

bool limits_check_output(struct client *c) {
    return check_output(c, "scheduled to be closed ASAP");
}

static void forget_peak(struct client *c) {
    enum { PEAK_S = 5 }; /* each client is looked at once a second */
    if (((uint64_t)clock_steady_ms() / 1000 + c->id) % PEAK_S == 0) c->reply_peak_bytes = 0;
}

static void check_idle(struct client *c) {
    if (client_config.timeout_s <= 0) return;
    if (c->flags &
        (CLIENT_REPLICA | CLIENT_MONITOR | CLIENT_MASTER | CLIENT_BLOCKED | CLIENT_PUBSUB | CLIENT_CLOSING))
        return;
    if (clock_steady_ms() - c->last_active_ms <= client_config.timeout_s * 1000ll) return;
    log_verbose("Closing idle client");
    client_stats.timeouts++;
    client_close(c);
}

void limits_forget(const struct client *c) {
    if (cron.at == c) cron.at = c->next;
}

/* A share of the clients in proportion to the time since the last call. */
int64_t client_cron(void) {
    int64_t now = clock_steady_ms(), elapsed_ms = now - cron.last_ms, looked = 0;
    size_t count = client_count(), share = 5 + (size_t)((double)count * (double)elapsed_ms / 1000);
    if (elapsed_ms < 0 || elapsed_ms >= 1000 || share > count) share = count;
    cron.last_ms = now;
    for (; share > 0; share--, looked++) {
        struct client *c = cron.at ? cron.at : client_first();
        if (!c) break;
        cron.at = c->next;
        check_idle(c);
        forget_peak(c);
        check_output(c, "closed");
    }
    return looked;
}
