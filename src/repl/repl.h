/* Replication as the rest of the server sees it: identity, the primary's side (peers) and the replica's side
 * (link).
 *
 * Identity: replid names the history that our log continues; replid2 with its offset (repl_second_offset) the one before a
 * promotion, and there are older ones behind it. Peers and the link are state machines of their own: repl/peer.h and repl/link.h. */
#ifndef TANDEM_REPL_REPL_H
#define TANDEM_REPL_REPL_H

#include "client/client.h"
#include "rdb/rdb.h"
#include "repl/backlog.h"
#include "repl/failover.h"
#include "repl/past.h"

#define REPL_HOST_BYTES 256

enum repl_diskless_load { DISKLESS_LOAD_OFF, DISKLESS_LOAD_ON_EMPTY_DB, DISKLESS_LOAD_SWAPDB };

enum propagation_errors {
    PROPAGATION_ERRORS_IGNORE,
    PROPAGATION_ERRORS_PANIC,
    PROPAGATION_ERRORS_PANIC_ON_REPLICAS
};

struct repl_config { /* server/config writes it */
    uint64_t backlog_size_bytes;
    int backlog_ttl_s, timeout_s, ping_period_s;
    bool disable_tcp_nodelay, diskless_sync;
    int diskless_sync_delay_s, diskless_sync_max_replicas;
    bool ignore_disk_write_errors; /* a replica that can't save goes on to apply its master's writes */
    int propagation_errors; /* enum propagation_errors: what a command of the stream that fails leads to */
    int diskless_load;      /* enum repl_diskless_load */
    bool replica_read_only, replica_serve_stale_data, replica_announced, replica_lazy_flush;
    int replica_priority, announce_port;
    char *announce_ip, *master_auth, *master_user;
    int min_replicas_to_write, min_replicas_max_lag_s;
    /* of our own */
    bool guard_empty_master;
    uint64_t load_memory_limit; /* bytes; 0: what the system sets */
    int reconnect_delay_s_max;  /* 0: each second, as Redis */
    int max_full_syncs;         /* 0: no cap */
    uint64_t full_sync_rate;    /* bytes a second; 0: no limit */
    int backpressure_percent;   /* of the output limit; 0: off */
    int snapshot_timeout_s;     /* a snapshot child that stands still so long is ended; 0: never */
    int listen_port;            /* what we tell our master, unless announce_port */
    char *bind_source;
};
extern struct repl_config repl_config;

struct repl_stats {
    uint64_t sync_full, sync_partial_ok, sync_partial_err, in_bytes, out_bytes;
};
extern struct repl_stats repl_stats;

/* What repl needs of rooms above it; main.c sets it. */
struct repl_hooks {
    void (*role_changed)(bool is_replica); /* log role, expire mode, WATCH and blocked clients */
    /* A full sync is about to replace data and history: readers of the log (AOF) must detach their cursors. */
    void (*before_flush)(void);
    void (*loaded)(void);               /* a full sync was loaded */
    bool (*persistence_disabled)(void); /* no save points and no AOF: rdb-del-sync-files may apply */
    bool (*saves_regularly)(void); /* there are save points: a snapshot is worth something without replicas */
    void (*hold_writes)(bool on);  /* FAILOVER: clients' writes wait */
    void (*slow_writes)(int64_t ms); /* repl-backpressure: they wait so long */
};
void repl_set_hooks(const struct repl_hooks *hooks);

/* Hooks itself into the loop's BEFORE_WAIT phase. Before client_room_init, so that replicas are fed before replies leave: who
 * was answered and then WAITs finds them at work already, and on few cores the client doesn't take theirs. */
void repl_init(void);
void repl_shutdown(void); /* frees everything; for tests */
/* The process ends: what is half received must not stay on the disk, and what is loaded must. */
void repl_settle_files(void);
/* The client room's hooks of these names must call these for every client: it may be a replica (no more one of ours when it is
 * closing) or our master (whose last request may be under way: gone when it is closed). */
void repl_client_closing(struct client *c);
void repl_client_closed(struct client *c);

/* --- identity --- */
/* 40 hex digits and a NUL. */
const char *repl_id(void);
const char *repl_id2(void);
int64_t repl_second_offset(void);
int64_t repl_offset(void); /* master_repl_offset */
/* A new history from here, without a past that could be continued: the log is created, forgotten or lost its
 * meaning. */
void repl_change_id(void);
void repl_shift_id(void); /* promotion: replid becomes replid2 up to the offset, a new replid */
void repl_fill_rdb_info(struct rdb_info *info); /* aux fields for a save */
/* After loading a file at start: a master accepts the old history's replicas at that very offset, a replica
 * asks its master to go on from there. */
