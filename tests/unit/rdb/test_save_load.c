/* Whole files: what is saved comes back, options do what they say, and the bytes are those of Redis. */
#include "base/clock.h"
#include "fixture.h"
#include <criterion/criterion.h>

static const struct rdb_load_options plain_options;

static void assert_round_trip(uint64_t seed, int databases, int keys) {
    unsigned char before[20], after[20];
    size_t sizes[16], expires[16];
    fixture_begin(databases);
    fixture_fill(seed, keys);
    ks_digest(before);
    for (int i = 0; i < databases; i++) {
        sizes[i] = db_size(ks_db(i));
        expires[i] = db_expires(ks_db(i));
    }
    sds file = fixture_save(NULL);
    cr_assert_not_null(file);
    fixture_empty();
    struct rdb_load_stats stats;
    cr_assert(fixture_load(sds_slice(file), &plain_options, &stats), "%s at %llu", fixture_error,
              (unsigned long long)fixture_offset);
    cr_assert_eq(stats.keys_loaded, (uint64_t)keys);
    ks_digest(after);
    cr_assert_arr_eq(before, after, 20);
    for (int i = 0; i < databases; i++) {
        cr_assert_eq(db_size(ks_db(i)), sizes[i]);
        cr_assert_eq(db_expires(ks_db(i)), expires[i]);
    }
    sds_free(file);
    ks_shutdown();
}

Test(rdb_save_load, random_key_spaces_come_back_equal) {
    for (uint64_t seed = 1; seed <= 5; seed++) assert_round_trip(seed, 1 + (int)seed * 3, 800);
}

Test(rdb_save_load, they_do_without_compression_and_checksum) {
    rdb_config.compression = rdb_config.checksum = false;
    assert_round_trip(42, 2, 500);
    fixture_begin(1);
    sds file = fixture_save(NULL);
    cr_assert_arr_eq(file + sds_len(file) - 9, "\xff\0\0\0\0\0\0\0\0", 9);
    sds_free(file);
}

Test(rdb_save_load, an_empty_key_space_makes_a_file_too) {
    assert_round_trip(1, 4, 0);
}

/* Everything behind the aux fields, which carry times and sizes. */
static slice databases_of(sds file) {
    slice last = SLICE("\xfa\x08"
                       "aof-base\xc0\x00");
    char *at = memmem(file, sds_len(file), last.p, last.n);
    cr_assert_not_null(at);
    at += last.n;
    return (slice){at, sds_len(file) - 8 - (size_t)(at - file)};
}

Test(rdb_save_load, the_bytes_are_those_of_redis) {
    fixture_begin(16);
    db_set_string(ks_db(2), SLICE("b"), SLICE("hello"), 0x01a1dc6197ddLL);
    sds file = fixture_save(NULL);
    cr_assert(memcmp(file,
                     "REDIS0010\xfa\x09redis-ver\x06"
                     "7.0.15\xfa\x0aredis-bits\xc0\x40\xfa\x05"
                     "ctime\xc2",
                     9 + 18 + 14 + 8) == 0);
    slice want = SLICE("\xfe\x02\xfb\x01\x01\xfc\xdd\x97\x61\xdc\xa1\x01\x00\x00\x00\x01"
                       "b\x05hello\xff");
    cr_assert(slice_eq(databases_of(file), want));
    sds_free(file);
}

Test(rdb_save_load, the_replication_identity_travels) {
    struct rdb_info out = {.has_repl = true, .repl_stream_db = 3, .repl_offset = 123456789012LL}, in;
    struct rdb_load_options o = {.info = &in};
    memcpy(out.repl_id, "0123456789abcdef0123456789abcdef01234567", 41);
    fixture_begin(16);
    sds file = fixture_save(&out);
    cr_assert(fixture_load(sds_slice(file), &o, NULL));
    cr_assert(in.has_repl);
    cr_assert_eq(in.repl_stream_db, 3);
    cr_assert_eq(in.repl_offset, 123456789012LL);
    cr_assert_str_eq(in.repl_id, out.repl_id);
    sds_free(file);
    file = fixture_save(NULL);
    cr_assert(fixture_load(sds_slice(file), &o, NULL));
    cr_assert_not(in.has_repl);
    sds_free(file);
}

