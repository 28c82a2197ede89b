/* Single keys. The last test plays random operations against a model that keeps everything the plain way. */
#include "unit/keyspace/keyspace_support.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/sds.h"
#include "keyspace/str.h"

TestSuite(db, .init = ks_test_init, .fini = ks_test_fini);

Test(db, missing_keys) {
    struct db *db = ks_db(0);
    cr_assert_null(db_read(db, SLICE("k"), 0));
    cr_assert_null(db_write(db, SLICE("k"), 0));
    cr_assert_not(db_delete(db, SLICE("k")));
    cr_assert_not(db_delete_lazy(db, SLICE("k")));
    cr_assert_null(db_move_entry(db, SLICE("k"), db, SLICE("j")));
    cr_assert_null(db_copy_entry(db, SLICE("k"), db, SLICE("j")));
    cr_assert_null(db_random(db));
    cr_assert_eq(db_size(db), 0);
}

Test(db, reads_count_and_tell_misses) {
    struct db *db = ks_db(3);
    db_set_string(db, SLICE("k"), SLICE("v"), NO_EXPIRE);
    db_read(db, SLICE("k"), 0);
    db_read(db, SLICE("gone"), 0);
    cr_assert_eq(ks_stats.hits, 1);
    cr_assert_eq(ks_stats.misses, 1);
    cr_assert_str_eq(events(), "notify-800-keymiss:gone@3 ");
    db_read(db, SLICE("k"), LOOKUP_NOSTATS);
    db_read(db, SLICE("gone"), LOOKUP_NOSTATS | LOOKUP_NONOTIFY);
    db_write(db, SLICE("k"), 0);
    db_write(db, SLICE("gone"), 0);
    cr_assert_eq(ks_stats.hits, 1);
    cr_assert_eq(ks_stats.misses, 1);
    cr_assert_str_eq(events(), "notify-800-keymiss:gone@3 ");
}

Test(db, setting_replaces_any_type) {
    struct db *db = ks_db(0);
    counted_register(false);
    counted_set(db, "k", 5, T0 + 10);
    cr_assert_eq(counted_values, 1);
    counted_set(db, "k", 6, KEEP_TTL);
    cr_assert_eq(counted_values, 1);
    cr_assert_eq(counted_elements, 6);
    struct entry *e = db_set_string(db, SLICE("k"), SLICE("v"), KEEP_TTL);
    cr_assert_eq(counted_values, 0);
    cr_assert_eq(entry_expire_ms(e), T0 + 10);
    counted_set(db, "k", 7, NO_EXPIRE);
    cr_assert_eq(db_expires(db), 0);
    cr_assert_eq(db_size(db), 1);
    cr_assert(db_delete(db, SLICE("k")));
    cr_assert_eq(counted_values, 0);
}

Test(db, copies_are_deep_and_moves_are_not) {
    struct db *a = ks_db(0), *b = ks_db(1);
    counted_register(false);
    counted_set(a, "k", 5, T0 + 10);
    struct entry *copy = db_copy_entry(a, SLICE("k"), b, SLICE("longer-key"));
    cr_assert_eq(counted_values, 2);
    cr_assert_eq(entry_expire_ms(copy), T0 + 10);
    void *ptr = entry_ptr(copy);
    struct entry *moved = db_move_entry(b, SLICE("longer-key"), b, SLICE("m"));
    cr_assert_eq(entry_ptr(moved), ptr);
    cr_assert_eq(counted_values, 2);
    cr_assert_eq(db_expires(b), 1);
    cr_assert_null(db_read(b, SLICE("longer-key"), 0));
    db_delete(a, SLICE("k"));
    cr_assert_eq(db_read(b, SLICE("m"), 0), moved);
    cr_assert_eq(counted_values, 1);
}

/* --- against a model --- */

#define KEYS  60
#define DBS   3
#define STEPS 60000

struct model_value {
    bool exists, raw;
    char *bytes;
    size_t n;
    int64_t expire_ms;
};
static struct model_value model[DBS][KEYS];
static int64_t now_ms = T0;

/* Lengths from none to more than one length byte can tell, all distinct. */
static slice key_of(int k) {
    static char keys[KEYS][200];
    size_t n = (size_t)k * 3;
    memset(keys[k], 'a' + k % 26, n);
    int digits = k > 0 ? snprintf(keys[k], n + 1, "%d", k) : 0;
    keys[k][digits] = n > (size_t)digits ? '-' : '\0';
    return (slice){keys[k], n};
}

