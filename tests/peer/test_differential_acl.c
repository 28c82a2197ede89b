/* Users beside the real redis-server (support/differential.h): random rules and how they are described, what random
 * requests they allow, and commands executed as these users. */
#include "support/descriptions.h"
#include "support/differential.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define COMMANDS 6000

/* --- whose keys and channels are judged: all of Redis's commands; what ours has not is passed over --- */

static char **judged;
static size_t n_judged;

static int compare_names(const void *a, const void *b) {
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* In an order of their own, because the server's is another with each start. */
static void learn_commands(struct srv *real) {
    redisContext *c = srv_connect(real);
    redisReply *r = redisCommand(c, "COMMAND LIST");
    cr_assert(r && r->type == REDIS_REPLY_ARRAY && r->elements > 300, "COMMAND LIST: %s", reply_text(r));
    n_judged = r->elements;
    judged = malloc(n_judged * sizeof *judged);
    for (size_t i = 0; i < n_judged; i++) judged[i] = strdup(r->element[i]->str);
    qsort(judged, n_judged, sizeof *judged, compare_names);
    freeReplyObject(r);
    redisFree(c);
}

static const char *judged_command(void) {
    return judged[test_below(n_judged)];
}

static const char *user_name(void) {
    return PICK("u1", "u2", "u3");
}

/* --- rules --- */

static void add_command_rule(struct cmd *c) {
    char rule[64];
    const char *name = judged_command();
    snprintf(rule, sizeof rule, "%s%s", PICK("+", "-"), name);
    add(c, rule);
}

static void add_category_rule(struct cmd *c) {
    char rule[64];
    const char *name = PICK("all", "keyspace", "read", "write", "set", "sortedset", "list", "hash", "string",
                            "bitmap", "hyperloglog", "geo", "stream", "pubsub", "admin", "fast", "slow",
                            "blocking", "dangerous", "connection", "transaction", "scripting");
    snprintf(rule, sizeof rule, "%s@%s", PICK("+", "-"), name);
    add(c, rule);
}

static void add_odd_rule(struct cmd *c) {
    add(c, PICK("+select|0", "+get|a1", "+GET|b", "+config|get", "-config|set", "+eval", "-script|load",
                "+config|get|x", "+config|x", "+get|", "-get|x", "+", "-", "+@", "+@x", "+x", "%~a", "%R",
                "%rw~a1", "%RR~a", "%", "~", "&", "bogus", ")", "()", "(+get|a1)", "( )", "(on)", "(+x)",
                "(~a \"b\")", "~a b", "&a b", "reset", "clearselectors", "allcommands", "nocommands",
                "sanitize-payload", "skip-sanitize-payload", "on", "off",
                "#9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08", "#9F", "!12", "<none",
                ">p", "<p", ">q", "resetpass", "nopass", ""));
}

static void add_key_rule(struct cmd *c) {
    add(c, PICK("~a*", "~*1", "%R~r*", "%W~w*", "~x1", "%R~*", "%W~*", "resetkeys", "~*", "allkeys"));
}

static void add_channel_rule(struct cmd *c) {
    add(c, PICK("&a*", "&*1", "&x1", "resetchannels", "&*", "allchannels"));
}

static void add_rule(struct cmd *c) {
    int kind = (int)test_below(100);
    if (kind < 35)
        add_command_rule(c);
    else if (kind < 60)
        add_category_rule(c);
    else if (kind < 80)
        add_key_rule(c);
    else if (kind < 90)
        add_channel_rule(c);
    else
        add_odd_rule(c);
}

static void rule_setuser(struct cmd *c) {
    add(c, "ACL");
    add(c, "SETUSER");
    add(c, user_name());
    if (chance(30)) add(c, "reset");
    if (chance(50)) add(c, "on");
    if (chance(50)) add(c, "nopass");
    for (int n = (int)test_below(5); n > 0; n--) add_rule(c);
    if (!chance(20)) return;
    add(c, "(+@all");
    for (int n = (int)test_below(4); n > 0; n--) add_rule(c);
    add(c, chance(95) ? "~a*)" : "~a*");
}

static void rule_look(struct cmd *c) {
    add(c, "ACL");
    if (chance(70)) {
        add(c, "GETUSER");
        add(c, chance(95) ? user_name() : "nobody");
    } else {
        add(c, PICK("LIST", "USERS", "WHOAMI", "CAT", "HELP", "BOGUS"));
    }
}

static void rule_deluser(struct cmd *c) {
    add(c, "ACL");
    add(c, chance(50) ? "DELUSER" : "SETUSER");
    add(c, PICK("d1", "d2", "d3"));
    if (chance(30)) add(c, PICK("d1", "d2"));
}

/* --- judging --- */

static void add_words(struct cmd *c, const char *name) {
    const char *bar = strchr(name, '|');
    if (bar) {
        add_bytes(c, name, (size_t)(bar - name));
        add(c, bar + 1);
    } else {
        add(c, name);
    }
    for (int n = (int)test_below(7); n > 0; n--) {
        if (chance(70))
            add(c, PICK("a1", "r1", "w1", "x1", "a2", "r2", "w2", "x2", "aa", "rr", "ww"));
        else if (chance(50))
            add(c, PICK("0", "1", "2", "3", "-1", "2x", "10"));
        else
            add(c, PICK("STREAMS", "STORE", "storedist", "BY", "GET", "KEYS", "LIMIT", "LEFT", "GROUP",
                        "COUNT", "BLOCK", "NOACK", "*", "w*", "NX", "SET", "AUTH", "AND", "#"));
    }
}

static void rule_dryrun(struct cmd *c) {
    add(c, "ACL");
    add(c, "DRYRUN");
    add(c, user_name());
    add_words(c, judged_command());
}

static void rule_getkeys(struct cmd *c) {
    add(c, "COMMAND");
    add(c, chance(80) ? "GETKEYSANDFLAGS" : "GETKEYS");
    add_words(c, judged_command());
}

/* --- acting --- */

static void rule_sign_in(struct cmd *c) {
    if (chance(40)) {
        add(c, "RESET");
    } else if (chance(20)) {
        add(c, "HELLO");
        add(c, "2");
        add(c, "AUTH");
        add(c, user_name());
        add(c, "p");
    } else {
        add(c, "AUTH");
        add(c, chance(95) ? user_name() : "nobody");
        add(c, PICK("p", "q"));
    }
}

static void rule_act(struct cmd *c) {
    static const char *const commands[] = {
        "GET",     "SET",    "MGET",        "DEL",      "COPY", "APPEND",      "STRLEN", "EXISTS",
        "LPUSH",   "LRANGE", "RPOPLPUSH",   "SADD",     "TYPE", "SINTERSTORE", "INCR",   "SORT",
        "SORT_RO", "SELECT", "ZUNIONSTORE", "ZADD",     "PING", "ECHO",        "RENAME", "GETDEL",
        "GETEX",   "TOUCH",  "PERSIST",     "SETRANGE", "LMPOP"};
    add_words(c, commands[test_below(sizeof commands / sizeof *commands)]);
}

static void rule_transaction(struct cmd *c) {
    add(c, PICK("MULTI", "EXEC", "EXEC", "DISCARD", "WATCH"));
    if (is_command(c, "WATCH")) add(c, PICK("a1", "r1", "x1"));
}

/* --- comparing --- */

static bool is_acl(const struct cmd *c, const char *sub) {
    return is_command(c, "ACL") && c->len[1] == strlen(sub) && memcmp(c->argv[1], sub, c->len[1]) == 0;
}

static bool same(const struct cmd *c, redisReply *a, redisReply *b) {
    if (a->type == REDIS_REPLY_ERROR &&
        (strstr(a->str, "' not found") || strcmp(a->str, "ERR Invalid command specified") == 0))
        return true;
    if (is_command(c, "HELLO")) return a->type == b->type;
    if (is_acl(c, "HELP")) return a->type == b->type;
    if (is_acl(c, "GETUSER") || is_acl(c, "LIST") || is_acl(c, "CAT")) {
        sort_descriptions(a);
        sort_descriptions(b);
    }
    if (is_command(c, "SORT") || is_command(c, "SORT_RO")) { /* a set has no order */
        sort_reply(a);
        sort_reply(b);
    }
    return same_text(a, b);
}

static struct srv *start(enum srv_kind kind) {
    struct srv *s = srv_start(kind, "--requirepass ''");
    for (int i = 1; i <= 3; i++) srv_cmd(s, "ACL SETUSER u%d on nopass +@all ~a* %%R~r* %%W~w* &a*", i);
    return s;
}

static void run(const struct rule *rules, int n_rules, int commands) {
    struct differential d = {rules, n_rules, commands, same};
    struct srv *ours = start(TANDEM), *real = start(REDIS);
    learn_commands(real);
    differential_run(ours, real, &d);
    srv_free(ours);
    srv_free(real);
}

Test(differential_acl, rules_and_their_descriptions) {
    static const struct rule rules[] = {{40, rule_setuser}, {30, rule_look}, {3, rule_deluser}};
    run(rules, 3, COMMANDS / 2);
}

Test(differential_acl, judgements) {
    static const struct rule rules[] = {{5, rule_setuser}, {60, rule_dryrun}, {10, rule_getkeys}};
    run(rules, 3, COMMANDS);
}

Test(differential_acl, commands_of_users) {
    static const struct rule rules[] = {
        {3, rule_setuser}, {4, rule_sign_in}, {60, rule_act}, {3, rule_transaction}, {3, rule_look}};
    run(rules, 5, COMMANDS);
}
