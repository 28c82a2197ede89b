/* Hash commands: the forms of RESP3, what enters the log, and what random fields promise. Replies in RESP2 are compared
 * with the real server's in tests/peer. */
#include "fixture.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>

TestSuite(hash_cmd, .init = command_setup, .fini = command_teardown);

Test(hash_cmd, forms_of_resp3) {
    struct client *c = new_client();
    c->out.proto = 3;
    ask(c, "hset h a 1");
    expect(c, "hgetall h", "%1\r\n$1\r\na\r\n$1\r\n1\r\n");
    expect(c, "hgetall none", "%0\r\n");
    expect(c, "hkeys h", "*1\r\n$1\r\na\r\n");
    expect(c, "hvals none", "*0\r\n");
    expect(c, "hget h none", "_\r\n");
    expect(c, "hmget none a b", "*2\r\n_\r\n_\r\n");
    expect(c, "hrandfield h 5 withvalues", "*1\r\n*2\r\n$1\r\na\r\n$1\r\n1\r\n");
    expect(c, "hrandfield h -2 withvalues", "*2\r\n*2\r\n$1\r\na\r\n$1\r\n1\r\n*2\r\n$1\r\na\r\n$1\r\n1\r\n");
    expect(c, "hrandfield h -2", "*2\r\n$1\r\na\r\n$1\r\na\r\n");
    expect(c, "hrandfield none", "_\r\n");
    expect(c, "hscan h 0", "*2\r\n$1\r\n0\r\n*2\r\n$1\r\na\r\n$1\r\n1\r\n");
    expect(c, "hincrbyfloat h a 0.5", "$3\r\n1.5\r\n");
}

Test(hash_cmd, what_replicas_get) {
    struct client *c = new_client();
    ask(c, "hset h a 1 b 2");
    cr_assert_str_eq(logged(), "SELECT 0; hset h a 1 b 2");
    ask(c, "hincrbyfloat h a 0.25");
    cr_assert_str_eq(logged(), "HSET h a 1.25");
    ask(c, "hincrby h b 5");
    cr_assert_str_eq(logged(), "hincrby h b 5");
    ask(c, "hsetnx h a 9");
    ask(c, "hdel h none");
    ask(c, "hincrby h a 1");
    ask(c, "hincrbyfloat h a inf");
    ask(c, "hset h a");
    cr_assert_str_eq(logged(), "");
    ask(c, "hdel h a b");
    cr_assert_str_eq(logged(), "hdel h a b");
    expect(c, "exists h", ":0\r\n");
}

Test(hash_cmd, a_refused_number_makes_no_key) {
    struct client *c = new_client();
    expect(c, "hincrby h a x", "-ERR value is not an integer or out of range\r\n");
    expect(c, "hincrbyfloat h a nan", "-ERR value is not a valid float\r\n");
    expect(c, "exists h", ":0\r\n");
}

/* How many of the fields 0..n-1 the reply of bulk strings names, each at most `times`. */
static int distinct_fields(const char *reply, int n, int times) {
    int seen[1000] = {0}, distinct = 0;
    for (const char *p = strchr(reply, '$'); p; p = strchr(p + 1, '$')) {
        int field = atoi(strchr(p, '\n') + 1);
        cr_assert(field >= 0 && field < n, "%d", field);
        distinct += seen[field]++ == 0;
        cr_assert_leq(seen[field], times);
    }
    return distinct;
}

Test(hash_cmd, random_fields_are_of_the_hash_and_distinct_when_asked) {
    struct client *c = new_client();
    for (int n = 100; n <= 1000; n += 900) { /* a listpack, a table */
        for (int i = 0; i < n; i++) {
            char line[64];
            snprintf(line, sizeof line, "hset h %d v", i);
            ask(c, line);
        }
        cr_assert_eq(distinct_fields(ask(c, "hrandfield h 10"), n, 1), 10);
        cr_assert_eq(distinct_fields(ask(c, "hrandfield h 90"), n, 1), 90);
        cr_assert_eq(distinct_fields(ask(c, "hrandfield h 5000"), n, 1), n);
        cr_assert_geq(distinct_fields(ask(c, "hrandfield h -1000"), n, 1000), 90);
        cr_assert_eq(distinct_fields(ask(c, "hrandfield h"), n, 1), 1);
    }
}

/* A walk through a table sees every field that stays, whatever comes and goes meanwhile. */
Test(hash_cmd, scan_keeps_its_promise) {
    struct client *c = new_client();
    bool seen[600] = {false};
    char line[64];
    for (int i = 0; i < 600; i++) {
        snprintf(line, sizeof line, "hset h %d v", i);
        ask(c, line);
    }
    uint64_t cursor = 0;
    int calls = 0;
    do {
        snprintf(line, sizeof line, "hscan h %llu count 20", (unsigned long long)cursor);
        const char *reply = ask(c, line);
        cursor = strtoull(strchr(strchr(reply, '$'), '\n') + 1, NULL, 10);
        const char *p = strchr(strchr(reply, '$') + 1, '$');
        for (; p; p = strchr(strchr(p + 1, '$') + 1, '$')) {
            int field = atoi(strchr(p, '\n') + 1);
            if (field < 600) seen[field] = true;
        }
        for (int i = 0; i < 50; i++) {
            snprintf(line, sizeof line, calls < 12 ? "hset h %d v" : "hdel h %d", 600 + calls % 12 * 50 + i);
            ask(c, line);
        }
        calls++;
    } while (cursor != 0);
    cr_assert_gt(calls, 10);
    for (int i = 0; i < 600; i++) cr_assert(seen[i], "field %d", i);
}
