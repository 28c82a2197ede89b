/* The DEBUG command: tools for tests. A table of subcommands; nothing here is propagated.
 *
 * Dispatch lets DEBUG through as enable-debug-command says. */
#include "command/debug_data.h"
#include "command/dispatch.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include "aof/aof.h"
#include "base/alloc.h"
#include "base/assert.h"
#include "base/clock.h"
#include "base/digest.h"
#include "base/log.h"
#include "base/num.h"
#include "base/sds.h"
#include "command/handlers.h"
#include "command/propagate.h"
#include "rdb/rdb.h"
#include "repl/repl.h"
#include "server/config.h"
#include "server/server.h"

static int64_t number(slice s) { /* as atoi: what is no number is 0 */
    char buf[32];
    size_t n = s.n < sizeof buf - 1 ? s.n : sizeof buf - 1;
    memcpy(buf, s.p, n);
    buf[n] = '\0';
    return atoll(buf);
}

/* --- ends --- */

static void debug_segfault(struct client *c, const slice *argv, int argc) {
    (void)c, (void)argv, (void)argc;
    raise(SIGSEGV);
}

static void debug_panic(struct client *c, const slice *argv, int argc) {
    (void)c, (void)argv, (void)argc;
    log_warning("called by DEBUG PANIC");
    abort();
}

static void debug_assert(struct client *c, const slice *argv, int argc) {
    (void)argv, (void)argc;
    assert_that(c == NULL);
}

static void debug_oom(struct client *c, const slice *argv, int argc) {
    (void)argv, (void)argc;
    mem_free(mem_alloc(SIZE_MAX / 2), SIZE_MAX / 2);
    reply_ok(&c->out);
}

/* --- time --- */

static void debug_sleep(struct client *c, const slice *argv, int argc) {
    (void)argc;
    double seconds = 0;
    if (!num_parse_double(argv[2], &seconds) || seconds < 0) seconds = 0;
    struct timespec t = {.tv_sec = (time_t)seconds};
    t.tv_nsec = (long)((seconds - (double)t.tv_sec) * 1e9);
    nanosleep(&t, NULL);
    clock_update();
    reply_ok(&c->out);
}

static void debug_set_active_expire(struct client *c, const slice *argv, int argc) {
    (void)argc;
    ks_active_expire_on = number(argv[2]) != 0;
    reply_ok(&c->out);
}

/* --- data --- */

static void debug_populate(struct client *c, const slice *argv, int argc) {
    int64_t count, size = 0;
    if (!cmd_int_in(c, argv[2], 0, INT64_MAX, &count, NULL)) return;
    if (argc == 5 && !cmd_int_in(c, argv[4], 0, INT32_MAX, &size, NULL)) return;
    slice prefix = argc > 3 ? argv[3] : SLICE("key");
    struct db *db = client_db(c);
    sds key = sds_empty(), value = sds_empty();
    db_reserve(db, db_size(db) + (size_t)count);
    for (int64_t i = 0; i < count; i++) {
        sds_set_len(key, 0);
        key = sds_cat(key, prefix.p, prefix.n);
        key = sds_cat_printf(key, ":%lld", (long long)i);
        if (db_write(db, sds_slice(key), 0)) continue;
        sds_set_len(value, 0);
        value = sds_cat_printf(value, "value:%lld", (long long)i);
        if (size) {
            if (sds_len(value) > (size_t)size) sds_set_len(value, (size_t)size);
            value = sds_grow_zero(value, (size_t)size);
        }
        db_set_string(db, sds_slice(key), sds_slice(value), NO_EXPIRE);
        db_modified(db, sds_slice(key));
    }
    sds_free(key);
    sds_free(value);
    reply_ok(&c->out);
}

static void reply_digest(struct client *c, const unsigned char digest[SHA1_BYTES]) {
    char hex[2 * SHA1_BYTES + 1];
    hex_encode(hex, digest, SHA1_BYTES);
    hex[2 * SHA1_BYTES] = '\0';
    reply_status(&c->out, hex);
}

static void debug_digest(struct client *c, const slice *argv, int argc) {
    (void)argv, (void)argc;
    unsigned char digest[SHA1_BYTES];
    ks_digest(digest);
    reply_digest(c, digest);
}

static void debug_digest_value(struct client *c, const slice *argv, int argc) {
    reply_array(&c->out, argc - 2);
    for (int i = 2; i < argc; i++) {
        unsigned char digest[SHA1_BYTES] = {0};
        const struct entry *e = db_read(client_db(c), argv[i], LOOKUP_NOEFFECTS);
        if (e) entry_digest(e, digest);
        reply_digest(c, digest);
    }
}

/* --- DEBUG RELOAD --- */

