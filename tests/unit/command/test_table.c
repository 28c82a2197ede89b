/* The command table: lookup, what start-up computes, and what COMMAND says of it. */
#include "fixture.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>

#define BULK(n, s) "$" #n "\r\n" s "\r\n"

TestSuite(table, .init = command_setup, .fini = command_teardown);

Test(table, finds_every_name_in_any_case) {
    const struct command *cmd;
    int i = 0;
    for (; (cmd = command_at(i)); i++) {
        char upper[64];
        size_t n = strlen(cmd->name);
        for (size_t k = 0; k <= n; k++)
            upper[k] = (char)(cmd->name[k] >= 'a' ? cmd->name[k] - 32 : cmd->name[k]);
        cr_assert_eq(command_lookup(slice_of(cmd->name)), cmd, "%s", cmd->name);
        cr_assert_eq(command_lookup((slice){upper, n}), cmd, "%s", upper);
    }
    cr_assert(i == command_count() && i > 80);
}

Test(table, finds_nothing_else) {
    static const char *const names[] = {"",       "g",     "ge",         "gett", "g\x05t",
                                        "getex ", "set\r", "config|get", "SE",   "s\xe5t"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        cr_assert_null(command_lookup(slice_of(names[i])), "'%s'", names[i]);
    cr_assert_null(command_lookup((slice){"get\0", 4}));
    cr_assert_null(command_lookup_full(slice_of("config|")));
    cr_assert_null(command_lookup_full(slice_of("config|get|x")));
    cr_assert_null(command_lookup_full(slice_of("get|get")));
}

Test(table, finds_subcommands_by_full_name) {
    const struct command *get = command_lookup_full(slice_of("Config|GET"));
    cr_assert_not_null(get);
    cr_assert_str_eq(get->name, "config|get");
    cr_assert_eq(get->parent, command_lookup(slice_of("config")));
}

Test(table, computes_the_range_of_keys) {
    static const struct {
        const char *name;
        int first, last, step;
    } rows[] = {{"get", 1, 1, 1},  {"mset", 1, -1, 2}, {"del", 1, -1, 1}, {"rename", 1, 2, 1},
                {"ping", 0, 0, 0}, {"lcs", 1, 2, 1},   {"copy", 1, 2, 1}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const struct command *cmd = command_lookup(slice_of(rows[i].name));
        cr_assert_eq(cmd->first_key, rows[i].first, "%s", rows[i].name);
        cr_assert_eq(cmd->last_key, rows[i].last, "%s", rows[i].name);
        cr_assert_eq(cmd->key_step, rows[i].step, "%s", rows[i].name);
    }
}

Test(table, implies_categories) {
    cr_assert_eq(command_lookup(SLICE("set"))->acl, ACL_WRITE | ACL_STRING | ACL_SLOW);
    cr_assert_eq(command_lookup(SLICE("get"))->acl, ACL_READ | ACL_STRING | ACL_FAST);
    cr_assert(command_lookup(SLICE("debug"))->acl & ACL_DANGEROUS);
}

Test(table, command_info_of_one) {
    struct client *c = new_client();
    expect(c, "command info ping nosuch",
           "*2\r\n*10\r\n" BULK(
               4, "ping") ":-1\r\n*1\r\n+fast\r\n:0\r\n:0\r\n:0\r\n*2\r\n+@fast\r\n+@connection\r\n"
                          "*2\r\n" BULK(25, "request_policy:all_shards")
                              BULK(29, "response_policy:all_succeeded") "*0\r\n*0\r\n$-1\r\n");
}

Test(table, documents_every_command) {
    struct client *c = new_client();
    char head[16];
    snprintf(head, sizeof head, "*%d\r\n", 2 * command_count());
    cr_assert_eq(strncmp(ask(c, "command docs"), head, strlen(head)), 0); /* parses all argument notations */
    expect(c, "command docs nosuch", "*0\r\n");
    cr_assert(strstr(ask(c, "command docs client|kill"), BULK(7, "ip:port")));
}

Test(table, documents_arguments) {
    struct client *c = new_client();
    const char *docs = ask(c, "command docs getex");
    cr_assert(strstr(docs, "*2\r\n*6\r\n" BULK(4, "name") BULK(3, "key") BULK(4, "type") BULK(3, "key") BULK(
                               14, "key_spec_index") ":0\r\n*8\r\n" BULK(4, "name") BULK(10, "expiration")
                               BULK(4, "type") BULK(5, "oneof") BULK(5, "flags") "*1\r\n+optional\r\n" BULK(
                                   9, "arguments") "*5\r\n*6\r\n" BULK(4, "name") BULK(7, "seconds")
                                   BULK(4, "type") BULK(7, "integer") BULK(5, "token") BULK(2, "EX")),
              "%s", docs);
}

Test(table, getkeys) {
    struct client *c = new_client();
    expect(c, "command getkeys mset a 1 b 2", "*2\r\n" BULK(1, "a") BULK(1, "b"));
    expect(c, "command getkeys config get x", "-ERR The command has no key arguments\r\n");
    expect(c, "command getkeys nosuch x", "-ERR Invalid command specified\r\n");
    expect(c, "command getkeys get a b", "-ERR Invalid number of arguments specified for command\r\n");
    expect(c, "command getkeysandflags set a b", "*1\r\n*2\r\n" BULK(1, "a") "*2\r\n+OW\r\n+update\r\n");
    expect(c, "command getkeysandflags set a b get",
           "*1\r\n*2\r\n" BULK(1, "a") "*3\r\n+RW\r\n+access\r\n+update\r\n");
}

Test(table, list_filters) {
    struct client *c = new_client();
    expect(c, "command list filterby pattern PSET*", "*1\r\n" BULK(6, "psetex"));
    expect(c, "command list filterby aclcat nosuch", "*0\r\n");
    expect(c, "command list filterby module x", "*0\r\n");
    expect(c, "command list filterby", "-ERR syntax error\r\n");
}

Test(table, knows_where_elements_are_named) {
    static const struct {
        const char *name;
        int element;
    } rows[] = {{"hset", 2},    {"hget", 2},   {"sadd", 2},        {"sismember", 2},
                {"zscore", 2},  {"zadd", 3},   {"zincrby", 3},     {"spop", 0},
                {"hgetall", 0}, {"sinter", 0}, {"get", 0},         {"lpush", 0},
                {"smove", 0},   {"append", 0}, {"zunionstore", 0}, {"setrange", 0}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        cr_assert_eq(command_lookup(slice_of(rows[i].name))->element, rows[i].element, "%s", rows[i].name);
}

Test(table, lists_subcommands_with_their_containers) {
    struct client *c = new_client();
    cr_assert(strstr(ask(c, "COMMAND LIST"), BULK(6, "config")));
    cr_assert(strstr(ask(c, "COMMAND LIST"), BULK(10, "config|get")));
    cr_assert_not(strstr(ask(c, "COMMAND LIST FILTERBY PATTERN config|*"), BULK(6, "config")));
    cr_assert(strstr(ask(c, "COMMAND LIST FILTERBY PATTERN config|*"), BULK(10, "config|set")));
}
