/* A TCP proxy that does harm on request: cuts, stalls, splits, throttles, corrupts. A process of its own between a replica and its primary.
 *
 * "Down" is what the server behind it (the primary) sends, "up" what the client (the replica) sends. Orders take effect at
 * once and last until changed; counters are live. Ends with the test (PR_SET_PDEATHSIG). */
#ifndef TANDEM_TESTS_PROXY_H
#define TANDEM_TESTS_PROXY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct proxy_shared; /* memory of both processes */

enum { PROXY_FATES = 128, PROXY_SAID_BYTES = 16384 };

enum proxy_end {
    PROXY_FIN,    /* both sides read the end of the stream */
    PROXY_RST,    /* both sides read an error */
    PROXY_SILENCE /* both sides wait */
};

/* What is to become of a connection once exactly so many bytes of that direction have passed. */
struct proxy_fate {
    enum proxy_end end;
    bool down;
    int64_t bytes;
};

struct proxy {
    pid_t pid;
    int port; /* connect here */
    struct proxy_shared *shared;
};

struct proxy *proxy_start(int target_port);
void proxy_stop(struct proxy *p);

void proxy_target(struct proxy *p, int port);         /* where new connections go; the living ones stay */
void proxy_cut(struct proxy *p);                      /* closes all connections now (RST or FIN by turns) */
void proxy_cut_after(struct proxy *p, int64_t bytes); /* cuts once so many more bytes went down; -1: never */
void proxy_refuse(struct proxy *p, bool on);          /* new connections are closed at once */
void proxy_stall(struct proxy *p, bool on);           /* nothing moves, connections stay */
void proxy_split(struct proxy *p, int max_bytes);     /* at most so many bytes a write; 0: no limit */
/* Of each connection that is new from now on, only so many lines that are not empty go down, and so many bytes behind
 * them; the rest waits until more is allowed. -1 lines: no limit. */
void proxy_hold(struct proxy *p, int lines, int64_t bytes);
void proxy_throttle(struct proxy *p, int64_t bytes_per_s); /* 0: no limit */
void proxy_corrupt_at(struct proxy *p,
                      int64_t byte); /* flips a bit of the n-th byte down of each connection; -1: none */

/* The next n connections (at most PROXY_FATES) meet these, one each; those after them pass. One that ends before its fate
 * strikes leaves it to the next one. All earlier ones must have been met. */
void proxy_fates(struct proxy *p, const struct proxy_fate *fates, int n);
int proxy_fates_met(struct proxy *p); /* struck, and gone since: after silence, given up by the client */
/* The first bytes that the newest connection has carried in that direction, at most PROXY_SAID_BYTES. */
size_t proxy_said(struct proxy *p, bool down, char *buf, size_t cap);

uint64_t proxy_bytes_down(struct proxy *p); /* since the start, all connections */
uint64_t proxy_connections(struct proxy *p);
uint64_t proxy_cuts(struct proxy *p); /* cuts that closed a living connection */

#endif
