/* Values of directives: what each type accepts, the words of its refusal, and that text and value go round. */
#include <criterion/criterion.h>

#include "client/client.h"
#include "repl/repl.h"
#include "server/config_internal.h"
#include "server/server.h"

TestSuite(config_value, .init = config_init);

static const char *set(const char *name, const char *value) {
    const struct directive *d = directive_find(slice_of(name));
    cr_assert(d, "%s is not in the table", name);
    slice v = slice_of(value);
    return directive_set(d, &v, 1);
}

static void expect(const char *name, const char *value, const char *text) {
    const char *err = set(name, value);
    cr_assert_null(err, "%s '%s': %s", name, value, err);
    sds now = config_value(slice_of(name), sds_empty());
    cr_assert_str_eq(now, text, "%s '%s' reads '%s'", name, value, now);
    sds_free(now);
}

static void refuse(const char *name, const char *value, const char *text) {
    sds before = config_value(slice_of(name), sds_empty());
    const char *err = set(name, value);
    cr_assert(err, "%s accepts '%s'", name, value);
    cr_assert_str_eq(err, text);
    sds after = config_value(slice_of(name), sds_empty());
    cr_assert_str_eq(after, before, "a refused value changed %s", name);
    sds_free(before);
    sds_free(after);
}

Test(config_value, yes_and_no) {
    expect("rdbcompression", "NO", "no");
    expect("rdbcompression", "yes", "yes");
    refuse("rdbcompression", "1", "argument must be 'yes' or 'no'");
}

Test(config_value, integers_and_their_bounds) {
    expect("port", "0", "0");
    expect("port", "65535", "65535");
    refuse("port", "65536", "argument must be between 0 and 65535 inclusive");
    refuse("port", "-1", "argument must be between 0 and 65535 inclusive");
    refuse("port", "12x", "argument couldn't be parsed into an integer");
    refuse("port", " 12", "argument couldn't be parsed into an integer");
    refuse("port", "012", "argument couldn't be parsed into an integer");
    refuse("timeout", "99999999999", "argument must be between 0 and 2147483647 inclusive");
    expect("maxclients", "4294967295", "4294967295");
    refuse("maxclients", "0", "argument must be between 1 and 4294967295 inclusive");
}

Test(config_value, sizes) {
    expect("repl-backlog-size", "10mb", "10485760");
    expect("repl-backlog-size", "3k", "3000");
    refuse("repl-backlog-size", "1.5mb", "argument must be a memory value");
    refuse("repl-backlog-size", "-5", "argument must be a memory value");
    refuse("repl-backlog-size", "0", "argument must be between 1 and 9223372036854775807 inclusive");
    refuse("repl-backlog-size", "99999999999999999999",
           "argument must be between 1 and 9223372036854775807 inclusive");
}

Test(config_value, modes_are_octal) {
    expect("unixsocketperm", "0700", "700");
    refuse("unixsocketperm", "999", "argument couldn't be parsed as an octal number");
    refuse("unixsocketperm", "1000", "argument must be between 0 and 777 inclusive");
}

Test(config_value, words) {
    expect("loglevel", "WARNING", "warning");
    refuse("loglevel", "loud", "argument(s) must be one of the following: debug, verbose, notice, warning");
    expect("shutdown-on-sigterm", "nosave now", "nosave now");
    expect("shutdown-on-sigterm", "default", "default");
    refuse("shutdown-on-sigterm", "nosave save",
           "shutdown options SAVE and NOSAVE can't be used simultaneously");
    refuse("shutdown-on-sigterm", "maybe",
           "argument(s) must be one of the following: default, save, nosave, now, force");
}

Test(config_value, save_points) {
    expect("save", "10 2 20 3", "10 2 20 3");
    cr_assert_eq(server_config.save_point_count, 2);
    cr_assert_eq(server_config.save_points[1].seconds, 20);
    cr_assert_eq(server_config.save_points[1].changes, 3);
    refuse("save", "10", "Invalid save parameters");
    refuse("save", "0 1", "Invalid save parameters");
    refuse("save", "10 -1", "Invalid save parameters");
    expect("save", "", "");
}

Test(config_value, output_limits_keep_the_classes_not_named) {
    expect("client-output-buffer-limit", "replica 1mb 2mb 3",
           "normal 0 0 0 slave 1048576 2097152 3 pubsub 33554432 8388608 60");
    cr_assert_eq(client_config.limits[CLASS_REPLICA].soft_bytes, 2 << 20);
    refuse("client-output-buffer-limit", "normal 1 2",
           "Wrong number of arguments in buffer limit configuration.");
    refuse("client-output-buffer-limit", "normal 1 2 3 other 1 2 3",
           "Invalid client class specified in buffer limit configuration.");
    refuse("client-output-buffer-limit", "normal 1 x 3",
           "Error in hard, soft or soft_seconds setting in buffer limit configuration.");
}

Test(config_value, old_names_are_the_same_directive) {
    expect("slave-priority", "7", "7");
    cr_assert_eq(repl_config.replica_priority, 7);
    cr_assert_eq(directive_find(SLICE("slaveof")), directive_find(SLICE("REPLICAOF")));
}

Test(config_value, a_file_name_is_no_path) {
    refuse("dbfilename", "a/b", "dbfilename can't be a path, just a filename");
}

Test(config_value, title_templates_know_their_words) {
    expect("proc-title-template", "{title} {port}", "{title} {port}");
    refuse("proc-title-template", "{nonsense}", "template format is invalid or contains unknown variables");
    refuse("proc-title-template", "{title", "template format is invalid or contains unknown variables");
}

Test(config_value, what_is_missing_is_refused_by_name) {
    refuse("cluster-enabled", "yes", "'cluster-enabled yes' is not supported by Tandem, only 'no'");
    refuse("cluster-enabled", "maybe", "argument must be 'yes' or 'no'");
    expect("cluster-enabled", "no", "no");
    cr_assert(directive_unsupported(SLICE("LOADMODULE")));
    cr_assert_not(directive_unsupported(SLICE("nonsense")));
    cr_assert_str_eq(directive_refusal(SLICE("loadmodule")), "'loadmodule' is not supported by Tandem yet");
}

/* CONFIG GET's text is what rollback and CONFIG REWRITE give back to the setter. */
Test(config_value, every_text_form_sets_the_same_value) {
    const struct directive *d;
    for (int i = 0; (d = directive_at(i)); i++) {
        sds before = directive_get(d, sds_empty()), after;
        slice v = sds_slice(before);
        const char *err = directive_set(d, &v, 1);
        cr_assert_null(err, "%s '%s': %s", d->name, before, err);
        after = directive_get(d, sds_empty());
        cr_assert_str_eq(after, before, "%s", d->name);
        sds_free(before);
        sds_free(after);
    }
}
