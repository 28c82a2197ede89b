/* The directive notify-keyspace-events: letters for classes of events, and K and E for the two kinds of channels.
 *
 * It is shown in Redis's form: A for all classes but m and n, and n left out beside an A. */
#include "server/config_internal.h"

#include "keyspace/db.h"

static const struct {
    char letter;
    unsigned classes;
} letters[] = {{'A', NOTIFY_ALL},      {'g', NOTIFY_GENERIC},  {'$', NOTIFY_STRING},  {'l', NOTIFY_LIST},
               {'s', NOTIFY_SET},      {'h', NOTIFY_HASH},     {'z', NOTIFY_ZSET},    {'x', NOTIFY_EXPIRED},
               {'e', NOTIFY_EVICTED},  {'t', NOTIFY_STREAM},   {'d', NOTIFY_MODULE},  {'n', NOTIFY_NEW},
               {'K', NOTIFY_KEYSPACE}, {'E', NOTIFY_KEYEVENT}, {'m', NOTIFY_KEY_MISS}};

enum { LETTERS = sizeof letters / sizeof *letters };

const char *events_set(const slice *argv, int argc) {
    unsigned classes = 0;
    if (argc != 1) return "wrong number of arguments";
    for (size_t i = 0; i < argv[0].n; i++) {
        int at = 0;
        while (at < LETTERS && letters[at].letter != argv[0].p[i]) at++;
        if (at == LETTERS) return "Invalid event class character. Use 'Ag$lshzxeKEtmdn'.";
        classes |= letters[at].classes;
    }
    ks_config.notify_events = classes;
    return NULL;
}

sds events_get(sds out) {
    unsigned left = ks_config.notify_events;
    bool all = (left & NOTIFY_ALL) == NOTIFY_ALL;
    if (all) left &= ~(unsigned)NOTIFY_NEW;
    for (int i = all ? 0 : 1; i < LETTERS; i++) {
        if (!(left & letters[i].classes)) continue;
        out = sds_cat(out, &letters[i].letter, 1);
        left &= ~letters[i].classes;
    }
    return out;
}