Test(rdb_save_load, a_doubtful_identity_is_none) {
    struct rdb_info in;
    struct rdb_load_options o = {.info = &in};
    fixture_begin(4);
    sds f = fixture_file(
        10, SLICE("\xfa\x07repl-id\x28xyz3456789abcdef0123456789abcdef01234567\xfa\x0brepl-offset\x01"
                  "5\xfa\x0erepl-stream-db\x01"
                  "9"));
    cr_assert(fixture_load(sds_slice(f), &o, NULL), "%s", fixture_error);
    cr_assert_not(in.has_repl);
    cr_assert_eq(in.repl_stream_db, -1);
    sds_free(f);
}

static slice expired_key;
static int expired_db;
static char expired_bytes[16];
static void note_expired(int dbid, slice key) {
    memcpy(expired_bytes, key.p, key.n);
    expired_key = (slice){expired_bytes, key.n};
    expired_db = dbid;
}

Test(rdb_save_load, a_primary_drops_expired_keys_and_a_replica_keeps_them) {
    fixture_begin(3);
    db_set_string(ks_db(1), SLICE("old"), SLICE("v"), 1000);
    db_set_string(ks_db(1), SLICE("young"), SLICE("v"), clock_ms() + 1000000);
    sds file = fixture_save(NULL);
    struct rdb_load_stats stats;
    struct rdb_load_options o = {.key_expired = note_expired};
    fixture_empty();
    cr_assert(fixture_load(sds_slice(file), &o, &stats));
    cr_assert_eq(stats.keys_loaded, 1);
    cr_assert_eq(stats.keys_expired, 1);
    cr_assert_eq(db_size(ks_db(1)), 1);
    cr_assert(slice_eq(expired_key, SLICE("old")) && expired_db == 1);
    fixture_empty();
    o.replica = true;
    cr_assert(fixture_load(sds_slice(file), &o, &stats));
    cr_assert_eq(stats.keys_loaded, 2);
    cr_assert_eq(stats.keys_expired, 0);
    cr_assert_eq(db_size(ks_db(1)), 2);
    cr_assert_eq(rdb_last_load.keys_loaded, 2);
    sds_free(file);
}

Test(rdb_save_load, recency_and_frequency_travel_when_the_policy_needs_them) {
    fixture_begin(1);
    struct entry *e = db_set_string(ks_db(0), SLICE("k"), SLICE("v"), NO_EXPIRE);
    entry_set_idle_s(e, 5000);
    ks_config.lru = true;
    sds file = fixture_save(NULL);
    fixture_empty();
    cr_assert(fixture_load(sds_slice(file), &plain_options, NULL));
    e = db_read(ks_db(0), SLICE("k"), LOOKUP_NOEFFECTS);
    cr_assert_geq(entry_idle_ms(e), 4999000);
    cr_assert_leq(entry_idle_ms(e), 5002000);
    sds_free(file);

    ks_config.lru = false;
    ks_config.lfu = true;
    entry_set_freq(e, 77);
    file = fixture_save(NULL);
    cr_assert_not_null(memmem(file, sds_len(file), "\xf9\x4d\x00\x01k\x01v", 7));
    fixture_empty();
    cr_assert(fixture_load(sds_slice(file), &plain_options, NULL));
    cr_assert_eq(entry_freq(db_read(ks_db(0), SLICE("k"), LOOKUP_NOEFFECTS)), 77);
    sds_free(file);
}