static slice random_value(void) {
    static char buf[6000];
    static const size_t sizes[] = {0,   1,   12,  16,  20,   21,   43,   44,   45,   100,
                                   126, 127, 128, 700, 1016, 1023, 1024, 1025, 2048, 5999};
    if (ks_below(3) == 0) {
        int64_t edges[] = {0, INT32_MAX, INT32_MIN, INT64_MAX, INT64_MIN};
        int64_t v = (int64_t)((uint64_t)edges[ks_below(5)] + ks_below(5) - 2);
        return (slice){buf, (size_t)snprintf(buf, sizeof buf, "%lld", (long long)v)};
    }
    size_t n = sizes[ks_below(sizeof sizes / sizeof *sizes)];
    memset(buf, (int)ks_below(256), n);
    return (slice){buf, n};
}

static void model_put(struct model_value *m, slice v, bool raw, int64_t expire_ms) {
    char *bytes = malloc(v.n + 1);
    memcpy(bytes, v.p, v.n);
    free(m->bytes);
    *m = (struct model_value){true, raw, bytes, v.n, expire_ms};
}

static void model_drop(struct model_value *m) {
    free(m->bytes);
    *m = (struct model_value){0};
}

static void model_expire_all(void) {
    for (int i = 0; i < DBS * KEYS; i++) {
        struct model_value *m = &model[i / KEYS][i % KEYS];
        if (m->exists && m->expire_ms != NO_EXPIRE && now_ms > m->expire_ms) model_drop(m);
    }
}

static const char *model_encoding(const struct model_value *m) {
    int64_t v;
    if (!m->raw && m->n <= 20 && num_parse_i64((slice){m->bytes, m->n}, &v)) return "int";
    return !m->raw && m->n <= 44 ? "embstr" : "raw";
}

static void check_key(int d, int k) {
    const struct model_value *m = &model[d][k];
    struct entry *e = db_read(ks_db(d), key_of(k), LOOKUP_NOEFFECTS);
    cr_assert_eq(e != NULL, m->exists, "db %d key %d", d, k);
    if (!e) return;
    cr_assert(slice_eq(entry_key(e), key_of(k)));
    cr_assert(value_is(e, (slice){m->bytes, m->n}), "db %d key %d", d, k);
    cr_assert_str_eq(entry_encoding_name(e), model_encoding(m));
    cr_assert_eq(entry_expire_ms(e), m->expire_ms);
}

static void check_all(void) {
    cr_assert_not(ks_expire_due(UINT32_MAX));
    for (int d = 0; d < DBS; d++) {
        size_t keys = 0, expires = 0;
        __int128 left_ms = 0;
        for (int k = 0; k < KEYS; k++) {
            check_key(d, k);
            if (!model[d][k].exists) continue;
            keys++;
            if (model[d][k].expire_ms == NO_EXPIRE) continue;
            expires++;
            left_ms += model[d][k].expire_ms - now_ms;
        }
        cr_assert_eq(db_size(ks_db(d)), keys);
        cr_assert_eq(db_expires(ks_db(d)), expires);
        cr_assert_eq(db_avg_ttl_ms(ks_db(d)), expires ? (int64_t)(left_ms / (__int128)expires) : 0);
    }
}

static int64_t random_expire(void) {
    return ks_below(3) ? NO_EXPIRE : now_ms + (int64_t)ks_below(ks_below(4) ? 200 : 100000000) + 1;
}

static void step_set(int d, int k) {
    slice v = random_value();
    struct model_value *m = &model[d][k];
    bool keep = ks_below(3) == 0;
    int64_t expire_ms = keep ? KEEP_TTL : random_expire();
    struct value given = {.type = TYPE_STRING, .bytes = v};
    given.encoding = ks_below(4) == 0 ? VALUE_RAW : VALUE_AUTO;
    if (ks_below(4) == 0) {
        given.bytes = SLICE("");
        given.ptr = sds_newlen(v.p, v.n);
    }
    db_set(ks_db(d), key_of(k), &given, expire_ms);
    if (keep) expire_ms = m->exists ? m->expire_ms : NO_EXPIRE;
    model_put(m, v, given.encoding == VALUE_RAW, expire_ms);
}

