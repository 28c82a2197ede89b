/* CONFIG GET's matching, and CONFIG SET: all or nothing, with effects undone too. */
#include <criterion/criterion.h>

#include "client/client.h"
#include "rdb/rdb.h"
#include "repl/repl.h"
#include "server/config_internal.h"

TestSuite(config_set, .init = config_init);

#define SET(...) set_words((const char *[]){__VA_ARGS__, NULL})

static const char *set_words(const char **words) {
    slice v[16];
    int n = 0;
    for (; words[n]; n++) v[n] = slice_of(words[n]);
    return config_set(v, n / 2);
}

static int listens;
static const char *refuse_port_1(void) {
    listens++;
    return server_config.port == 1 ? "Unable to listen on this port. Check server logs." : NULL;
}
static const struct config_hooks hooks = {.listen_again = refuse_port_1};

Test(config_set, several_at_once) {
    cr_assert_null(SET("timeout", "7", "maxclients", "9"));
    cr_assert_eq(client_config.timeout_s, 7);
    cr_assert_eq(client_config.max_clients, 9);
}

Test(config_set, what_needs_whole_data_waits_for_it) {
    static const slice both[] = {{"hz", 2}, {"20", 2}, {"APPENDONLY", 10}, {"yes", 3}};
    static const slice after_unknown[] = {{"nosuch", 6}, {"1", 1}, {"appendonly", 10}, {"yes", 3}};
    static const slice protected[] = {{"dir", 3}, {".", 1}};
    cr_assert_not(config_set_must_wait(both, 2));
    rdb_loading.active = true;
    cr_assert(config_set_must_wait(both, 2));
    cr_assert_not(config_set_must_wait(both, 1));
    cr_assert_not(config_set_must_wait(after_unknown, 2));
    cr_assert_not(config_set_must_wait(protected, 1));
    server_config.enable_protected_configs = PROTECTED_YES;
    cr_assert(config_set_must_wait(protected, 1));
}

Test(config_set, one_bad_value_leaves_all_as_they_were) {
    cr_assert_str_eq(SET("timeout", "7", "hz", "20", "maxclients", "abc"),
                     "CONFIG SET failed (possibly related to argument 'maxclients') - argument couldn't be "
                     "parsed into an integer");
    cr_assert_eq(client_config.timeout_s, 0);
    cr_assert_eq(server_config.hz, 10);
}

Test(config_set, a_failed_effect_restores_values_and_effects) {
    config_set_hooks(&hooks);
    cr_assert_str_eq(
        SET("timeout", "7", "port", "1"),
        "CONFIG SET failed (possibly related to argument 'port') - Unable to listen on this port. "
        "Check server logs.");
    cr_assert_eq(server_config.port, 6379);
    cr_assert_eq(client_config.timeout_s, 0);
    cr_assert_eq(listens, 2, "the old port must be listened on again");
}

Test(config_set, a_failed_bind_has_words_of_its_own) {
    config_set_hooks(&hooks);
    server_config.port = 1;
    cr_assert_str_eq(SET("bind", "127.0.0.1"),
                     "CONFIG SET failed (possibly related to argument 'bind') - Failed to "
                     "bind to specified addresses.");
}

Test(config_set, an_effect_shared_by_two_runs_once_and_not_without_change) {
    config_set_hooks(&hooks);
    cr_assert_null(SET("port", "7000", "bind", "127.0.0.1"));
    cr_assert_eq(listens, 1);
    cr_assert_null(SET("port", "7000"));
    cr_assert_eq(listens, 1);
}

Test(config_set, refusals_name_the_argument) {
    cr_assert_str_eq(SET("port", "1", "Port", "2"),
                     "CONFIG SET failed (possibly related to argument 'Port') - duplicate parameter");
    cr_assert_null(SET("min-slaves-to-write", "1", "min-replicas-to-write", "2"));
    cr_assert_eq(repl_config.min_replicas_to_write, 2);
    cr_assert_str_eq(
        SET("databases", "3"),
        "CONFIG SET failed (possibly related to argument 'databases') - can't set immutable config");
    cr_assert_str_eq(SET("nonsense", "3"),
                     "Unknown option or number of arguments for CONFIG SET - 'nonsense'");
    cr_assert_str_eq(SET("loadmodule", "1"),
                     "CONFIG SET failed (possibly related to argument 'loadmodule') - 'loadmodule' is not "
                     "supported by Tandem yet");
}

Test(config_set, protected_directives_need_leave) {
    cr_assert_str_eq(
        SET("dbfilename", "x.rdb"),
        "CONFIG SET failed (possibly related to argument 'dbfilename') - can't set protected config");
    server_config.enable_protected_configs = PROTECTED_LOCAL;
    cr_assert_not_null(SET("dbfilename", "x.rdb"));
    config_caller_is_local = true;
    cr_assert_null(SET("dbfilename", "x.rdb"));
    config_caller_is_local = false;
    server_config.enable_protected_configs = PROTECTED_YES;
    cr_assert_str_eq(SET("dir", "/nonexistent"),
                     "CONFIG SET failed (possibly related to argument 'dir') - No such file or directory");
}

Test(config_set, hz_out_of_range_is_corrected) {
    cr_assert_null(SET("hz", "9999"));
    cr_assert_eq(server_config.hz, 500);
    cr_assert_null(SET("hz", "0"));
    cr_assert_eq(server_config.hz, 1);
}

/* --- GET --- */

static void collect(void *ctx, const char *name, slice value) {
    sds *out = ctx;
    *out = sds_cat_printf(*out, "%s=%.*s;", name, (int)value.n, value.p);
}

#define GET(text, ...)                                                                                       \
    expect_get(text, (slice[]){__VA_ARGS__}, (int)(sizeof((slice[]){__VA_ARGS__}) / sizeof(slice)))

static void expect_get(const char *text, const slice *patterns, int n) {
    sds out = sds_empty();
    config_get(patterns, n, collect, &out);
    cr_assert_str_eq(out, text);
    sds_free(out);
}

Test(config_get, by_name_without_case_and_once) {
    config_init();
    GET("port=6379;", SLICE("PORT"), SLICE("port"), SLICE("por?"));
    GET("", SLICE("nonsense"));
}

Test(config_get, patterns_find_old_names_too) {
    config_init();
    GET("replica-priority=100;slave-priority=100;", SLICE("*priority"));
    GET("slave-priority=100;", SLICE("slave-prio*"));
}

Test(config_get, hidden_directives_show_by_name_only) {
    config_init();
    GET("", SLICE("rdb-key-save-d*"));
    GET("rdb-key-save-delay=0;", SLICE("rdb-key-save-delay"));
}

/* With *-lru snapshots carry idle times, with *-lfu frequencies. */
Test(config_set, the_policy_decides_what_is_counted) {
    static const struct {
        const char *policy;
        bool lru, lfu;
    } cases[] = {{"allkeys-lru", true, false},
                 {"volatile-lfu", false, true},
                 {"volatile-lru", true, false},
                 {"allkeys-lfu", false, true},
                 {"volatile-ttl", false, false}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        cr_assert_null(SET("maxmemory-policy", cases[i].policy));
        cr_assert_eq(ks_config.lru, cases[i].lru, "%s", cases[i].policy);
        cr_assert_eq(ks_config.lfu, cases[i].lfu, "%s", cases[i].policy);
    }
}