Test(rdb_save_load, the_later_of_two_equal_keys_wins_where_that_is_allowed) {
    slice body = SLICE("\xfe\x00\x00\x01k\x01"
                       "a\x00\x01k\x01"
                       "b");
    struct rdb_load_options o = {.allow_overwrite_dup = true};
    fixture_begin(1);
    sds f = fixture_file(10, body);
    cr_assert(fixture_load(sds_slice(f), &o, NULL));
    cr_assert(slice_eq(fixture_get(0, "k"), SLICE("b")));
    fixture_empty();
    cr_assert_not(fixture_load(sds_slice(f), &plain_options, NULL));
    cr_assert_str_eq(fixture_error, "duplicated key");
    sds_free(f);
}

/* One file per version, with what each brought. */
Test(rdb_save_load, versions_one_to_eleven_load) {
    fixture_begin(4);
    for (int version = 1; version <= 11; version++) {
        slice old = SLICE("\xfe\x00\x00\x01"
                          "a\xc0\x07\xfd\xff\xff\xff\x7f\x00\x01"
                          "b\x05hello\xfe\x03\x00\x01"
                          "c\xc3\x06\x15\x01\x61\x61\xe0\x0a\x00");
        slice young = SLICE("\xfa\x09redis-ver\x05"
                            "9.9.9\xfe\x00\xfb\x02\x01\x00\x01"
                            "a\xc0\x07\xfc\x00\xfc\xff\xff\xff\x01\x00\x00\xf8\x05\x00\x01"
                            "b\x05hello\xfe\x03\xf9\x09\x00\x01"
                            "c\xc3\x06\x15\x01\x61\x61\xe0\x0a\x00");
        sds f = fixture_file(version, version < 7 ? old : young);
        fixture_empty();
        cr_assert(fixture_load(sds_slice(f), &plain_options, NULL), "version %d: %s", version, fixture_error);
        cr_assert(slice_eq(fixture_get(0, "a"), SLICE("7")));
        cr_assert(slice_eq(fixture_get(0, "b"), SLICE("hello")));
        cr_assert(slice_eq(fixture_get(3, "c"), SLICE("aaaaaaaaaaaaaaaaaaaaa")));
        struct entry *b = db_read(ks_db(0), SLICE("b"), LOOKUP_NOEFFECTS);
        cr_assert_eq(entry_expire_ms(b), version < 7 ? 2147483647000LL : 0x1fffffffc00LL);
        sds_free(f);
    }
}

Test(rdb_save_load, functions_and_module_aux_are_skipped) {
    fixture_begin(1);
    sds f = fixture_file(
        10, SLICE("\xf5\x0bsome lua...\xf7\x81\x12\x34\x56\x78\x9a\xbc\xde\xf0\x02\x02\x01\x05\x02\x06"
                  "\x03"
                  "1234\x04"
                  "12345678\x05\xc0\x01\x05\x03"
                  "abc\x00\xfe\x00\x00\x01k\x01v"));
    cr_assert(fixture_load(sds_slice(f), &plain_options, NULL), "%s at %llu", fixture_error,
              (unsigned long long)fixture_offset);
    cr_assert(slice_eq(fixture_get(0, "k"), SLICE("v")));
    sds_free(f);
}

/* The mark of a diskless transfer stands right behind: it must still be there. */
Test(rdb_save_load, nothing_behind_the_file_is_consumed) {
    fixture_begin(2);
    fixture_fill(3, 100);
    sds file = fixture_save(NULL);
    size_t n = sds_len(file);
    file = sds_cat_str(file, "the mark and what follows it");
    fixture_empty();
    struct rdb_reader r;
    char mark[8];
    rdb_reader_memory(&r, sds_slice(file));
    cr_assert(rdb_load_stream(&r, &plain_options, NULL));
    cr_assert_eq(rdb_reader_offset(&r), n);
    cr_assert(rdb_read(&r, mark, 8) && memcmp(mark, "the mark", 8) == 0);
    cr_assert(slice_eq(rdb_reader_rest(&r), SLICE(" and what follows it")));
    sds_free(file);
}
