/* Users: rules, what they allow, how they are described, signing in; with a few commands of the test's own. */
#include <criterion/criterion.h>
#include <stdio.h>

#include "base/clock.h"
#include "base/random.h"
#include "server/acl.h"

enum { READ = 1, WRITE = 2, ADMIN = 4, SLOW = 8 };
enum { GET, SET, SELECT, CONFIG, CONFIG_GET, CONFIG_SET, MGET, DEL, PUBLISH, PING, COMMANDS };

static const struct acl_command commands[COMMANDS] = {
    {"get", READ, -1, false},
    {"set", WRITE, -1, false},
    {"select", SLOW, -1, false},
    {"config", SLOW, -1, true},
    {"config|get", ADMIN | SLOW, CONFIG, false},
    {"config|set", ADMIN | SLOW, CONFIG, false},
    {"mget", READ, -1, false},
    {"del", WRITE | SLOW, -1, false},
    {"publish", 0, -1, false},
    {"ping", 0, -1, false},
};
static const char *const categories[] = {"read", "write", "admin", "slow"};

static struct acl_user *last_changed, *last_removed, *lost_channels;

static void on_changed(struct acl_user *u) {
    last_changed = u;
}
static void on_removed(struct acl_user *u) {
    last_removed = u;
}
static void on_channels_taken(struct acl_user *u) {
    lost_channels = u;
}

static void start(void) {
    static const struct acl_hooks hooks = {on_changed, on_channels_taken, on_removed};
    acl_config.file = ""; /* no configuration is read here */
    acl_init(commands, COMMANDS, categories, 4);
    acl_set_hooks(&hooks);
    last_changed = last_removed = lost_channels = NULL;
    clock_update();
}

TestSuite(acl, .init = start);

/* Rules as ACL SETUSER gets them: words between blanks. */
static const char *try_user(const char *name, const char *rules) {
    slice v[32];
    int n = 0;
    for (const char *p = rules; *p;) {
        size_t length = strcspn(p, " ");
        v[n++] = (slice){p, length};
        p += length + (p[length] == ' ');
    }
    return acl_set_user(slice_of(name), v, n);
}

static struct acl_user *user(const char *name, const char *rules) {
    const char *err = try_user(name, rules);
    cr_assert_null(err, "%s: %s", rules, err);
    return acl_find(slice_of(name));
}

static void expect_error(const char *rules, const char *wanted) {
    const char *err = try_user("u", rules);
    cr_assert(err, "%s was taken", rules);
    cr_assert_str_eq(err, wanted);
}

static void expect_described(const struct acl_user *u, const char *wanted) {
    sds got = acl_describe(u, sds_empty());
    cr_assert_str_eq(got, wanted);
    sds_free(got);
}

static void expect_rules(const char *rules, const char *described) {
    char all[512];
    snprintf(all, sizeof all, "reset %s", rules);
    user("u", all);
    struct acl_user *u = acl_find(SLICE("u"));
    expect_described(u, described);
    snprintf(all, sizeof all, "reset %s", described);
    expect_described(user("again", all), described);
}

/* --- rules --- */

Test(acl, a_new_user_is_off_and_may_do_nothing) {
    expect_described(user("u", ""), "off resetchannels -@all");
    expect_described(acl_default(), "on nopass ~* &* +@all");
}

Test(acl, commands_are_described_by_categories_that_fit) {
    expect_rules("+get", "off sanitize-payload resetchannels -@all +get");
    expect_rules("+get +mget", "off sanitize-payload resetchannels -@all +@read");
    expect_rules("+@all -get", "off sanitize-payload resetchannels +@all -get");
    expect_rules("+@all -@read", "off sanitize-payload resetchannels +@all -@read");
    expect_rules("+@slow", "off sanitize-payload resetchannels -@all +@slow");
    expect_rules("+@SLOW -select -del +Set", "off sanitize-payload resetchannels -@all +@admin +set +config");
    expect_rules("+config -config|set", "off sanitize-payload resetchannels -@all +config -config|set");
    expect_rules("+config|set", "off sanitize-payload resetchannels -@all +config|set");
    expect_rules("allcommands nocommands", "off sanitize-payload resetchannels -@all");
}

