/* How far a full synchronisation has come: its phases, what each has done of how much, how fast, how long it may take.
 *
 * Pure: the caller gives the time (wall-clock milliseconds, the loop's). One struct a transfer, embedded in its owner;
 * all zero is "none". The rate is that of the last seconds, so that a stall shows. */
#ifndef TANDEM_REPL_PROGRESS_H
#define TANDEM_REPL_PROGRESS_H

#include <stddef.h>
#include <stdint.h>

enum sync_phase {
    SYNC_NONE,
    SYNC_WAITING,  /* for a snapshot to begin: for others to join, for a slot, for another child to end */
    SYNC_SNAPSHOT, /* a snapshot to disk is being made */
    SYNC_TRANSFER, /* bytes on the way between master and replica */
    SYNC_LOADING,  /* the replica reads it in; on the master's side: until the replica says that it has it */
    SYNC_DONE,
    SYNC_PHASES
};

struct progress {
    enum sync_phase phase;
    int64_t phase_ms, spent_ms[SYNC_PHASES]; /* when the phase began; what those before took */
    uint64_t done, total;                    /* bytes of this phase; total 0: not known */
    int64_t mark_ms;                         /* the rate's: what was done at the last mark */
    uint64_t mark_done;
    double rate; /* bytes a second; 0: not known */
};

struct progress_view {
    const char *phase; /* a word for INFO */
    uint64_t done, total;
    double percent;  /* -1: not known */
    uint64_t rate;   /* bytes a second */
    int64_t left_ms; /* of this phase; -1: not known */
    int64_t phase_ms, elapsed_ms;
};

void progress_begin(struct progress *p, int64_t now_ms); /* in SYNC_WAITING */
void progress_enter(struct progress *p, enum sync_phase phase, uint64_t total, int64_t now_ms);
void progress_at(struct progress *p, uint64_t done, uint64_t total, int64_t now_ms);
struct progress_view progress_view(const struct progress *p, int64_t now_ms);

/* "transfer, 14mb of 1.2gb (1%), 85mb/s, 14 s left" */
void progress_sentence(char *out, size_t cap, const struct progress *p, int64_t now_ms);
/* "waiting 5.0 s, transfer 14 s, loading 2.1 s" */
void progress_summary(char *out, size_t cap, const struct progress *p);

#endif
