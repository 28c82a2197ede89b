/* HyperLogLog commands: PFADD, PFCOUNT, PFMERGE, PFDEBUG on string values, and PFSELFTEST. The format is base/hll.h's.
 *
 * Invariant: a dense one is changed in place; a sparse one, short and changing its length, as a copy that replaces it.
 * A request that meets broken runs changes nothing. */
#include "base/hll.h"
#include "command/handlers.h"
#include "keyspace/str.h"
#include "server/config.h"

static void broken(struct client *c) {
    reply_error(&c->out, "INVALIDOBJ Corrupted HLL object detected");
}

/* The bytes of a HyperLogLog; false: it is none, and that has been replied. */
static bool hll_of(struct client *c, const struct entry *e, char scratch[NUM_INT_BYTES], slice *s) {
    if (!cmd_type_is(c, e, TYPE_STRING)) return false;
    *s = str_get(e, scratch);
    if (!str_is_int(e) && hll_is(*s)) return true;
    reply_error(&c->out, "WRONGTYPE Key is not a valid HyperLogLog string value.");
    return false;
}

/* Takes the copy over. */
static void put(struct client *c, slice key, sds s) {
    struct value v = {.type = TYPE_STRING, .encoding = VALUE_RAW, .ptr = s};
    db_set(client_db(c), key, &v, KEEP_TTL);
}

/* --- PFADD --- */

/* How many elements changed a register; -1: the runs are broken. */
static int64_t add_all(sds *s, const slice *elements, int n) {
    int64_t updated = 0;
    for (int i = 0; i < n; i++) {
        int r = hll_add(s, elements[i], server_config.hll_sparse_max_bytes);
        if (r < 0) return -1;
        updated += r;
    }
    return updated;
}

static int64_t add_all_dense(struct client *c, struct entry *e, size_t length, const slice *elements, int n) {
    int64_t updated = 0;
    char *p = str_grow(client_db(c), &e, length);
    for (int i = 0; i < n; i++) updated += hll_add_dense(p, elements[i]);
    if (updated) hll_uncache(p);
    return updated;
}

static int64_t add_all_copied(struct client *c, slice key, slice old, const slice *elements, int n) {
    sds s = old.p ? sds_newlen(old.p, old.n) : hll_new();
    int64_t updated = add_all(&s, elements, n);
    if (!old.p && updated >= 0) updated++; /* the key is new */
    if (updated > 0) {
        hll_uncache(s);
        put(c, key, s);
    } else {
        sds_free(s);
    }
    return updated;
}

void pfadd_command(struct client *c, const slice *argv, int argc) {
    struct entry *e = db_write(client_db(c), argv[1], 0);
    char scratch[NUM_INT_BYTES];
    slice old = {0};
    int64_t updated;
    if (e && !hll_of(c, e, scratch, &old)) return;
    if (e && hll_is_dense(old))
        updated = add_all_dense(c, e, old.n, argv + 2, argc - 2);
    else
        updated = add_all_copied(c, argv[1], old, argv + 2, argc - 2);
    if (updated < 0) {
        broken(c);
        return;
    }
    if (updated > 0) {
        ks_dirty += (uint64_t)updated;
        cmd_changed(c, argv[1], NOTIFY_STRING, "pfadd");
    }
    reply_int(&c->out, updated > 0);
}

/* --- PFCOUNT, PFMERGE --- */

/* The greatest of each register over all keys that exist. *dense: one of them is dense. False: an error was replied. */
static bool merge_keys(struct client *c, const slice *keys, int n, uint8_t registers[HLL_REGISTERS],
                       bool *dense) {
    memset(registers, 0, HLL_REGISTERS);
    *dense = false;
    for (int i = 0; i < n; i++) {
        struct entry *e = db_read(client_db(c), keys[i], 0);
        char scratch[NUM_INT_BYTES];
        slice s;
        if (!e) continue;
        if (!hll_of(c, e, scratch, &s)) return false;
        *dense |= hll_is_dense(s);
        if (!hll_merge(registers, s)) {
            broken(c);
            return false;
        }
    }
    return true;
}

/* The count is kept in the value. That is a change like any other: replicas are to have the same bytes. */
static void count_one(struct client *c, slice key) {
    struct db *db = client_db(c);
    struct entry *e = db_read(db, key, 0);
    char scratch[NUM_INT_BYTES];
    uint8_t registers[HLL_REGISTERS] = {0};
    uint64_t count;
    slice s;
    if (!e) {
        reply_int(&c->out, 0);
        return;
    }
    if (!hll_of(c, e, scratch, &s)) return;
    if (!hll_cached(s, &count)) {
        if (!hll_merge(registers, s)) {
            broken(c);
            return;
        }
        count = hll_count(registers);
        hll_cache(str_grow(db, &e, s.n), count);
        db_modified(db, key);
        ks_dirty++;
    }
    reply_int(&c->out, (int64_t)count);
}