static void step_ttl(int d, int k) {
    struct model_value *m = &model[d][k];
    struct entry *e = db_write(ks_db(d), key_of(k), 0);
    if (!e) return;
    m->expire_ms = random_expire();
    e = db_set_expire(ks_db(d), e, m->expire_ms);
    cr_assert_eq(db_write(ks_db(d), key_of(k), 0), e);
}

static void step_change(int d, int k) {
    struct model_value *m = &model[d][k];
    struct entry *e = db_write(ks_db(d), key_of(k), 0);
    int64_t v;
    if (!e) return;
    if (str_get_i64(e, &v) && ks_below(2)) {
        char text[NUM_INT_BYTES];
        v = (int64_t)((uint64_t)v + ks_below(1000));
        str_set_i64(ks_db(d), e, v);
        model_put(m, (slice){text, num_format_i64(text, v)}, false, m->expire_ms);
        return;
    }
    char more[3000];
    size_t n = ks_below(ks_below(2) ? sizeof more : 30), old = m->n;
    memset(more, (int)ks_below(256), sizeof more);
    memcpy(str_grow(ks_db(d), &e, old + n) + old, more, n);
    char *bytes = malloc(old + n + 1);
    memcpy(bytes, m->bytes, old);
    memcpy(bytes + old, more, n);
    model_put(m, (slice){bytes, old + n}, true, m->expire_ms);
    free(bytes);
}

static void step_move_or_copy(int d, int k, bool copy) {
    int to_d = (int)ks_below(DBS), to_k = (int)ks_below(KEYS);
    struct model_value *from = &model[d][k], *to = &model[to_d][to_k];
    if (from == to || to->exists) return;
    struct entry *e = copy ? db_copy_entry(ks_db(d), key_of(k), ks_db(to_d), key_of(to_k))
                           : db_move_entry(ks_db(d), key_of(k), ks_db(to_d), key_of(to_k));
    cr_assert_eq(e != NULL, from->exists);
    if (!e) return;
    model_put(to, (slice){from->bytes, from->n}, from->raw, from->expire_ms);
    if (!copy) model_drop(from);
    check_key(to_d, to_k);
}

static void step_delete(int d, int k) {
    bool deleted = ks_below(2) ? db_delete(ks_db(d), key_of(k)) : db_delete_lazy(ks_db(d), key_of(k));
    cr_assert_eq(deleted, model[d][k].exists);
    model_drop(&model[d][k]);
}

static void step_whole(int d) {
    if (ks_below(3)) return;
    if (ks_below(8) == 0) {
        db_flush(ks_db(d), ks_below(2));
        for (int k = 0; k < KEYS; k++) model_drop(&model[d][k]);
        return;
    }
    int other = (int)ks_below(DBS);
    ks_swap(d, other);
    struct model_value held[KEYS];
    memcpy(held, model[d], sizeof held);
    memcpy(model[d], model[other], sizeof held);
    memcpy(model[other], held, sizeof held);
}

static void step(void) {
    int d = (int)ks_below(DBS), k = (int)ks_below(KEYS);
    switch (ks_below(14)) {
    case 0:
    case 1:
    case 2:
    case 3:
    case 4: step_set(d, k); break;
    case 5:
    case 6: step_ttl(d, k); break;
    case 7:
    case 8: step_change(d, k); break;
    case 9: step_move_or_copy(d, k, true); break;
    case 10: step_move_or_copy(d, k, false); break;
    case 11: step_delete(d, k); break;
    case 12:
        if (ks_below(20) == 0) step_whole(d);
        break;
    default: /* time passes; what expired is met by lookups or the sweep, whichever comes first */
        now_ms += (int64_t)ks_below(20);
        clock_set_for_test(now_ms);
        model_expire_all();
        if (ks_below(2)) ks_expire_due(UINT32_MAX);
    }
    check_key(d, k);
}

Test(db, random_operations_match_a_model, .timeout = 60) {
    for (int i = 0; i < STEPS; i++) {
        step();
        events_clear();
        if (i % 100 == 0) check_all();
        if (i % 1000 == 0) ks_lazy_free_us(100);
    }
    check_all();
    for (int i = 0; i < DBS * KEYS; i++) model_drop(&model[i / KEYS][i % KEYS]);
}
