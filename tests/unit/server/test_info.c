/* INFO's table: which sections a request selects, in which order, and that fields of a section are lines. */
#include <criterion/criterion.h>

#include "event/loop.h"
#include "keyspace/db.h"
#include "server/config.h"
#include "server/info.h"
#include "server/info_sections.h"

static sds one(sds out) {
    return sds_cat_str(out, "a:1\r\n");
}

static sds two(sds out) {
    return sds_cat_str(out, "b:2\r\n");
}

static sds rare(sds out) {
    return sds_cat_str(out, "c:3\r\n");
}

static void start(void) {
    info_register("two", "Two", 20, INFO_DEFAULT, two);
    info_register("rare", "Rare", 30, INFO_ALL_ONLY, rare);
    info_register("one", "One", 10, INFO_DEFAULT, one);
}

TestSuite(info, .init = start);

#define EXPECT(text, ...)                                                                                    \
    expect(text, (slice[]){__VA_ARGS__}, (int)(sizeof((slice[]){__VA_ARGS__}) / sizeof(slice)))

static void expect(const char *text, const slice *names, int n) {
    sds out = info_build(names, n);
    cr_assert_str_eq(out, text);
    sds_free(out);
}

#define ONE  "# One\r\na:1\r\n"
#define TWO  "# Two\r\nb:2\r\n"
#define RARE "# Rare\r\nc:3\r\n"

Test(info, plain_gives_the_default_ones_in_order) {
    expect(ONE "\r\n" TWO, NULL, 0);
    EXPECT(ONE "\r\n" TWO, SLICE("default"));
}

Test(info, all_and_everything) {
    EXPECT(ONE "\r\n" TWO "\r\n" RARE, SLICE("all"));
    EXPECT(ONE "\r\n" TWO "\r\n" RARE, SLICE("Everything"));
}

Test(info, names_select_without_case_each_once_in_the_table_s_order) {
    EXPECT(TWO, SLICE("TWO"));
    EXPECT(ONE "\r\n" RARE, SLICE("rare"), SLICE("one"), SLICE("rare"));
    EXPECT(ONE "\r\n" TWO "\r\n" RARE, SLICE("rare"), SLICE("default"));
}

Test(info, an_unknown_name_gives_nothing) {
    EXPECT("", SLICE("nonsense"));
}

/* Monitoring tools split at the first colon of each line. */
static void check_lines(info_section_fn *fn) {
    sds s = fn(sds_empty());
    for (char *line = s; *line;) {
        char *end = strstr(line, "\r\n");
        cr_assert(end, "a line does not end: %s", line);
        *end = '\0';
        cr_assert(strchr(line, ':') && line[0] != ':', "no field: %s", line);
        line = end + 2;
    }
    sds_free(s);
}

Test(info, every_section_is_lines_of_fields) {
    config_init();
    ks_init(16);
    check_lines(info_server);
    check_lines(info_clients);
    check_lines(info_memory);
    check_lines(info_persistence);
    check_lines(info_stats);
    check_lines(info_cpu);
    check_lines(info_cluster);
    check_lines(info_keyspace);
}
