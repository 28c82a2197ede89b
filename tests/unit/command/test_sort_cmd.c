/* SORT: what enters the log, and numbers that are none. Replies and data are compared with the real one in tests/peer. */
#include "fixture.h"

#include <criterion/criterion.h>

TestSuite(sort_cmd, .init = command_setup, .fini = command_teardown);

static void expect_log(const char *want) {
    const char *got = logged();
    cr_assert_str_eq(got, want, "got: %s", got);
}

Test(sort_cmd, only_what_is_stored_enters_the_log) {
    struct client *c = new_client();
    ask(c, "rpush l 3 1 2");
    logged();
    expect(c, "sort l desc", "*3\r\n$1\r\n3\r\n$1\r\n2\r\n$1\r\n1\r\n");
    expect(c, "sort none store nothing", ":0\r\n");
    expect_log("");
    expect(c, "sort l limit 0 2 store to", ":2\r\n");
    expect_log("sort l limit 0 2 store to");
    expect(c, "sort none store to", ":0\r\n");
    expect_log("sort none store to");
}

Test(sort_cmd, what_is_out_of_range_is_no_number) {
    struct client *c = new_client();
    ask(c, "rpush l 1 1e400");
    expect(c, "sort l", "-ERR One or more scores can't be converted into double\r\n");
    expect(c, "sort l store to", "-ERR One or more scores can't be converted into double\r\n");
    expect(c, "exists to", ":0\r\n");
    expect(c, "sort_ro l store to", "-ERR syntax error\r\n");
    expect(c, "sort l alpha desc limit 0 1", "*1\r\n$5\r\n1e400\r\n");
}

/* Replicas have tables of another order. */
Test(sort_cmd, equals_of_a_set_are_stored_by_their_bytes) {
    struct client *c = new_client();
    ask(c, "sadd s e d c b a");
    expect(c, "sort s by none_* alpha store to", ":5\r\n");
    expect(c, "lindex to 0", "$1\r\na\r\n");
    expect(c, "lindex to 1", "$1\r\nb\r\n");
    expect(c, "lindex to 4", "$1\r\ne\r\n");
    expect(c, "sort s by none_* alpha desc limit 0 2 store to", ":2\r\n");
    expect(c, "lindex to 0", "$1\r\ne\r\n");
}
