/* The last resynchronisations: who, when, partial or full, why in numbers, how long, how many bytes. Ours as a master
 * (with each replica) and as a replica (with our master) stand in one list.
 *
 * Pure: no clock, no socket, no log. The list is a ring: a record that was pushed out is not found any more, and what is
 * told about it later is dropped. Times are wall-clock milliseconds, given by the caller. */
#ifndef TANDEM_REPL_RESYNC_H
#define TANDEM_REPL_RESYNC_H

#include "base/slice.h"
#include <stdint.h>

enum { RESYNCS_KEPT = 64, RESYNC_WHO_BYTES = 96, RESYNC_WHY_BYTES = 320, RESYNC_FAILURE_BYTES = 160 };

enum resync_cause {
    RESYNC_HELD,          /* partial: all that is missing is held */
    RESYNC_FIRST,         /* the replica named no history, or one with nothing in it */
    RESYNC_OTHER_HISTORY, /* it named one that the master never had */
    RESYNC_DIVERGED,      /* it named the master's former one, and has more of it than the master */
    RESYNC_TOO_OLD,       /* what it asks for is no longer held */
    RESYNC_AHEAD,         /* it asks for what was never written */
    RESYNC_NO_LOG,        /* the master keeps no history at all */
    RESYNC_CAUSES
};

/* What PSYNC asked, and what the master holds. As a replica we know of the master only what its answer says: its history
 * and its end; oldest is 0 then. */
struct resync_case {
    char asked_id[41]; /* "": none */
    int64_t asked;     /* first offset wanted */
    char id[41], id2[41];
    int64_t
        id2_limit; /* offsets of id2 (a former name of its history) up to here may be asked for; < 0: no such name */
    bool has_log;
    int64_t oldest, end; /* first and last offset held; oldest 0: not known */
};

struct resync {
    uint64_t id;                  /* counts from 1 */
    int64_t started_ms, ended_ms; /* ended 0: still under way */
    bool as_master, full, ok;
    char who[RESYNC_WHO_BYTES];
    enum resync_cause cause;
    struct resync_case asked;
    uint64_t missing_bytes; /* by so much the history fell short; 0 where that makes no sense */
    uint64_t bytes;         /* of data sent or received for it */
    uint64_t peak_bytes;    /* most of the log that was kept for it, at once */
    char why[RESYNC_WHY_BYTES];
    char failure[RESYNC_FAILURE_BYTES]; /* ended and not ok */
};

/* Why it could not be partial (or RESYNC_HELD), from the facts alone; *missing as above. */
enum resync_cause resync_judge(const struct resync_case *q, uint64_t *missing);
/* The same in words and numbers, from the master's or the replica's side. */
void resync_explain(char out[RESYNC_WHY_BYTES], enum resync_cause cause, const struct resync_case *q,
                    uint64_t missing, bool as_master);
const char *resync_cause_word(enum resync_cause cause); /* "too-old", for programs */

/* A new record: judged and explained. Returns its id. */
uint64_t resync_begin(bool as_master, bool full, const char *who, const struct resync_case *q,
                      int64_t now_ms);
struct resync *resync_find(uint64_t id); /* NULL: 0, or pushed out */
/* failure NULL: it succeeded. A record that has ended stays as it is. */
void resync_end(uint64_t id, const char *failure, int64_t now_ms);
int resync_count(void);                    /* records kept */
const struct resync *resync_nth(int back); /* 0: the newest; NULL beyond the last */

#endif
