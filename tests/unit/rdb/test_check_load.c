/* The look-through before data is given up: it says of a file what loading it would say. */
#include "base/clock.h"
#include "base/log.h"
#include "event/loop.h"
#include "fixture.h"
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static char err[256];

static bool is_loadable(slice file) {
    char path[] = "/tmp/tandem-look-XXXXXX";
    int fd = mkstemp(path);
    cr_assert_eq(write(fd, file.p, file.n), (ssize_t)file.n);
    close(fd);
    err[0] = '\0';
    bool ok = rdb_file_is_loadable(path, err, sizeof err);
    unlink(path);
    cr_assert_eq(db_size(ks_db(0)), 0, "nothing is kept");
    cr_assert_not(rdb_loading.active);
    return ok;
}

/* What the look-through says of the body, and that a load says the same. */
static void assert_judged(slice body, const char *why) {
    static const struct rdb_load_options replica = {.replica = true};
    sds file = fixture_file(10, body);
    bool ok = is_loadable(sds_slice(file));
    cr_assert_eq(ok, why == NULL, "%s", err);
    if (why) cr_assert(strstr(err, why), "'%s' does not say '%s'", err, why);
    cr_assert_eq(fixture_load(sds_slice(file), &replica, NULL), ok, "%s", fixture_error);
    fixture_empty();
    sds_free(file);
}

static void begin(void) {
    fixture_begin(2);
    ev_init();
}

TestSuite(rdb_check_load, .init = begin, .fini = ks_shutdown);

#define KEY_K "\x00\x01k\x01v"

Test(rdb_check_load, a_key_may_come_once_in_each_database) {
    assert_judged(SLICE("\xfe\x00" KEY_K "\xfe\x01" KEY_K), NULL);
    assert_judged(SLICE("\xfe\x00" KEY_K "\x00\x01j\x01v" KEY_K), "duplicated key at offset 21");
    assert_judged(SLICE("\xfe\x00" KEY_K "\xfe\x01" KEY_K "\xfe\x00" KEY_K), "duplicated key at offset 25");
    assert_judged(SLICE("\xfe\x00" KEY_K "\xfc\x01\0\0\0\0\0\0\0" KEY_K), "duplicated key");
    assert_judged(SLICE("\xfe\x00\x04\x01k\x00" KEY_K "\x04\x01k\x00"), NULL); /* no elements: no key */
}

Test(rdb_check_load, many_keys_that_come_twice) {
    sds body = sds_newlen("\xfe\x00", 2);
    for (int round = 0; round < 2; round++)
        for (int i = 0; i < 250; i++) body = sds_cat(body, (char[]){0, 1, (char)i, 1, 'v'}, 5);
    assert_judged(sds_slice(body), "duplicated key");
    sds_free(body);
}

Test(rdb_check_load, databases_that_we_have_not) {
    assert_judged(SLICE("\xfe\x02"), "3 databases, and we have 2");
    assert_judged(SLICE("\xfe\x81\xff\xff\xff\xff\xff\xff\xff\xff"), "databases, and we have 2");
}

/* With the hash's own words in place of a seed's, what begins with its second word has the same hash whatever follows. */
Test(rdb_check_load_unseeded, two_keys_of_one_hash_are_no_duplicates) {
    log_set_level(LOG_LEVEL_NOTHING);
    clock_update();
    ks_init(2);
    ev_init();
#define SAME_HASH "\x44\x73\x70\x03\x2e\x8a\x19\x13"
    cr_assert_eq(db_hash(SLICE(SAME_HASH "AAAAAAAA")), db_hash(SLICE(SAME_HASH "BBBBBBBB")));
    assert_judged(SLICE("\xfe\x00\x00\x10" SAME_HASH "AAAAAAAA\x01v\x00\x10" SAME_HASH "BBBBBBBB\x01v"),
                  NULL);
    assert_judged(SLICE("\xfe\x00\x00\x10" SAME_HASH "AAAAAAAA\x01v\x00\x10" SAME_HASH
                        "BBBBBBBB\x01v\x00\x10" SAME_HASH "AAAAAAAA\x01v"),
                  "duplicated key at offset 51");
    ks_shutdown();
}
