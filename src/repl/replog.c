/* The log's writers: as a master, the effects of our own commands; as a replica, our master's bytes as they
 * came.
 *
 * Invariant: the log reads as one RESP command stream. `current_db` is the database that a reader at its end
 * is in, -1 when that must be said anew (somebody starts reading here with no past). A replica never writes
 * anything of its own to its log, so that its bytes, offsets and replid are its master's.
 *
 * A transaction of the master enters the log as a whole when it has been executed: offsets that we
 * acknowledge or would ask to go on from never point inside a MULTI, whose queue a new connection would not
 * know. */
#include "base/assert.h"
#include "base/num.h"
#include "base/sds.h"
#include "repl/internal.h"
#include "resp/request.h"

static int current_db = -1;
static sds held; /* MULTI... not yet EXECuted, from our master; NULL: none */

void replog_force_select(void) {
    current_db = -1;
}

int replog_db(void) {
    return current_db < 0 ? 0 : current_db;
}

static void append(int argc, const slice *argv) {
    char head[REQUEST_HEAD_BYTES];
    backlog_append(head, request_head(head, '*', (size_t)argc));
    for (int i = 0; i < argc; i++) {
        backlog_append(head, request_head(head, '$', argv[i].n));
        backlog_append(argv[i].p, argv[i].n);
        backlog_append("\r\n", 2);
    }
}

static void append_select(int dbid) {
    if (dbid < 0 || dbid == current_db) return;
    char digits[NUM_INT_BYTES];
    slice argv[] = {SLICE("SELECT"), {digits, num_format_i64(digits, dbid)}};
    append(2, argv);
    current_db = dbid;
}

void repl_append_command(int dbid, int argc, const slice *argv) {
    if (!repl_wants_log()) return;
    append_select(dbid);
    append(argc, argv);
}

void repl_append_raw(int dbid, slice raw) {
    if (!repl_wants_log()) return;
    append_select(dbid);
    backlog_append(raw.p, raw.n);
}

/* --- the master's stream, byte for byte --- */

void replog_forget_held(void) {
    sds_free(held);
    held = NULL;
}

uint64_t replog_held_bytes(void) {
    return held ? sds_len(held) : 0;
}

void repl_applied(struct client *master, slice raw) {
    if (!link_is_master_client(master)) return; /* cut meanwhile: these bytes are asked for again */
    assert_that(backlog_active());
    repl_stats.in_bytes += raw.n;
    if (master->flags & CLIENT_MULTI) {
        held = sds_cat(held ? held : sds_empty(), raw.p, raw.n);
        return;
    }
    if (held) {
        backlog_append(held, sds_len(held));
        replog_forget_held();
    }
    backlog_append(raw.p, raw.n);
    link_applied();
}