struct reload {
    bool save, flush, merge;
};

static bool parse_reload(struct client *c, const slice *argv, int argc, struct reload *o) {
    *o = (struct reload){.save = true, .flush = true};
    for (int i = 2; i < argc; i++) {
        if (slice_is(argv[i], "merge")) {
            o->merge = true;
        } else if (slice_is(argv[i], "noflush")) {
            o->flush = false;
        } else if (slice_is(argv[i], "nosave")) {
            o->save = false;
        } else {
            reply_error(&c->out, "ERR DEBUG RELOAD only supports the MERGE, NOFLUSH and NOSAVE options.");
            return false;
        }
    }
    return true;
}

/* What our master sends during a load would be refused, and lost: it waits, as clients do that are blocked. */
static struct client *hold_master(void) {
    struct client *c = client_first();
    while (c && !(c->flags & CLIENT_MASTER)) c = c->next;
    if (!c || c->flags & CLIENT_BLOCKED) return NULL;
    client_protect(c);
    client_block(c);
    return c;
}

static void release_master(struct client *c) {
    if (!c) return;
    client_unblock(c);
    client_unprotect(c);
}

/* Loading runs loop turns: in them c and our master may hang up, and others may ask for the same. */
static bool load_again(struct client *c, bool merge) {
    char err[256];
    struct rdb_load_options options = {.replica = repl_is_replica(), .allow_overwrite_dup = merge};
    const char *path = rdb_config.filename ? rdb_config.filename : "dump.rdb";
    struct client *master = hold_master();
    client_protect(c);
    bool loaded = rdb_load_file(path, &options, err, sizeof err) == RDB_LOADED;
    client_unprotect(c);
    release_master(master);
    return loaded;
}

static void debug_reload(struct client *c, const slice *argv, int argc) {
    struct reload o;
    struct rdb_info info;
    if (!parse_reload(c, argv, argc, &o)) return;
    if (rdb_loading.active) {
        reply_error(&c->out, "LOADING Redis is loading the dataset in memory");
        return;
    }
    repl_fill_rdb_info(&info);
    if (o.save && !rdb_save_now(&info)) {
        reply_error(&c->out, "ERR");
        return;
    }
    if (o.flush) ks_flush_all(false);
    if (!load_again(c, o.merge)) {
        reply_error(&c->out, "ERR Error trying to load the RDB dump, check server logs.");
        return;
    }
    log_warning("DB reloaded by DEBUG RELOAD");
    reply_ok(&c->out);
}

static void debug_loadaof(struct client *c, const slice *argv, int argc) {
    (void)argv, (void)argc;
    if (rdb_loading.active) {
        reply_error(&c->out, "LOADING Redis is loading the dataset in memory");
        return;
    }
    client_protect(c); /* as in debug_reload */
    bool loaded = aof_reload();
    client_unprotect(c);
    if (!loaded) {
        reply_error(&c->out, "ERR Error trying to load the AOF files, check server logs.");
        return;
    }
    log_warning("Append Only File loaded by DEBUG LOADAOF");
    reply_ok(&c->out);
}

/* --- the rest --- */

static void restart(struct client *c, const slice *argv, int argc, bool gently) {
    int64_t delay_ms = 0;
    if (argc == 3 && !cmd_i64(c, argv[2], &delay_ms, NULL)) return;
    server_restart(gently, delay_ms > 0 && delay_ms < INT32_MAX ? (int)delay_ms : 0);
    reply_error(&c->out, "ERR failed to restart the server. Check server logs.");
}

static void debug_restart(struct client *c, const slice *argv, int argc) {
    restart(c, argv, argc, true);
}

static void debug_crash_and_recover(struct client *c, const slice *argv, int argc) {
    restart(c, argv, argc, false);
}

static void debug_pause_cron(struct client *c, const slice *argv, int argc) {
    (void)argc;
    server_cron_paused = number(argv[2]) != 0;
    reply_ok(&c->out);
}

static void debug_aof_flush_sleep(struct client *c, const slice *argv, int argc) {
    (void)argc;
    int64_t us = number(argv[2]);
    aof_flush_sleep_us = us > 0 && us < UINT32_MAX ? (unsigned)us : 0;
    reply_ok(&c->out);
}

static void debug_leak(struct client *c, const slice *argv, int argc) {
    (void)argc;
    (void)!sds_newlen(argv[2].p, argv[2].n);
    reply_ok(&c->out);
}

static void debug_replicate(struct client *c, const slice *argv, int argc) {
    propagate_also(c->db, argc - 2, argv + 2);
    reply_ok(&c->out);
}