Test(acl, first_arguments_are_kept_until_their_command_changes) {
    expect_rules("+select|0 +select|1 +SELECT|0",
                 "off sanitize-payload resetchannels -@all +select|0 +select|1");
    expect_rules("+select|0 +select", "off sanitize-payload resetchannels -@all +select");
    expect_rules("+select|0 -select", "off sanitize-payload resetchannels -@all");
    expect_rules("+select|0 -@slow", "off sanitize-payload resetchannels -@all");
    expect_rules("+select|0 -@read", "off sanitize-payload resetchannels -@all +select|0");
}

Test(acl, patterns_of_keys_and_channels) {
    expect_rules("~a ~b ~a %R~c %w~d %rW~e %W~c",
                 "off sanitize-payload ~a ~b ~c %W~d ~e resetchannels -@all");
    expect_rules("~a allkeys", "off sanitize-payload ~* resetchannels -@all");
    expect_rules("~a resetkeys %R~", "off sanitize-payload %R~ resetchannels -@all");
    expect_rules("&a &b* &a", "off sanitize-payload resetchannels &a &b* -@all");
    expect_rules("&a &*", "off sanitize-payload &* -@all");
    expect_rules("allchannels resetchannels", "off sanitize-payload resetchannels -@all");
}

Test(acl, selectors_are_rules_in_parentheses_however_they_come) {
    expect_rules(
        "(+get ~a) +set ( +mget &x )",
        "off sanitize-payload resetchannels -@all +set (~a resetchannels -@all +get) (resetchannels &x "
        "-@all +mget)");
    expect_rules("(+get) clearselectors", "off sanitize-payload resetchannels -@all");
    expect_rules("()", "off sanitize-payload resetchannels -@all (resetchannels -@all)");
    expect_error("(+get ~a", "Unmatched parenthesis in acl selector starting at '(+get'.");
    expect_error("(+get on)", "Error in ACL SETUSER modifier '(+get on)': Syntax error");
}

Test(acl, wrong_rules_are_named) {
    static const char
        *const after_all = "Error in ACL SETUSER modifier '~b': Adding a pattern after the * pattern (or the "
                           "'allkeys' flag) is not valid and does not have any effect. Try 'resetkeys' to "
                           "start with an empty list of patterns";
    expect_error("bogus", "Error in ACL SETUSER modifier 'bogus': Syntax error");
    expect_error("+nosuch",
                 "Error in ACL SETUSER modifier '+nosuch': Unknown command or category name in ACL");
    expect_error("+@nosuch",
                 "Error in ACL SETUSER modifier '+@nosuch': Unknown command or category name in ACL");
    expect_error("+config|x",
                 "Error in ACL SETUSER modifier '+config|x': Unknown command or category name in ACL");
    expect_error("-get|x", "Error in ACL SETUSER modifier '-get|x': Unknown command or category name in ACL");
    expect_error("+get|", "Error in ACL SETUSER modifier '+get|': Syntax error");
    expect_error("+config|get|x",
                 "Error in ACL SETUSER modifier '+config|get|x': Allowing first-arg of a subcommand is "
                 "not supported");
    expect_error("~* ~b", after_all);
    expect_error("%~a", "Error in ACL SETUSER modifier '%~a': Syntax error");
    expect_error("%RR~a", "Error in ACL SETUSER modifier '%RR~a': Syntax error");
    expect_error("%RX~a", "Error in ACL SETUSER modifier '%RX~a': Syntax error");
    expect_error(
        "<x",
        "Error in ACL SETUSER modifier '<x': The password you are trying to remove from the user does not "
        "exist");
    expect_error(
        "#12",
        "Error in ACL SETUSER modifier '#12': The password hash must be exactly 64 characters and contain "
        "only lowercase hexadecimal characters");
    cr_assert_str_eq(acl_set_user(SLICE("a b"), NULL, 0),
                     "Usernames can't contain spaces or null characters");
}

Test(acl, a_wrong_rule_changes_nothing) {
    struct acl_user *u = user("u", "on +get ~a >x (+set)");
    sds before = acl_describe(u, sds_empty());
    expect_error("off -get resetkeys resetpass clearselectors bogus",
                 "Error in ACL SETUSER modifier 'bogus': Syntax error");
    expect_described(u, before);
    cr_assert_not_null(try_user("other", "+get bogus"));
    cr_assert_null(acl_find(SLICE("other")));
    sds_free(before);
}

