/* What was refused, the latest first.
 *
 * Invariant: never more than acl_config.log_max entries. Refusals of the same thing to the same user within a minute are one
 * entry with a count, when it is among the latest few: a client that tries again and again doesn't wash the others out. */
#include "server/acl.h"

#include "base/alloc.h"
#include "base/clock.h"

enum { GROUPING_MS = 60000, GROUPING_ENTRIES = 10 };

struct acl_stats acl_stats;

static struct {
    struct acl_entry *first, *last;
    size_t n;
} entries;

static void link_first(struct acl_entry *e) {
    e->prev = NULL;
    e->next = entries.first;
    if (e->next)
        e->next->prev = e;
    else
        entries.last = e;
    entries.first = e;
    entries.n++;
}

static void unlink_entry(struct acl_entry *e) {
    if (e->prev)
        e->prev->next = e->next;
    else
        entries.first = e->next;
    if (e->next)
        e->next->prev = e->prev;
    else
        entries.last = e->prev;
    entries.n--;
}

static void drop_last(void) {
    struct acl_entry *e = entries.last;
    unlink_entry(e);
    sds_free(e->object);
    sds_free(e->user);
    sds_free(e->client);
    mem_free(e, sizeof *e);
}

static struct acl_entry *find_like(enum acl_verdict reason, enum acl_context context, slice object,
                                   slice user) {
    struct acl_entry *e = entries.first;
    for (int i = 0; e && i < GROUPING_ENTRIES; i++, e = e->next)
        if (e->reason == reason && e->context == context && clock_ms() - e->time_ms <= GROUPING_MS &&
            slice_eq(sds_slice(e->object), object) && slice_eq(sds_slice(e->user), user))
            return e;
    return NULL;
}

void acl_log_add(enum acl_verdict reason, enum acl_context context, slice object, slice user, slice client) {
    struct acl_entry *e = find_like(reason, context, object, user);
    acl_stats.denied[reason]++;
    if (e) {
        unlink_entry(e);
        sds_free(e->client);
    } else {
        e = mem_zalloc(sizeof *e);
        e->reason = reason;
        e->context = context;
        e->object = sds_newlen(object.p, object.n);
        e->user = sds_newlen(user.p, user.n);
    }
    e->client = sds_newlen(client.p, client.n);
    e->time_ms = clock_ms();
    e->count++;
    link_first(e);
    acl_log_trim();
}

const struct acl_entry *acl_log_first(void) {
    return entries.first;
}

size_t acl_log_count(void) {
    return entries.n;
}

void acl_log_reset(void) {
    while (entries.n) drop_last();
}

void acl_log_trim(void) {
    while (entries.n > acl_config.log_max) drop_last();
}

const char *acl_reason_name(enum acl_verdict reason) {
    static const char *const names[] = {[ACL_ALLOWED] = "unknown",
                                        [ACL_DENIED_COMMAND] = "command",
                                        [ACL_DENIED_KEY] = "key",
                                        [ACL_DENIED_AUTH] = "auth",
                                        [ACL_DENIED_CHANNEL] = "channel"};
    return names[reason];
}

const char *acl_context_name(enum acl_context context) {
    return context == ACL_CONTEXT_MULTI ? "multi" : "toplevel";
}