static void debug_skip_checksum(struct client *c, const slice *argv, int argc) {
    (void)argc;
    rdb_skip_checksum = number(argv[2]) != 0;
    reply_ok(&c->out);
}

static void debug_change_repl_id(struct client *c, const slice *argv, int argc) {
    (void)argv, (void)argc;
    log_notice("Changing replication IDs after receiving change-repl-id");
    repl_change_id();
    reply_ok(&c->out);
}

static void debug_config_rewrite(struct client *c, const slice *argv, int argc) {
    (void)argv, (void)argc;
    const char *err = config_file() ? config_rewrite(true) : "The server is running without a config file";
    if (err)
        reply_errorf(&c->out, "ERR CONFIG-REWRITE-FORCE-ALL failed: %s", err);
    else
        reply_ok(&c->out);
}

static void debug_error(struct client *c, const slice *argv, int argc) {
    (void)argc;
    reply_errorf(&c->out, "%.*s", SLICE_ARGS(argv[2]));
}

static void debug_log(struct client *c, const slice *argv, int argc) {
    (void)argc;
    log_warning("DEBUG LOG: %.*s", SLICE_ARGS(argv[2]));
    reply_ok(&c->out);
}

static void reply_with_attribute(struct reply_buf *b) {
    if (b->proto > 2) {
        reply_attribute(b, 1);
        reply_bulk_str(b, "key-popularity");
        reply_array(b, 2);
        reply_bulk_str(b, "key:123");
        reply_int(b, 90);
    }
    reply_bulk_str(b, "Some real reply following the attribute");
}

/* A push is no reply: one follows, for clients that pass it over. */
static void push_and_reply(struct reply_buf *b) {
    if (b->proto < 3) {
        reply_error(b, "ERR RESP2 is not supported by this command");
        return;
    }
    reply_push(b, 2);
    reply_bulk_str(b, "server-cpu-usage");
    reply_int(b, 42);
    reply_bulk_str(b, "Some real reply following the push reply");
}

static void reply_three(struct reply_buf *b) {
    for (int i = 0; i < 3; i++) reply_int(b, i);
}

static void reply_small_map(struct reply_buf *b) {
    reply_map(b, 3);
    for (int i = 0; i < 3; i++) {
        reply_int(b, i);
        reply_bool(b, i == 1);
    }
}

static void debug_protocol(struct client *c, const slice *argv, int argc) {
    (void)argc;
    struct reply_buf *b = &c->out;
    slice type = argv[2];
    if (slice_is(type, "string"))
        reply_bulk_str(b, "Hello World");
    else if (slice_is(type, "integer"))
        reply_int(b, 12345);
    else if (slice_is(type, "double"))
        reply_double(b, 3.141);
    else if (slice_is(type, "null"))
        reply_null(b);
    else if (slice_is(type, "array"))
        reply_array(b, 3), reply_three(b);
    else if (slice_is(type, "set"))
        reply_set(b, 3), reply_three(b);
    else if (slice_is(type, "map"))
        reply_small_map(b);
    else if (slice_is(type, "attrib"))
        reply_with_attribute(b);
    else if (slice_is(type, "push"))
        push_and_reply(b);
    else if (slice_is(type, "bignum"))
        reply_big_number(b, "1234567999999999999999999999999999999", 37);
    else if (slice_is(type, "true") || slice_is(type, "false"))
        reply_bool(b, slice_is(type, "true"));
    else if (slice_is(type, "verbatim"))
        reply_verbatim(b, "txt", "This is a verbatim\nstring", 25);
    else
        reply_error(b, "ERR Wrong protocol type name. Please use one of the following: "
                       "string|integer|double|bignum|null|array|set|map|attrib|push|verbatim|true|false");
}

static void debug_help(struct client *c, const slice *argv, int argc);

