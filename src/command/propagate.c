/* Collects what a unit (a top-level command, or a MULTI/EXEC) wrote, and appends it to the log when the unit ends.
 *
 * Invariant: between units `ops` is empty and every byte of it is in the log. Outside of a unit only expiry writes,
 * one command at a time. A server that loads collects nothing, and what a replica's master sent is in the log by itself. The
 * writes of a replica's own clients go aside: to the AOF, but not to the log, which is the master's.
 *
 * The common case, one command as it came, costs no copy: the op points at the request's own bytes. Whatever is
 * made up (effects, expired keys, inline requests) is encoded into `text`, by offset, because that may move while it grows. */
#include "command/propagate.h"

#include "aof/aof.h"
#include "base/alloc.h"
#include "base/assert.h"
#include "base/sds.h"
#include "rdb/rdb.h"
#include "repl/repl.h"
#include "resp/request.h"
#include "server/memory_limit.h"

struct op {
    int dbid;
    const char *borrowed; /* NULL: in text at `at` */
    size_t at, n;
};

static struct {
    struct op *ops;
    int n, cap;
    sds text;
    int depth;
    struct propagate_call call; /* first_also: ops from there on come after the running command */
    bool aside;
} unit;

enum { TEXT_KEPT_BYTES = 64 * 1024, OPS_KEPT = 1024 };
enum { INSTEAD = -2 }; /* dbid of an op that replaces the running command, until that ends */

static bool collecting(void) {
    return (repl_wants_log() || unlikely(unit.aside)) && !rdb_loading.active;
}

static void append_raw(int dbid, slice raw) {
    if (unlikely(unit.aside) && repl_is_replica()) /* else it became a master in this very unit */
        aof_append_aside(dbid, raw);
    else
        repl_append_raw(dbid, raw);
}

static struct op *new_op(int dbid) {
    if (unit.n == unit.cap) {
        int cap = unit.cap ? unit.cap * 2 : 16;
        unit.ops = mem_resize(unit.ops, (size_t)unit.cap * sizeof *unit.ops, (size_t)cap * sizeof *unit.ops);
        unit.cap = cap;
    }
    unit.ops[unit.n] = (struct op){.dbid = dbid};
    return &unit.ops[unit.n++];
}

static void encode_op(int dbid, int argc, const slice *argv) {
    sds s = unit.text ? unit.text : sds_empty();
    struct op *op = new_op(dbid);
    op->at = sds_len(s);
    s = request_cat(s, argc, argv);
    op->n = sds_len(s) - op->at;
    unit.text = s;
}

static void move_last_to(int at) {
    struct op op = unit.ops[unit.n - 1];
    for (int i = unit.n - 1; i > at; i--) unit.ops[i] = unit.ops[i - 1];
    unit.ops[at] = op;
}

/* --- for handlers --- */

void propagate_none(void) {
    unit.call.replaced = true;
}

void propagate_force(void) {
    unit.call.forced = true;
}

void propagate_instead(int argc, const slice *argv) {
    assert_that(unit.call.in_call);
    unit.call.replaced = true;
    propagate_also(INSTEAD, argc, argv);
}

void propagate_also(int dbid, int argc, const slice *argv) {
    assert_that(unit.depth > 0);
    if (collecting()) encode_op(dbid, argc, argv);
}

/* Of a replica's keys only those expire that its own clients wrote; it evicts any when it was told not to ignore maxmemory. */
static void propagate_deleted(struct db *db, slice key, bool lazily) {
    slice argv[2] = {lazily ? SLICE("UNLINK") : SLICE("DEL"), key};
    if (unlikely(repl_is_replica()) && unit.depth == 0) {
        sds text = request_cat(sds_empty(), 2, argv);
        aof_append_aside(db_id(db), sds_slice(text));
        sds_free(text);
        return;
    }
    if (!collecting()) return;
    if (unit.depth == 0) {
        repl_append_command(db_id(db), 2, argv);
        return;
    }
    encode_op(db_id(db), 2, argv);
    if (!unit.call.in_call) return;
    move_last_to(unit.call.first_also++); /* before what the running command becomes */
}

void propagate_expired(struct db *db, slice key) {
    propagate_deleted(db, key, ks_config.lazyfree_expire);
}

void propagate_evicted(struct db *db, slice key) {
    propagate_deleted(db, key, memory_limit_config.lazily);
}

/* --- for dispatch --- */

bool propagate_aside(bool on) {
    bool before = unit.aside;
    unit.aside = on;
    return before;
}

void propagate_unit_begin(void) {
    unit.depth++;
}

void propagate_call_begin(struct propagate_call *outer) {
    *outer = unit.call;
    unit.call = (struct propagate_call){.in_call = true, .first_also = unit.n};
}

/* What replaces the command counts only when the command did something. */
static void settle_replacements(int dbid, bool keep) {
    int kept = unit.call.first_also;
    for (int i = unit.call.first_also; i < unit.n; i++) {
        struct op op = unit.ops[i];
        if (op.dbid == INSTEAD && !keep) continue;
        if (op.dbid == INSTEAD) op.dbid = dbid;
        unit.ops[kept++] = op;
    }
    unit.n = kept;
}

static void add_request(int dbid, int argc, const slice *argv, slice verbatim) {
    if (verbatim.n) {
        struct op *op = new_op(dbid);
        op->borrowed = verbatim.p;
        op->n = verbatim.n;
    } else {
        encode_op(dbid, argc, argv);
    }
    if (unlikely(unit.n - 1 > unit.call.first_also)) move_last_to(unit.call.first_also);
}

void propagate_call_end(const struct propagate_call *outer, int dbid, int argc, const slice *argv,
                        slice verbatim, bool changed) {
    bool wanted = changed || unit.call.forced;
    if (unlikely(unit.n > unit.call.first_also)) settle_replacements(dbid, wanted);
    if (wanted && !unit.call.replaced && collecting()) add_request(dbid, argc, argv, verbatim);
    unit.call = *outer;
}

/* `call` is written only when it must be: the next call copies it as a whole, and a load over a smaller store that is
 * still on its way waits for all stores before it (measured: 25 ns a command). */
static void forget(void) {
    unit.n = 0;
    if (unlikely(unit.call.first_also)) unit.call.first_also = 0;
    if (unit.text) {
        if (sds_len(unit.text) > TEXT_KEPT_BYTES) {
            sds_free(unit.text);
            unit.text = NULL;
        } else {
            sds_set_len(unit.text, 0);
        }
    }
    if (unit.cap > OPS_KEPT) {
        mem_free(unit.ops, (size_t)unit.cap * sizeof *unit.ops);
        unit.ops = NULL;
        unit.cap = 0;
    }
}

void propagate_flush(void) {
    if (unit.n == 0) return;
    bool wrap = unit.n > 1;
    /* MULTI and EXEC belong to no database: no SELECT before them. */
    if (wrap) append_raw(-1, SLICE("*1\r\n$5\r\nMULTI\r\n"));
    for (int i = 0; i < unit.n; i++) {
        const struct op *op = &unit.ops[i];
        append_raw(op->dbid, (slice){op->borrowed ? op->borrowed : unit.text + op->at, op->n});
    }
    if (wrap) append_raw(-1, SLICE("*1\r\n$4\r\nEXEC\r\n"));
    forget();
}

bool propagate_pending(void) {
    return unit.n > 0;
}

void propagate_unit_end(void) {
    if (--unit.depth == 0) propagate_flush();
}