/* --- judging --- */

static enum acl_verdict judge(const struct acl_user *u, int command, const char *arg1, unsigned access1,
                              const char *arg2, unsigned access2) {
    slice argv[3] = {SLICE("x"), slice_of(arg1), slice_of(arg2)};
    struct acl_key keys[2] = {{1, access1}, {2, access2}};
    struct acl_request r = {.command = command, .argv = argv, .argc = 3, .keys = keys, .n_keys = 2};
    if (!access2) r.n_keys = access1 ? 1 : 0;
    int pos;
    return acl_check(u, &r, &pos);
}

Test(acl, keys_are_matched_by_access) {
    struct acl_user *u = user("u", "+@all ~rw* %R~r* %W~w*");
    unsigned both = ACL_READS | ACL_WRITES;
    cr_assert_eq(judge(u, GET, "rw1", both, "", 0), ACL_ALLOWED);
    cr_assert_eq(judge(u, GET, "r1", ACL_READS, "", 0), ACL_ALLOWED);
    cr_assert_eq(judge(u, GET, "r1", ACL_WRITES, "", 0), ACL_DENIED_KEY);
    cr_assert_eq(judge(u, GET, "w1", ACL_READS, "", 0), ACL_DENIED_KEY);
    cr_assert_eq(judge(u, GET, "w1", both, "", 0), ACL_DENIED_KEY);
    cr_assert_eq(judge(u, GET, "r1", ACL_READS, "w1", ACL_WRITES), ACL_ALLOWED);
    cr_assert_eq(judge(u, GET, "r1", ACL_READS, "x", ACL_WRITES), ACL_DENIED_KEY);
    cr_assert_eq(judge(u, GET, "", 0, "", 0), ACL_ALLOWED);
}

Test(acl, one_selector_must_allow_all_of_it) {
    struct acl_user *u = user("u", "+get ~a (+set ~b) (+mget ~*)");
    cr_assert_eq(judge(u, GET, "a", ACL_READS, "", 0), ACL_ALLOWED);
    cr_assert_eq(judge(u, SET, "b", ACL_WRITES, "", 0), ACL_ALLOWED);
    cr_assert_eq(judge(u, SET, "a", ACL_WRITES, "", 0), ACL_DENIED_KEY);
    cr_assert_eq(judge(u, MGET, "x", ACL_READS, "y", ACL_READS), ACL_ALLOWED);
    cr_assert_eq(judge(u, PING, "", 0, "", 0), ACL_DENIED_COMMAND);
    cr_assert(acl_limits_keys(u));
    cr_assert_not(acl_limits_keys(user("v", "~* (~*)")));
}

Test(acl, the_refusal_that_came_furthest_is_told) {
    struct acl_user *u = user("u", "(+mget ~a) (+mget ~b)");
    slice argv[4] = {SLICE("mget"), SLICE("a"), SLICE("a"), SLICE("c")};
    struct acl_key keys[3] = {{1, ACL_READS}, {2, ACL_READS}, {3, ACL_READS}};
    struct acl_request r = {.command = MGET, .argv = argv, .argc = 4, .keys = keys, .n_keys = 3};
    int pos;
    cr_assert_eq(acl_check(u, &r, &pos), ACL_DENIED_KEY);
    cr_assert_eq(pos, 3);
}

Test(acl, first_arguments_allow_a_command_in_part) {
    struct acl_user *u = user("u", "+select|0");
    slice argv[2] = {SLICE("select"), SLICE("0")};
    struct acl_request r = {.command = SELECT, .argv = argv, .argc = 2};
    int pos;
    cr_assert_eq(acl_check(u, &r, &pos), ACL_ALLOWED);
    argv[1] = SLICE("1");
    cr_assert_eq(acl_check(u, &r, &pos), ACL_DENIED_COMMAND);
    r.argc = 1;
    cr_assert_eq(acl_check(u, &r, &pos), ACL_DENIED_COMMAND);
    r.needs_none = true;
    cr_assert_eq(acl_check(u, &r, &pos), ACL_ALLOWED);
}

