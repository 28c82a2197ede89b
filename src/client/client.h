/* A connection's life: accepted, read, parsed, executed, answered, closed.
 *
 * The turn (src/README.md): every ready socket is read into one shared arena and parsed there; when the arena is full or no
 * socket is left, the whole batch is prepared (hooks.prepare: prefetch) and executed in order (hooks.execute).
 * What is incomplete is kept in the client's own buffer, which exists only then. A client with a long pipeline has a budget of
 * requests per turn; the rest of its input waits for the next turn, after replicas and other clients.
 * Replies leave in the BEFORE_WAIT phase.
 *
 * Ownership: clients belong to this room. client_close marks; the memory goes at the end of the turn. Upper rooms hang
 * their state on `txn` and `peer` and give it back in hooks.closed.
 * Who writes to a client's `out` outside of that client's own request (messages, unblocking, replication) calls
 * client_want_write afterwards; replies to its own request are seen by themselves. Messages go by client_push.
 * Raw bytes: the requests of one client tile its input without gaps (request.raw), which is how a replica counts
 * offsets and hands the stream on byte for byte. */
#ifndef TANDEM_CLIENT_CLIENT_H
#define TANDEM_CLIENT_CLIENT_H

#include "base/sds.h"
#include "event/loop.h"
#include "event/net.h"
#include "resp/parser.h"
#include "resp/reply.h"

enum client_flags {
    CLIENT_REPLICA = 1 << 0,           /* a replica of ours; `peer` is set */
    CLIENT_MASTER = 1 << 1,            /* our master's link */
    CLIENT_MULTI = 1 << 2,             /* inside MULTI */
    CLIENT_DIRTY_CAS = 1 << 3,         /* a watched key changed: EXEC fails */
    CLIENT_DIRTY_EXEC = 1 << 4,        /* a queued command was refused: EXEC aborts */
    CLIENT_BLOCKED = 1 << 5,           /* no further request is executed until client_unblock */
    CLIENT_CLOSE_AFTER_REPLY = 1 << 6, /* no more input; closes when the output is out */
    CLIENT_CLOSE_ASAP = 1 << 7,        /* closed at the end of the turn, output dropped */
    CLIENT_UNIX = 1 << 8,
    CLIENT_REPLY_OFF = 1 << 9,
    CLIENT_REPLY_SKIP_NEXT = 1 << 10,
    CLIENT_REPLY_SKIP = 1 << 11,
    CLIENT_READONLY_CONN = 1 << 12, /* cluster READONLY flag, for CLIENT LIST */
    CLIENT_PRE_PSYNC = 1 << 13,     /* a replica that used SYNC */
    CLIENT_NO_EVICT = 1 << 14,
    CLIENT_FAKE = 1 << 15,      /* no socket: applies commands from a file (AOF) or for itself */
    CLIENT_PROTECTED = 1 << 16, /* don't free until taken off: client_protect */
    CLIENT_PUBSUB = 1 << 17,    /* has subscriptions: output limits and CLIENT LIST; command/ keeps it */
    CLIENT_MONITOR = 1 << 18,
    CLIENT_TRACKING = 1 << 19, /* client side caching; this and the next two are for CLIENT LIST: command/ */
    CLIENT_TRACKING_BROKEN = 1 << 20, /* the connection to be told has gone */
    CLIENT_TRACKING_BCAST = 1 << 21
};

struct client {
    struct ev_io io; /* io.fd is -1 for fake clients */
    uint64_t id;
    uint32_t flags;
    int db;             /* selected database */
    bool authenticated; /* false: signing in comes first; small limits for its requests */
    bool limited; /* each request has to be judged: not authenticated, or `user` may not do everything */
    struct reply_buf out; /* out.proto is the RESP version */
    struct resp_parser parser;
    char *in; /* own input: an incomplete request or what is over budget; NULL when idle */
    size_t in_pos, in_len, in_cap; /* in[in_pos..in_len) has not been executed */
    sds name;                      /* NULL: none */
    int64_t created_ms;            /* wall clock */
    int64_t last_active_ms;        /* clock_steady_ms */
    uint64_t total_in_bytes, total_out_bytes;
    const void *last_command;   /* const struct command *, of the last request */
    int64_t write_offset;       /* command/: the log's end after its last request, for WAIT */
    void *txn;                  /* command/: MULTI queue and watched keys */
    void *pubsub;               /* command/: its subscriptions */
    void *tracking;             /* command/: struct tracker, of client side caching */
    struct acl_user *user;      /* command/ (access.h): NULL may do everything (files, our master) */
    void *peer;                 /* repl/: struct peer, when CLIENT_REPLICA or during its handshake */
    struct client_block *block; /* command/ or repl/: what it waits for */
    /* A source of bytes behind `out` (a replica's log cursor or snapshot file). Called when `out` is empty and the
     * socket may take more; returns whether more is left (then EV_WRITE stays on). */
    bool (*feed)(struct client *c);
    int64_t soft_limit_since_ms; /* output soft limit exceeded since (clock_steady_ms); 0: not */
    size_t charged_bytes;        /* its part of the memory that maxmemory-clients limits */
    struct client *prev, *next;  /* all clients, oldest first */
    uint32_t reply_peak_bytes;   /* the most that waited in the first chunk of `out`, these seconds */
    uint32_t pending;            /* which of this room's lists it is on */
    struct client *next_input, *next_output;
    bool watches_read; /* client_resume_reading */
};

/* One request of a batch. argv and raw point into the input and are valid until execute returns. */
struct request {
    struct client *c;
    const slice *argv;
    int argc;
    slice raw;           /* the bytes as they came; a master's include blanks before the request */
    bool is_inline;      /* raw is not a RESP array */
    const void *command; /* filled by hooks.prepare (const struct command *), NULL: unknown */
    uint64_t hash;       /* for hooks.prepare's use between its two prefetch stages */
};

