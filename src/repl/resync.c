/* The list of resynchronisations and the reasons for them. See resync.h.
 *
 * Invariant: records lie in the ring by their id, so that the one with id n is at n % RESYNCS_KEPT or gone. */
#include "repl/resync.h"

#include "repl/say.h"
#include <stdio.h>
#include <string.h>

typedef long long ll;

static struct {
    struct resync kept[RESYNCS_KEPT];
    uint64_t last_id; /* 0: none yet */
} ring;

/* --- reasons --- */

/* The rules of PSYNC: our history at any offset, our former one up to where it ended for us; and the bytes must be held.
 * What a replica asks for is the byte behind its last one, so end + 1 is nothing missing. */
enum resync_cause resync_judge(const struct resync_case *q, uint64_t *missing) {
    *missing = 0;
    if (!q->asked_id[0]) return RESYNC_FIRST;
    bool current = strcasecmp(q->asked_id, q->id) == 0;
    if (!current) {
        if (q->asked <= 1) return RESYNC_FIRST; /* a name of its own, with nothing in it */
        if (q->id2_limit < 0 || strcasecmp(q->asked_id, q->id2) != 0) return RESYNC_OTHER_HISTORY;
        if (q->asked > q->id2_limit) {
            *missing = (uint64_t)(q->asked - q->id2_limit);
            return RESYNC_DIVERGED;
        }
    }
    if (!q->has_log) return RESYNC_NO_LOG;
    if (q->asked > q->end + 1) {
        *missing = (uint64_t)(q->asked - q->end - 1);
        return RESYNC_AHEAD;
    }
    if (q->oldest == 0) { /* as a replica: the master has said no, and it was not for these reasons */
        *missing = (uint64_t)q->end + 1 - (uint64_t)q->asked;
        return RESYNC_TOO_OLD;
    }
    if (q->asked >= q->oldest) return RESYNC_HELD;
    *missing = (uint64_t)q->oldest - (uint64_t)q->asked; /* what is asked for may be any number */
    return RESYNC_TOO_OLD;
}

const char *resync_cause_word(enum resync_cause cause) {
    static const char *const words[RESYNC_CAUSES] = {
        [RESYNC_HELD] = "held",         [RESYNC_FIRST] = "first",
        [RESYNC_DIVERGED] = "diverged", [RESYNC_OTHER_HISTORY] = "other-history",
        [RESYNC_TOO_OLD] = "too-old",   [RESYNC_AHEAD] = "ahead",
        [RESYNC_NO_LOG] = "no-log"};
    return words[cause];
}

static void explain_as_master(char *out, size_t cap, enum resync_cause cause, const struct resync_case *q,
                              uint64_t missing) {
    struct said by = say_bytes(missing);
    int n;
    switch (cause) {
    case RESYNC_HELD:
        snprintf(out, cap, "asked for offset %lld; held are %lld to %lld", (ll)q->asked, (ll)q->oldest,
                 (ll)q->end);
        break;
    case RESYNC_FIRST: snprintf(out, cap, "the replica has no history to go on with"); break;
    case RESYNC_OTHER_HISTORY:
        n = snprintf(out, cap, "asked for offset %lld of history %s; ours is %s at %lld", (ll)q->asked,
                     q->asked_id, q->id, (ll)q->end);
        if (q->id2_limit > 0)
            snprintf(out + n, cap - (size_t)n, ", before that %s up to %lld", q->id2, (ll)q->id2_limit - 1);
        break;
    case RESYNC_DIVERGED:
        snprintf(out, cap,
                 "asked for offset %lld of our former history %s, which is ours up to %lld only: %s of the "
                 "replica's data are not",
                 (ll)q->asked, q->asked_id, (ll)q->id2_limit - 1, by.s);
        break;
    case RESYNC_TOO_OLD:
        snprintf(out, cap, "asked for offset %lld; the oldest held is %lld: missing by %llu bytes (%s)",
                 (ll)q->asked, (ll)q->oldest, (unsigned long long)missing, by.s);
        break;
    case RESYNC_AHEAD:
        snprintf(out, cap, "asked for offset %lld; the last one written is %lld: ahead by %llu bytes (%s)",
                 (ll)q->asked, (ll)q->end, (unsigned long long)missing, by.s);
        break;
    default: snprintf(out, cap, "asked for offset %lld; no history is kept here", (ll)q->asked);
    }
}

static void explain_as_replica(char *out, size_t cap, enum resync_cause cause, const struct resync_case *q,
                               uint64_t missing) {
    struct said by = say_bytes(missing);
    switch (cause) {
    case RESYNC_HELD: snprintf(out, cap, "the master holds all from offset %lld on", (ll)q->asked); break;
    case RESYNC_FIRST: snprintf(out, cap, "we had no history to go on with"); break;
    case RESYNC_OTHER_HISTORY:
    case RESYNC_DIVERGED:
        snprintf(out, cap, "we asked for offset %lld of history %s; the master's is %s at %lld", (ll)q->asked,
                 q->asked_id, q->id[0] ? q->id : "not named", (ll)q->end);
        break;
    case RESYNC_AHEAD:
        snprintf(out, cap, "we asked for offset %lld; the master is at %lld: we are ahead by %llu bytes (%s)",
                 (ll)q->asked, (ll)q->end, (unsigned long long)missing, by.s);
        break;
    default:
        snprintf(
            out, cap,
            "we asked for offset %lld; the master is at %lld of the same history and no longer holds the "
            "%llu bytes between (%s)",
            (ll)q->asked, (ll)q->end, (unsigned long long)missing, by.s);
    }
}

void resync_explain(char out[RESYNC_WHY_BYTES], enum resync_cause cause, const struct resync_case *q,
                    uint64_t missing, bool as_master) {
    (as_master ? explain_as_master : explain_as_replica)(out, RESYNC_WHY_BYTES, cause, q, missing);
}

/* --- the list --- */

uint64_t resync_begin(bool as_master, bool full, const char *who, const struct resync_case *q,
                      int64_t now_ms) {
    uint64_t id = ++ring.last_id;
    struct resync *r = &ring.kept[id % RESYNCS_KEPT];
    *r = (struct resync){.id = id, .started_ms = now_ms, .as_master = as_master, .full = full, .asked = *q};
    snprintf(r->who, sizeof r->who, "%s", who);
    r->cause = resync_judge(q, &r->missing_bytes);
    if (!full) {
        r->cause = RESYNC_HELD;
        r->missing_bytes = 0;
    }
    resync_explain(r->why, r->cause, q, r->missing_bytes, as_master);
    return id;
}

struct resync *resync_find(uint64_t id) {
    struct resync *r = &ring.kept[id % RESYNCS_KEPT];
    return id != 0 && r->id == id ? r : NULL;
}

void resync_end(uint64_t id, const char *failure, int64_t now_ms) {
    struct resync *r = resync_find(id);
    if (!r || r->ended_ms) return;
    r->ended_ms = now_ms > r->started_ms ? now_ms : r->started_ms;
    r->ok = failure == NULL;
    if (failure) snprintf(r->failure, sizeof r->failure, "%s", failure);
}

int resync_count(void) {
    return ring.last_id < RESYNCS_KEPT ? (int)ring.last_id : RESYNCS_KEPT;
}

const struct resync *resync_nth(int back) {
    return back >= 0 && back < resync_count() ? resync_find(ring.last_id - (uint64_t)back) : NULL;
}