Test(acl, channels_match_patterns_and_patterns_literally) {
    struct acl_user *u = user("u", "+publish &news.* &a");
    slice argv[3] = {SLICE("publish"), SLICE("news.x"), SLICE("a")};
    struct acl_request r = {
        .command = PUBLISH, .argv = argv, .argc = 3, .first_channel = 1, .last_channel = 2};
    int pos;
    cr_assert_eq(acl_check(u, &r, &pos), ACL_ALLOWED);
    argv[2] = SLICE("b");
    cr_assert_eq(acl_check(u, &r, &pos), ACL_DENIED_CHANNEL);
    cr_assert_eq(pos, 2);
    cr_assert(acl_channel_allowed(u, SLICE("news.*"), true));
    cr_assert_not(acl_channel_allowed(u, SLICE("news.x"), true));
    cr_assert_not(acl_channel_allowed(u, SLICE("new"), false));
}

Test(acl, may_do_all_is_the_root_without_limits) {
    cr_assert(acl_may_do_all(acl_default()));
    cr_assert(acl_may_do_all(user("u", "+@all ~* &*")));
    cr_assert_not(acl_may_do_all(user("u", "-get")));
    cr_assert_not(acl_may_do_all(user("u", "+@all resetkeys ~a")));
    cr_assert_not(acl_may_do_all(user("u", "~* resetchannels")));
}

Test(acl, all_keys_for_sort) {
    slice argv[2] = {SLICE("get"), SLICE("a")};
    struct acl_request r = {.command = GET, .argv = argv, .argc = 2};
    cr_assert(acl_check_with_all_keys(user("u", "reset +get %R~*"), &r, ACL_READS));
    cr_assert_not(acl_check_with_all_keys(user("u", "reset +get %W~*"), &r, ACL_READS));
    cr_assert_not(acl_check_with_all_keys(user("u", "reset +set ~* (+get ~a)"), &r, ACL_READS));
    cr_assert(acl_check_with_all_keys(user("u", "reset (+get ~*)"), &r, ACL_READS));
}

/* --- users --- */

Test(acl, signing_in) {
    user("u", "on >one >two");
    cr_assert_not_null(acl_authenticate(SLICE("u"), SLICE("one")));
    cr_assert_not_null(acl_authenticate(SLICE("u"), SLICE("two")));
    cr_assert_null(acl_authenticate(SLICE("u"), SLICE("three")));
    cr_assert_null(acl_authenticate(SLICE("nobody"), SLICE("one")));
    user("u", "<one");
    cr_assert_null(acl_authenticate(SLICE("u"), SLICE("one")));
    user("u", "off");
    cr_assert_null(acl_authenticate(SLICE("u"), SLICE("two")));
    user("u", "on nopass");
    cr_assert_not_null(acl_authenticate(SLICE("u"), SLICE("anything")));
    user("u", "resetpass");
    cr_assert_null(acl_authenticate(SLICE("u"), SLICE("anything")));
    user("u", "#9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08");
    cr_assert_not_null(acl_authenticate(SLICE("u"), SLICE("test")));
}

Test(acl, requirepass_is_the_default_users_password) {
    cr_assert_not(acl_password_needed());
    acl_set_default_password(SLICE("secret"));
    cr_assert(acl_password_needed() && acl_default_has_password());
    cr_assert_eq(acl_authenticate(SLICE("default"), SLICE("secret")), acl_default());
    acl_set_default_password(SLICE("other"));
    cr_assert_null(acl_authenticate(SLICE("default"), SLICE("secret")));
    acl_set_default_password(SLICE(""));
    cr_assert_not(acl_password_needed());
    user("default", "off");
    cr_assert(acl_password_needed());
}

Test(acl, users_are_in_the_order_of_their_names) {
    static const char *const names[] = {"b", "ab", "a", "", "zz", "B"};
    static const char *const sorted[] = {"", "B", "a", "ab", "b", "default", "zz"};
    for (int i = 0; i < 6; i++) user(names[i], "");
    cr_assert_eq(acl_count(), 7);
    for (int i = 0; i < 7; i++) cr_assert_str_eq(acl_name(acl_at(i)).p, sorted[i]);
    cr_assert(acl_delete(SLICE("ab")));
    cr_assert_not(acl_delete(SLICE("ab")));
    cr_assert_not(acl_delete(SLICE("default")));
    cr_assert_eq(acl_count(), 6);
}

