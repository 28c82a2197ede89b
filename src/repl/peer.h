/* A replica of ours: what primary.c, peer_requests.c, fullsync.c and transfer.c share. Internal to repl/. */
#ifndef TANDEM_REPL_PEER_H
#define TANDEM_REPL_PEER_H

#include "repl/internal.h"
#include "repl/peer_machine.h"
#include "repl/progress.h"
#include "repl/resync.h"
#include "repl/timeline.h"
#include <sys/types.h>

struct peer {
    struct peer_machine m;
    struct client *c;
    struct backlog_cursor cursor; /* from the snapshot's offset (or the one asked for) on */

    /* what REPLCONF told */
    char ip[REPL_HOST_BYTES]; /* "": take the socket's */
    int listening_port;
    bool capa_eof, capa_psync2, capa_past, asks_chain;
    struct repl_past was[REPL_PAST_MAX]; /* former names of what it holds */
    int was_n;
    bool
        no_keys; /* REPLCONF rdb-filter-only: wants the stream (or functions, which we have none of), no data */
    bool pre_psync; /* used SYNC: no +FULLRESYNC, no ACKs */

    int64_t ack_offset, ack_s; /* the last REPLCONF ACK */
    int64_t since_s;           /* in PEER_WAIT_START since */
    int64_t snapshot_offset;   /* what +FULLRESYNC told it */
    int64_t last_progress_s;   /* of a transfer */

    /* PEER_SEND_FILE: `$length\r\n`, then the file */
    int file_fd; /* -1: none */
    off_t file_at, file_bytes;
    char preamble[32];
    size_t preamble_bytes, preamble_at;

    size_t relay_at; /* PEER_SEND_PIPE: how much of the relay's buffer its socket took */
    bool stalled;    /* its socket is full: the loop will call the feed */

    /* peer_report.c: what is told of its resynchronisation */
    uint64_t resync; /* its record; 0: none under way */
    bool resync_full;
    int64_t resync_target; /* partial: it has all that it lacked when this offset is in its socket */
    uint64_t resync_bytes; /* sent for it */
    const char *failure;   /* why it is given up, where we know better than "its connection ended" */
    struct progress progress;

    struct peer *prev, *next; /* all that are flagged CLIENT_REPLICA, in order of arrival */
};

/* primary.c */
struct peer *peer_first(void);
struct peer *peer_of(struct client *c); /* made at the first call, in PEER_HANDSHAKE */
void peer_say(struct peer *p, const char *bytes,
              size_t n);        /* protocol bytes outside the log and the snapshot */
void peer_kick(struct peer *p); /* something new for it: send, unless its socket is full */
void peer_end(struct peer *p, enum peer_event why); /* lets go of everything and closes the connection */
const char *peer_name(const struct peer *p);        /* ip:port for the log; a static buffer */
bool peer_ip(const struct peer *p, char ip[REPL_HOST_BYTES]); /* as it announced itself, or its socket's */
struct peer *peer_at(const char *host, int port);             /* by that and its listening port; NULL: none */
size_t peer_count_in(enum peer_state s);

/* peer_report.c: looks on and tells (report.h) */
void peer_report_case(struct resync_case *q, slice replid, int64_t offset); /* before it is decided */
void peer_report_begin(struct peer *p, bool full, const struct resync_case *q);
void peer_report_entered(struct peer *p, enum peer_state from);
void peer_report_sent(struct peer *p, size_t n); /* bytes of data or log into its socket */
void peer_report_fed(struct peer *p);            /* the same, with p->resync set: it may have all now */
void peer_report_ack(struct peer *p);
void peer_report_gone(struct peer *p); /* before its cursor is detached */
void peer_report_turn(void);           /* there are replicas: when was what written */
void peer_report_cron(void);

/* fullsync.c: snapshots for those who wait */
void fullsync_init(void);
void fullsync_request(struct peer *p); /* p is in PEER_WAIT_START: join, start, or wait */
void fullsync_start_due(bool from_cron);
void fullsync_remove_file(void);               /* rdb-del-sync-files */
void fullsync_wait_left(const struct peer *p); /* p has left PEER_WAIT_END for PEER_GONE */
bool fullsync_relaying(void);
bool fullsync_relay_waits(void);       /* for replicas to take what is here: the child can do nothing */
uint64_t fullsync_relayed_bytes(void); /* of the transfer under way */
uint64_t fullsync_file_bytes(void);    /* of the snapshot file that is being written; 0: none */
size_t fullsync_in_progress(void);     /* counted against repl-max-full-syncs */
bool fullsync_relay_bytes(slice *out); /* what the child last wrote; false when no transfer runs */
void fullsync_relay_taken(void);       /* some peer has taken all of it, or has gone */

/* restraint.c: held back for the sake of others */
void restraint_init(void);
void restraint_cron(void);
void restraint_before_wait(void); /* slows writers when a replica is near its limit */
/* Bytes of full syncs that may be sent now to each of so many; 0: goes on by itself, later. */
uint64_t restraint_allows(size_t readers);
void restraint_took(uint64_t n);

/* transfer.c: bytes into sockets */
bool transfer_feed(struct client *c);     /* client.feed of every peer */
bool transfer_open_file(struct peer *p);  /* the finished snapshot file; false: logged */
bool transfer_open_empty(struct peer *p); /* an RDB without keys */
void transfer_close_file(struct peer *p);

#endif
