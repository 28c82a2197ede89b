/* Keyspace notifications: an event of the key space as two messages, to the channel of the key and to that of the event.
 * Which classes of events come here at all is decided before, by one test (ks_notify). */
#include "command/command.h"

#include "base/num.h"
#include "base/sds.h"
#include "command/pubsub.h"

static sds channel_name(sds name, const char *kind, int dbid, slice what) {
    char digits[NUM_INT_BYTES];
    sds_set_len(name, 0);
    name = sds_cat_str(name, kind);
    name = sds_cat(name, digits, num_format_i64(digits, dbid));
    name = sds_cat(name, "__:", 3);
    return sds_cat(name, what.p, what.n);
}

void notify_event(enum ks_notify_class cls, const char *event, slice key, int dbid) {
    enum { KEPT_BYTES = 1024 };
    static sds name;
    (void)cls;
    if (!pubsub_is_heard()) return;
    if (!name) name = sds_empty();
    if (ks_config.notify_events & NOTIFY_KEYSPACE) {
        name = channel_name(name, "__keyspace@", dbid, key);
        pubsub_publish(sds_slice(name), slice_of(event), false);
    }
    if (ks_config.notify_events & NOTIFY_KEYEVENT) {
        name = channel_name(name, "__keyevent@", dbid, slice_of(event));
        pubsub_publish(sds_slice(name), key, false);
    }
    if (sds_alloc_bytes(name) <= KEPT_BYTES) return;
    sds_free(name);
    name = NULL;
}