Test(acl, who_holds_a_user_is_told_of_changes) {
    struct acl_user *u = user("u", "&a &b");
    cr_assert_null(last_changed);
    user("u", "+get");
    cr_assert_eq(last_changed, u);
    cr_assert_null(lost_channels);
    user("u", "&c");
    cr_assert_null(lost_channels);
    user("u", "resetchannels &a &b &*");
    cr_assert_null(lost_channels);
    user("u", "resetchannels &a");
    cr_assert_eq(lost_channels, u);
    acl_delete(SLICE("u"));
    cr_assert_eq(last_removed, u);
}

/* --- the log --- */

Test(acl, the_log_counts_what_repeats) {
    acl_config.log_max = 3;
    acl_log_add(ACL_DENIED_KEY, ACL_CONTEXT_TOPLEVEL, SLICE("k"), SLICE("u"), SLICE("1"));
    acl_log_add(ACL_DENIED_COMMAND, ACL_CONTEXT_TOPLEVEL, SLICE("k"), SLICE("u"), SLICE("2"));
    acl_log_add(ACL_DENIED_KEY, ACL_CONTEXT_TOPLEVEL, SLICE("k"), SLICE("u"), SLICE("3"));
    cr_assert_eq(acl_log_count(), 2);
    const struct acl_entry *e = acl_log_first();
    cr_assert_eq(e->count, 2);
    cr_assert_eq(e->reason, ACL_DENIED_KEY);
    cr_assert_str_eq(e->client, "3");
    cr_assert_str_eq(e->next->client, "2");
    clock_set_for_test(clock_ms() + 60001);
    acl_log_add(ACL_DENIED_KEY, ACL_CONTEXT_TOPLEVEL, SLICE("k"), SLICE("u"), SLICE("4"));
    acl_log_add(ACL_DENIED_KEY, ACL_CONTEXT_MULTI, SLICE("k"), SLICE("u"), SLICE("5"));
    cr_assert_eq(acl_log_count(), 3, "the oldest one went");
    cr_assert_str_eq(acl_log_first()->next->next->client, "3");
    acl_log_reset();
    cr_assert_null(acl_log_first());
    cr_assert_eq(acl_stats.denied[ACL_DENIED_KEY], 4);
}

/* --- descriptions mean what they describe --- */

static const char *random_rule(void) {
    static const char *const rules[] = {"+get",
                                        "-get",
                                        "+set",
                                        "-set",
                                        "+@read",
                                        "-@read",
                                        "+@write",
                                        "-@write",
                                        "+@admin",
                                        "-@admin",
                                        "+@slow",
                                        "-@slow",
                                        "+config",
                                        "-config",
                                        "+config|get",
                                        "-config|get",
                                        "-config|set",
                                        "+select|1",
                                        "+@all",
                                        "-@all",
                                        "+mget",
                                        "-del",
                                        "+del",
                                        "-publish",
                                        "+publish",
                                        "~a*",
                                        "%R~b",
                                        "%W~b",
                                        "~*",
                                        "resetkeys",
                                        "&c",
                                        "&*",
                                        "resetchannels",
                                        "on",
                                        "off",
                                        ">p",
                                        "nopass",
                                        "resetpass",
                                        "clearselectors",
                                        "(+get ~x)",
                                        "(-@all +@slow %R~y &z)"};
    return rules[random_below(sizeof rules / sizeof *rules)];
}

Test(acl, a_description_makes_the_same_user) {
    random_seed(7);
    for (int round = 0; round < 2000; round++) {
        slice rules[12] = {SLICE("reset")};
        int n = 1 + (int)random_below(12);
        for (int i = 1; i < n; i++) rules[i] = slice_of(random_rule());
        acl_delete(SLICE("u"));
        for (int i = 0; i < n; i++)
            acl_set_user(SLICE("u"), &rules[i], 1); /* those that are wrong now don't count */
        struct acl_user *u = acl_find(SLICE("u"));
        sds once = acl_describe(u, sds_empty());
        char again[1024];
        snprintf(again, sizeof again, "reset %s", once);
        struct acl_user *copy = user("copy", again);
        expect_described(copy, once);
        for (int command = 0; command < COMMANDS; command++)
            cr_assert_eq(judge(u, command, "1", 0, "", 0), judge(copy, command, "1", 0, "", 0), "%s", once);
        sds_free(once);
    }
}