static const struct {
    const char *name;
    int argc_min, argc_max;
    void (*run)(struct client *c, const slice *argv, int argc);
    const char *usage, *text;
} tools[] = {
    {"aof-flush-sleep", 3, 3, debug_aof_flush_sleep, "AOF-FLUSH-SLEEP <microseconds>",
     "Sleep before each write to the append-only file."},
    {"assert", 2, 2, debug_assert, "ASSERT", "Fail an assertion."},
    {"change-repl-id", 2, 2, debug_change_repl_id, "CHANGE-REPL-ID", "Begin a new replication history."},
    {"config-rewrite-force-all", 2, 2, debug_config_rewrite, "CONFIG-REWRITE-FORCE-ALL",
     "CONFIG REWRITE with every setting."},
    {"digest", 2, 2, debug_digest, "DIGEST", "A digest of all data."},
    {"digest-value", 2, 1 << 30, debug_digest_value, "DIGEST-VALUE <key> [<key> ...]", "Digests of values."},
    {"crash-and-recover", 2, 3, debug_crash_and_recover, "CRASH-AND-RECOVER [<milliseconds>]",
     "Start anew without saving anything, after that time."},
    {"error", 3, 3, debug_error, "ERROR <string>", "Reply with that error."},
    {"help", 2, 2, debug_help, NULL, NULL},
    {"htstats", 3, 3, debug_htstats, "HTSTATS <dbid>", "How full the buckets of a database's table are."},
    {"htstats-key", 3, 3, debug_htstats_key, "HTSTATS-KEY <key>", "The same for the table of a value."},
    {"listpack", 3, 3, debug_listpack, "LISTPACK <key>", "Print a value's listpack to the standard output."},
    {"leak", 3, 3, debug_leak, "LEAK <string>", "Lose the memory of that string."},
    {"loadaof", 2, 2, debug_loadaof, "LOADAOF",
     "Write the append-only files, empty all databases and load the files."},
    {"log", 3, 3, debug_log, "LOG <message>", "Write to the log."},
    {"object", 3, 3, debug_object, "OBJECT <key>", "How a value is stored."},
    {"oom", 2, 2, debug_oom, "OOM", "Run out of memory."},
    {"panic", 2, 2, debug_panic, "PANIC", "Crash."},
    {"pause-cron", 3, 3, debug_pause_cron, "PAUSE-CRON <0|1>", "Whether periodic work is left undone."},
    {"populate", 3, 5, debug_populate, "POPULATE <count> [<prefix>] [<size>]",
     "Create <count> keys key:<n> (or <prefix>:<n>), of value:<n> filled up or cut to <size> bytes. Replicas "
     "don't see "
     "them."},
    {"protocol", 3, 3, debug_protocol, "PROTOCOL <type>",
     "Reply with that type: string, integer, double, bignum, null, array, set, map, attrib, push, verbatim, "
     "true, false."},
    {"quicklist", 3, 4, debug_quicklist, "QUICKLIST <key> [<0|1>]",
     "Print a list's nodes to the standard output; 1: with their elements."},
    {"quicklist-packed-threshold", 3, 3, debug_packed_threshold, "QUICKLIST-PACKED-THRESHOLD <size>",
     "From which size on an element of a list has a node of its own; 0: the default, 1gb, which is also the "
     "most."},
    {"reload", 2, 1 << 30, debug_reload, "RELOAD [MERGE] [NOFLUSH] [NOSAVE]",
     "Save the data, empty all databases and load the file. NOSAVE: load the file that is there. NOFLUSH: "
     "keep the "
     "data; MERGE: keys of the file win."},
    {"replicate", 3, 1 << 30, debug_replicate, "REPLICATE <string> [<string> ...]",
     "Put that command into the log, which replicas and append-only files follow, without executing it "
     "here."},
    {"restart", 2, 3, debug_restart, "RESTART [<milliseconds>]",
     "Save settings and data and start anew, after that time."},
    {"sdslen", 3, 3, debug_sdslen, "SDSLEN <key>",
     "The lengths of a key and its string, and what they take."},
    {"segfault", 2, 2, debug_segfault, "SEGFAULT", "Crash by a signal."},
    {"set-active-expire", 3, 3, debug_set_active_expire, "SET-ACTIVE-EXPIRE <0|1>",
     "Whether keys expire when nobody looks at them."},
    {"set-skip-checksum-validation", 3, 3, debug_skip_checksum, "SET-SKIP-CHECKSUM-VALIDATION <0|1>",
     "Whether RESTORE and loading do without their checksums."},
    {"sleep", 3, 3, debug_sleep, "SLEEP <seconds>", "Do nothing and answer nobody for that time."},
};

enum { TOOLS = sizeof tools / sizeof *tools };

static void debug_help(struct client *c, const slice *argv, int argc) {
    const char *lines[2 * TOOLS + 1];
    char texts[TOOLS][220];
    int n = 0;
    (void)argv, (void)argc;
    for (int i = 0; i < TOOLS; i++) {
        if (!tools[i].usage) continue;
        snprintf(texts[i], sizeof texts[i], "    %s", tools[i].text);
        lines[n++] = tools[i].usage;
        lines[n++] = texts[i];
    }
    lines[n] = NULL;
    cmd_help(c, "DEBUG", lines);
}

void debug_command(struct client *c, const slice *argv, int argc) {
    propagate_none();
    for (int i = 0; i < TOOLS; i++)
        if (slice_is(argv[1], tools[i].name) && argc >= tools[i].argc_min && argc <= tools[i].argc_max) {
            tools[i].run(c, argv, argc);
            return;
        }
    cmd_subcommand_syntax(c, argv);
}