void repl_restore_identity(const struct rdb_info *info);

/* --- a log that outlives the process (aof) --- */
struct repl_history { /* who we are at an offset */
    char id[REPLID_CHARS + 1];
    int64_t offset;
    int past_n;
    struct repl_past past[REPL_PAST_MAX]; /* newest first */
};
void repl_history_now(struct repl_history *h);
bool repl_history_is_known(void); /* others may ask for it by a name that we answer to */
void repl_open_log(void); /* somebody is going to read: the log is active from here on at the latest */
int repl_log_db(void);    /* the database that a reader at the log's end is in */
/* While files are loaded at start, before there is a reader: the bytes to come continue h behind its offset. They go
 * into the log again, so that replicas which lagged can go on. */
void repl_recover(const struct repl_history *h);
void repl_recover_bytes(slice raw);
/* The end of it, dbid being the stream's database there: as after repl_restore_identity. good false: nothing of it
 * holds. */
void repl_recover_done(bool good, int dbid);

/* --- the log's writers (command/propagate) --- */
void repl_append_command(int dbid, int argc,
                         const slice *argv); /* SELECT first when the db differs from the last */
void repl_append_raw(int dbid,
                     slice raw); /* one or more complete commands as RESP; dbid -1: of no database */
void repl_applied(struct client *master,
                  slice raw); /* a replica executed these bytes of its master's stream */

/* --- the primary's side --- */
/* PSYNC replid offset [FAILOVER]; replies itself */
void repl_psync_command(struct client *c, slice replid, slice offset, bool failover);
void repl_sync_command(struct client *c); /* SYNC */
void repl_replconf_command(struct client *c, int argc, const slice *argv);
size_t repl_peer_count(void);         /* connected_slaves */
size_t repl_good_replicas(void);      /* online with lag <= max lag */
size_t repl_acked_by(int64_t offset); /* online replicas that acknowledged it */
void repl_request_acks(void);         /* REPLCONF GETACK * at the end of this turn */
struct repl_peer_info {
    char ip[REPL_HOST_BYTES]; /* or what it announced: a name */
    int port;
    const char *state;
    int64_t offset;
    int64_t lag_s;
    uint64_t output_bytes;
};
bool repl_peer_info(size_t index, struct repl_peer_info *out);
void repl_drop_peers(void);                  /* on identity change: they must resynchronise */
void repl_set_ack_hook(void (*acked)(void)); /* an ACK came: WAIT may be satisfied */

/* --- the replica's side --- */
extern bool repl_has_master; /* only link.c writes it: every command asks */
static inline bool repl_is_replica(void) {
    return repl_has_master;
}
/* REPLICAOF; host NULL: NO ONE. At start (before the loop runs) it only notes the master; the first cron
 * connects. */
void repl_replicaof(const char *host, int port);
/* Whether what we execute goes to the log: there is one, and it isn't our master's. */
static inline bool repl_wants_log(void) {
    return backlog_active() && !repl_is_replica();
}
const char *repl_master_host(void);
int repl_master_port(void);
bool repl_link_up(void);
enum repl_hold { /* why our link is held: something must change before it can succeed */
                 REPL_HOLD_NONE,
                 REPL_HOLD_EMPTY_MASTER, /* a guard keeps our data from a master without any */
                 REPL_HOLD_MEMORY,       /* the master's data do not fit */
                 REPL_HOLD_SELF,         /* we would follow ourselves */
                 REPL_HOLD_CYCLE         /* our master follows us */
};
struct repl_link_info {
    enum repl_hold hold;
    const char *hold_why; /* in words; "" */
    bool up, sync_in_progress;
    const char *state; /* as ROLE: none, connect, connecting, handshake, sync, connected */
    int64_t up_for_s;  /* -1: not up */
    int64_t last_io_s, down_since_s, read_offset, applied_offset;
    int64_t sync_total_bytes, sync_read_bytes, sync_last_io_s;
};
void repl_link_info(struct repl_link_info *out);

/* What is here is what a load that failed has left: not to be saved over a file that a restart would read. */
bool repl_data_incomplete(void);

void repl_retry_soon(void);     /* a setting that may hold up the link has changed: try with the next tick */
void repl_resize_backlog(void); /* repl_config.backlog_size_bytes changed */
void repl_cron(void);           /* each second: pings, timeouts, ACKs, reconnects, backlog ttl */

#endif