/* What a CLIENT LIST line tells that is known above. Preset to a plain client's values. */
struct client_facts {
    int subscriptions, patterns, shard_subscriptions;
    int queued; /* commands in MULTI, -1 outside */
    size_t queued_bytes;
    const char *command; /* "get", "client|list", "NULL" before the first */
    const char *user;
    int64_t redirect;
};

/* `prepare` is called for small groups just before their execution; what it sees may still not be executed (the
 * client may be closed or blocked first), so it only looks up and prefetches. `execute` may call ev_turn: then other
 * clients are served in the middle of it, but never one that has requests left in this batch.
 * Before execute, out.muted is false unless repl/ muted the link or CLIENT REPLY says otherwise; a handler
 * that clears CLIENT_REPLY_OFF and wants to reply unmutes by itself. */
struct client_hooks {
    void (*prepare)(struct request *reqs, int n); /* may be NULL */
    void (*execute)(struct client *c, struct request *r);
    void (*closing)(
        struct client *c); /* by client_close, wherever that is called; may be NULL. For who must not be seen
                                        * or counted any more while the turn goes on */
    void (*closed)(struct client *c); /* last chance to let go of txn, peer, block; called once */
    bool (*may_accept)(
        struct client *c); /* after accept: false = it was answered and is to be closed (protected mode) */
    void (*facts)(const struct client *c, struct client_facts *f); /* may be NULL */
    size_t (*memory)(
        const struct client *c); /* held for it above: MULTI's queue, subscriptions. May be NULL */
};
void client_set_hooks(const struct client_hooks *hooks);

struct client_limit { /* client-output-buffer-limit */
    uint64_t hard_bytes, soft_bytes;
    int64_t soft_s;
};
enum client_class { CLASS_NORMAL, CLASS_REPLICA, CLASS_PUBSUB, CLASS_MASTER, CLASSES };
struct client_config { /* server/config writes it */
    struct client_limit limits[CLASS_PUBSUB + 1];
    uint64_t query_buffer_bytes; /* client-query-buffer-limit */
    uint64_t max_bulk_bytes;     /* proto-max-bulk-len */
    unsigned max_clients;
    int timeout_s;
    int tcp_keepalive_s;
    int pipeline_budget; /* requests of one client per turn */
};
extern struct client_config client_config;

struct client_stats {
    uint64_t accepted, rejected, query_buffer_closed, output_limit_closed;
    uint64_t in_bytes, out_bytes; /* clients' traffic without replication */
    uint64_t reads, writes;       /* system calls */
    uint64_t timeouts;
    uint64_t evicted; /* over maxmemory-clients */
};
extern struct client_stats client_stats;

/* Registers the phases' hooks with the loop. Its BEFORE_WAIT hook sends replies, so rooms that must come before
 * (AOF, the feeding of replicas) register theirs earlier. */
void client_room_init(void);
bool client_listen_tcp(const char *addr, int port, int backlog, char *err);
bool client_listen_unix(const char *path, unsigned perm, int backlog, char *err);
void client_stop_listening(void);     /* all sockets */
void client_stop_listening_tcp(void); /* port or bind are about to change */
void client_room_shutdown(void);      /* closes and frees everything; for tests */

struct client *client_new(int fd);   /* fd -1: fake. Takes the fd. */
void client_close(struct client *c); /* at the end of the turn; idempotent */
void client_close_after_reply(struct client *c);
void client_block(struct client *c); /* stop executing its requests */
/* hooks.execute within the output limits, and what follows each request: for one that was kept back. */
void client_execute(struct client *c, struct request *r);
void client_request_over(struct client *c); /* for CLIENT REPLY: it is, unless the client is blocked */
void client_unblock(struct client *c); /* its waiting input is taken up in the next turn; its `out` is sent */
void client_protect(struct client *c); /* it outlives client_close until client_unprotect */
void client_unprotect(struct client *c);
void client_give_input(struct client *c, const void *p,
                       size_t n);         /* as if read from its socket (replica link takeover, AOF) */
void client_want_write(struct client *c); /* `out` or `feed` has something new: send it this turn */
/* A message out of turn: sent this turn, whether replies are muted or not, and within the output limits. */
void client_push(struct client *c, const struct reply_piece *piece);
/* For a blocked client whose wait is expected to end soon: its replies so far leave with those that follow, at the end of
 * the next turn, which then comes within 10 ms. */
void client_delay_replies(struct client *c);
void client_flush(struct client *c); /* try to send now (before SHUTDOWN, for replicas) */
void client_resume_reading(struct client *c, bool on);

struct client *client_first(void);        /* list of all, by id; walk with ->next */
struct client *client_by_id(uint64_t id); /* NULL: none, or it is being closed */
size_t client_count(void);                /* without fake ones */
enum client_class client_class(const struct client *c);
sds client_describe(sds s, const struct client *c); /* a CLIENT LIST line without newline */
size_t client_memory(const struct client *c);       /* all that is held for it */
/* Normal clients and subscribers that together hold so much are closed, the largest first, until they hold less; those with
 * CLIENT_NO_EVICT neither go nor count. 0: no limit. */
void client_limit_memory(uint64_t bytes);
void client_peer_name(const struct client *c, char *buf, size_t cap); /* ip:port or path:0 */
void client_local_name(const struct client *c, char *buf, size_t cap);
/* Timeouts and soft limits. Called several times a second; each call looks at a share of the clients, all of them
 * within a second. Returns how many it looked at. */
int64_t client_cron(void);
/* Called for output limits: bytes queued for it, including what a replica's cursor lags. repl sets it for peers. */
extern size_t (*client_extra_output)(const struct client *c);

#endif
