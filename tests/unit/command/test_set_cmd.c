/* Set commands: the forms of RESP3, what enters the log, and what random members promise. Replies in RESP2 are compared
 * with the real server's in tests/peer. */
#include "fixture.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>

TestSuite(set_cmd, .init = command_setup, .fini = command_teardown);

static void expect_log(const char *want) {
    const char *got = logged();
    cr_assert_str_eq(got, want, "got: %s", got);
}

Test(set_cmd, forms_of_resp3) {
    struct client *c = new_client();
    c->out.proto = 3;
    ask(c, "sadd s 1");
    expect(c, "smembers s", "~1\r\n$1\r\n1\r\n");
    expect(c, "smembers none", "~0\r\n");
    expect(c, "sinter s s", "~1\r\n$1\r\n1\r\n");
    expect(c, "sinter s none", "~0\r\n");
    expect(c, "sunion s none", "~1\r\n$1\r\n1\r\n");
    expect(c, "sdiff s none", "~1\r\n$1\r\n1\r\n");
    expect(c, "sscan s 0", "*2\r\n$1\r\n0\r\n*1\r\n$1\r\n1\r\n");
    expect(c, "srandmember s 5", "*1\r\n$1\r\n1\r\n");
    expect(c, "srandmember s -2", "*2\r\n$1\r\n1\r\n$1\r\n1\r\n");
    expect(c, "srandmember none", "_\r\n");
    expect(c, "srandmember none 2", "*0\r\n");
    expect(c, "spop none", "_\r\n");
    expect(c, "spop none 2", "~0\r\n");
    expect(c, "spop s 0", "~0\r\n");
    expect(c, "spop s 2", "~1\r\n$1\r\n1\r\n");
}

Test(set_cmd, what_chance_removed_leaves_by_name) {
    struct client *c = new_client();
    ask(c, "sadd s 7");
    ask(c, "sadd t 1 2 3");
    logged();
    ask(c, "spop s");
    expect_log("SREM s 7");
    ask(c, "spop t 10");
    expect_log("DEL t");
    ask(c, "spop none");
    ask(c, "spop none 3");
    ask(c, "spop t 0");
    expect_log("");
    ask(c, "sadd s x y");
    logged();
    bool x = strcmp(ask(c, "spop s 1"), "*1\r\n$1\r\nx\r\n") == 0;
    expect_log(x ? "SREM s x" : "SREM s y");
}

Test(set_cmd, without_effect_nothing_leaves) {
    struct client *c = new_client();
    ask(c, "sadd s 1");
    ask(c, "sadd t 1 2");
    logged();
    static const char *const none[] = {"sadd s 1",        "srem s 2",  "smove s s 1", "smove s t 9",
                                       "sinterstore d e", "sdiff t s", "smembers s",  "sunionstore d none"};
    for (size_t i = 0; i < sizeof none / sizeof *none; i++) {
        ask(c, none[i]);
        expect_log("");
    }
    ask(c, "smove s t 1");
    expect_log("smove s t 1");
    expect(c, "exists s", ":0\r\n");
    ask(c, "sinterstore t none");
    expect_log("sinterstore t none");
    expect(c, "exists t", ":0\r\n");
}

static void add_numbers(struct client *c, int n, const char *prefix) {
    for (int i = 0; i < n; i++) {
        char line[64];
        snprintf(line, sizeof line, "sadd s %s%d", prefix, i);
        ask(c, line);
    }
}

/* Marks the members that the reply of bulk strings names, and returns how many there are. */
static int mark(const char *reply, int *seen, int n) {
    int count = 0;
    for (const char *p = strchr(reply, '$'); p; p = strchr(p + 1, '$')) {
        const char *text = strchr(p, '\n') + 1;
        int i = atoi(*text == 'm' ? text + 1 : text);
        cr_assert(i >= 0 && i < n, "%d", i);
        seen[i]++;
        count++;
    }
    return count;
}

/* Pops in steps of k until nothing is left: every member comes out once. */
static void pop_all(struct client *c, const char *prefix, int n, int k) {
    int seen[1000] = {0};
    char line[64];
    add_numbers(c, n, prefix);
    for (int left = n; left > 0; left -= k < left ? k : left) {
        snprintf(line, sizeof line, "spop s %d", k);
        cr_assert_eq(mark(ask(c, line), seen, n), k < left ? k : left);
        snprintf(line, sizeof line, ":%d\r\n", k < left ? left - k : 0);
        expect(c, "scard s", line);
    }
    for (int i = 0; i < n; i++)
        cr_assert_eq(seen[i], 1, "%s%d of %d by %d: %d times", prefix, i, n, k, seen[i]);
}

Test(set_cmd, pops_give_each_member_once) {
    struct client *c = new_client();
    static const int steps[] = {1, 7, 100, 290, 299, 300};
    for (size_t i = 0; i < sizeof steps / sizeof *steps; i++) {
        pop_all(c, "", 300, steps[i]); /* an intset */
        pop_all(c, "", 700, steps[i]); /* a table of integers */
        pop_all(c, "m", 300, steps[i]);
    }
}

/* What a replica makes of the log is what is left here. */
Test(set_cmd, popped_batches_are_complete) {
    struct client *c = new_client();
    add_numbers(c, 900, "m");
    logged();
    int popped[1000] = {0}, removed[1000] = {0};
    mark(ask(c, "spop s 500"), popped, 900); /* drawn one by one */
    for (const char *p = strstr(logged(), " m"); p; p = strstr(p + 1, " m")) removed[atoi(p + 2)]++;
    mark(ask(c, "spop s 390"), popped, 900); /* the rest is drawn */
    for (const char *p = strstr(logged(), " m"); p; p = strstr(p + 1, " m")) removed[atoi(p + 2)]++;
    for (int i = 0; i < 900; i++) cr_assert_eq(popped[i], removed[i], "member %d", i);
    expect(c, "scard s", ":10\r\n");
}

Test(set_cmd, random_members_are_distinct_when_asked) {
    for (int form = 0; form < 2; form++) {
        struct client *c = new_client();
        int few[400] = {0}, many[400] = {0}, repeated[400] = {0};
        add_numbers(c, 400, form ? "m" : "");
        cr_assert_eq(mark(ask(c, "srandmember s 10"), few, 400), 10);
        cr_assert_eq(mark(ask(c, "srandmember s 390"), many, 400), 390);
        cr_assert_eq(mark(ask(c, "srandmember s -3000"), repeated, 400), 3000);
        int missing = 0;
        for (int i = 0; i < 400; i++) {
            cr_assert(few[i] <= 1 && many[i] <= 1);
            missing += repeated[i] == 0;
        }
        cr_assert_lt(missing, 20);
        ask(c, "del s");
    }
}
