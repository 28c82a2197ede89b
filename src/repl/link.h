/* Our master, when we are a replica: what the files link*.c share. Internal to repl/. */
#ifndef TANDEM_REPL_LINK_H
#define TANDEM_REPL_LINK_H

#include "repl/internal.h"
#include "repl/backoff.h"
#include "repl/guard.h"
#include "repl/link_machine.h"
#include "repl/progress.h"
#include "repl/upstream.h"
#include <limits.h>

enum { LINK_LINE_MAX = 1024, RDB_CRC_BYTES = 8, SYNC_TAIL_BYTES = RDB_CRC_BYTES + REPLID_CHARS };

/* A snapshot on its way in. */
struct link_sync {
    char id[REPLID_CHARS + 1]; /* what +FULLRESYNC said; "": SYNC, which says nothing */
    int64_t offset;
    char mark[REPLID_CHARS + 1]; /* "": the length is known */
    int64_t total_bytes;         /* without a mark */
    int64_t read_bytes;
    int fd;      /* the temporary file; -1: none */
    bool beside; /* no file, and the old data stays until the new is here (swapdb) */
    char path[PATH_MAX];
    int64_t writeback_at; /* the disk was told to write what lies before */
    /* The last bytes are held back from the checksum: they are the checksum itself, and the mark. */
    char tail[SYNC_TAIL_BYTES];
    size_t tail_used;
    uint64_t crc;
};

struct link {
    struct link_machine m;
    sds host; /* NULL: we are a master */
    int port;
    struct ev_io io; /* fd -1: no connection, or it belongs to `client` */
    char in[LINK_LINE_MAX];
    size_t in_at, in_used;
    struct client *client; /* LINK_CONNECTED: the master */
    bool client_pre_psync; /* came by SYNC: sends no offsets, takes no ACKs, and its history has no name */
    int64_t acked;         /* the offset of the last ACK */
    struct ev_timer ack_timer;
    bool ack_wanted; /* GETACK was heard: answer when it is part of our offset */
    bool history;    /* (repl_id, repl_offset) is a history that we may ask to go on with */
    int stream_db;   /* the database of that history's stream at repl_offset */
    int64_t last_io_s;
    int64_t up_since_s;   /* of `client` */
    int64_t down_since_s; /* 0: was never up */
    int64_t hurried_s;    /* the second of the last reconnection without waiting, */
    int hurries;          /* and how many there were in it */
    struct backoff backoff;
    bool followed; /* our data came from a master, or from a file that a replica wrote */
    enum repl_hold hold;
    char hold_why[GUARD_WHY_BYTES];
    struct upstream upstream;
    bool upstream_changed; /* since our replicas were told */
    struct link_sync sync;
};
extern struct link the_link;

/* link.c */
void link_event(enum link_event_type type);

/* link_ops.c: the machine's effects */
extern const struct link_ops link_ops;
/* The socket becomes a client that applies the master's stream from repl_offset() on. */
void link_make_client(int stream_dbid, const char *more, size_t n);
void link_hold(struct link *l, enum repl_hold hold); /* hold_why is filled; logged */
void link_forget_failures(struct link *l); /* another master, or a link that is up: no wait, no hold */

/* link_io.c: the socket */
bool link_io_connect(struct link *l, enum link_occasion occasion);
void link_io_close(struct link *l);
bool link_io_send(struct link *l, const char *bytes, size_t n); /* all or failure; logged */
bool link_io_send_command(struct link *l, int argc, const slice *argv);
void link_io_show_life(struct link *l); /* to a master that waits while we are busy */
void link_io_unread(struct link *l,
                    slice *out); /* bytes received but not consumed; taken over by the caller */

/* link_report.c: looks on and tells (report.h) */
void link_report_full(const struct link *l, const char *id, int64_t offset); /* id NULL: not named */
void link_report_partial(const struct link *l);
void link_report_phase(enum sync_phase phase, int64_t total_bytes); /* total <= 0: not known */
void link_report_received(int64_t bytes, int64_t total_bytes);
void link_report_failure(const char *fmt, ...)
    __attribute__((format(printf, 1, 2))); /* before it is closed */
void link_report_done(const struct link *l);
void link_report_closed(const struct link *l);
void link_report_cron(void);

/* link_receive.c: the snapshot comes in */
enum link_transfer link_sync_begin(struct link *l, int64_t length, slice mark);
void link_sync_readable(struct link *l);
size_t link_sync_wanted(const struct link_sync *s,
                        size_t n);      /* of the next n bytes, so many belong to the snapshot */
void link_sync_discard(struct link *l); /* temporary file */

/* link_load.c: the snapshot takes the place of what we had */
enum link_load link_sync_load(struct link *l);
void link_sync_forget_failure(void); /* promotion: what is here is the data from now on */

#endif