void pfcount_command(struct client *c, const slice *argv, int argc) {
    uint8_t registers[HLL_REGISTERS];
    bool dense;
    if (argc == 2)
        count_one(c, argv[1]);
    else if (merge_keys(c, argv + 1, argc - 1, registers, &dense))
        reply_int(&c->out, (int64_t)hll_count(registers));
}

void pfmerge_command(struct client *c, const slice *argv, int argc) {
    uint8_t registers[HLL_REGISTERS];
    char scratch[NUM_INT_BYTES];
    bool dense;
    if (!merge_keys(c, argv + 1, argc - 1, registers, &dense)) return;
    struct entry *e = db_write(client_db(c), argv[1], 0);
    slice old = e ? str_get(e, scratch) : (slice){0};
    sds s = e ? sds_newlen(old.p, old.n) : hll_new();
    bool ok = !dense || hll_to_dense(&s); /* its runs have just been read: they are whole */
    for (unsigned i = 0; ok && i < HLL_REGISTERS; i++)
        if (registers[i]) ok = hll_set(&s, i, registers[i], server_config.hll_sparse_max_bytes) >= 0;
    if (!ok) {
        sds_free(s);
        broken(c);
        return;
    }
    hll_uncache(s);
    put(c, argv[1], s);
    ks_dirty++;
    cmd_changed(c, argv[1], NOTIFY_STRING, "pfadd");
    reply_ok(&c->out);
}

/* --- PFDEBUG --- */

/* 1: it was sparse and is dense now, 0: it was dense; -1: broken, which has been replied. */
static int make_dense(struct client *c, slice key, slice s) {
    if (hll_is_dense(s)) return 0;
    sds copy = sds_newlen(s.p, s.n);
    if (!hll_to_dense(&copy)) {
        sds_free(copy);
        broken(c);
        return -1;
    }
    put(c, key, copy);
    ks_dirty++;
    return 1;
}

static void show_registers(struct client *c, slice key, slice s) {
    uint8_t registers[HLL_REGISTERS] = {0};
    bool ok = hll_merge(registers, s);
    if (make_dense(c, key, s) < 0 || !ok) return;
    reply_array(&c->out, HLL_REGISTERS);
    for (int i = 0; i < HLL_REGISTERS; i++) reply_int(&c->out, registers[i]);
}

static void show_runs(struct client *c, slice s) {
    if (hll_is_dense(s)) {
        reply_error(&c->out, "ERR HLL encoding is not sparse");
        return;
    }
    sds runs = hll_runs(s);
    reply_bulk(&c->out, runs, sds_len(runs));
    sds_free(runs);
}

void pfdebug_command(struct client *c, const slice *argv, int argc) {
    (void)argc;
    struct entry *e = db_write(client_db(c), argv[2], 0);
    char scratch[NUM_INT_BYTES];
    slice s;
    if (!e) {
        reply_error(&c->out, "ERR The specified key does not exist");
        return;
    }
    if (!hll_of(c, e, scratch, &s)) return;
    if (slice_is(argv[1], "getreg")) {
        show_registers(c, argv[2], s);
    } else if (slice_is(argv[1], "decode")) {
        show_runs(c, s);
    } else if (slice_is(argv[1], "encoding")) {
        reply_status(&c->out, hll_is_dense(s) ? "dense" : "sparse");
    } else if (slice_is(argv[1], "todense")) {
        int done = make_dense(c, argv[2], s);
        if (done >= 0) reply_int(&c->out, done);
    } else {
        reply_errorf(&c->out, "ERR Unknown PFDEBUG subcommand '%.*s'", SLICE_ARGS(argv[1]));
    }
}

/* --- PFSELFTEST --- */

/* Both forms get the same elements, must agree on each, and may miss the truth by four standard errors. */
static bool self_test(sds *sparse, sds *dense) {
    const double error = 4 * 1.04 / 128; /* 128 is the root of the number of registers */
    for (int64_t i = 1, check = 1; i <= 100000; i++) {
        char digits[NUM_INT_BYTES];
        uint8_t a[HLL_REGISTERS] = {0}, b[HLL_REGISTERS] = {0};
        slice element = {digits, num_format_i64(digits, i)};
        int changed = hll_add(sparse, element, server_config.hll_sparse_max_bytes);
        if (changed < 0 || hll_add_dense(*dense, element) != changed) return false;
        if (i != check) continue;
        check *= 10;
        if (!hll_merge(a, sds_slice(*sparse)) || !hll_merge(b, sds_slice(*dense))) return false;
        if (memcmp(a, b, sizeof a) != 0) return false;
        double missed = (double)hll_count(a) - (double)i;
        if (missed * missed > error * error * (double)i * (double)i + 1) return false;
    }
    return true;
}

void pfselftest_command(struct client *c, const slice *argv, int argc) {
    (void)argv, (void)argc;
    sds sparse = hll_new(), dense = hll_new();
    if (hll_to_dense(&dense) && self_test(&sparse, &dense))
        reply_ok(&c->out);
    else
        reply_error(&c->out, "ERR TESTFAILED sparse and dense HyperLogLogs differ, or count badly");
    sds_free(sparse);
    sds_free(dense);
}
