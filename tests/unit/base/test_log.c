/* The log's line form, levels and limits; clocks; random numbers. */
#include "base/clock.h"
#include "base/log.h"
#include "base/random.h"

#include <criterion/criterion.h>
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char path[64];

static void open_log(void) {
    snprintf(path, sizeof(path), "/tmp/tandem-test-log-%d", (int)getpid());
    unlink(path);
    log_set_level(LOG_LEVEL_NOTICE);
    log_set_file(path);
}

static void close_log(void) {
    unlink(path);
}

static size_t read_log(char *buf, size_t cap) {
    FILE *f = fopen(path, "r");
    if (!f) return 0;
    size_t n = fread(buf, 1, cap - 1, f);
    fclose(f);
    buf[n] = '\0';
    return n;
}

TestSuite(log, .init = open_log, .fini = close_log);

Test(log, line_form) {
    setenv("TZ", "UTC-3", 1);
    log_set_role('S');
    log_warning("Connecting to MASTER %s:%d", "127.0.0.1", 6379);
    char buf[4096];
    read_log(buf, sizeof(buf));
    int pid, day, year, h, m, s, ms;
    char role, month[4], level, text[64];
    cr_assert_eq(sscanf(buf, "%d:%c %2d %3s %4d %2d:%2d:%2d.%3d %c %63[^\n]", &pid, &role, &day, month, &year,
                        &h, &m, &s, &ms, &level, text),
                 11, "%s", buf);
    cr_assert_eq(pid, getpid());
    cr_assert_eq(role, 'S');
    cr_assert_eq(level, '#');
    cr_assert_str_eq(text, "Connecting to MASTER 127.0.0.1:6379");
    cr_assert_eq(buf[strlen(buf) - 1], '\n');
    int utc_h = (int)(clock_wall_us() / 3600000000 % 24);
    cr_assert(h == (utc_h + 3) % 24 || h == (utc_h + 2) % 24, "local time: %d, UTC hour %d", h, utc_h);
}

Test(log, levels) {
    char buf[4096];
    log_set_level(LOG_LEVEL_DEBUG);
    log_debug("a");
    log_verbose("b");
    log_notice("c");
    log_warning("d");
    read_log(buf, sizeof(buf));
    cr_assert_not_null(strstr(buf, " . a\n"));
    cr_assert_not_null(strstr(buf, " - b\n"));
    cr_assert_not_null(strstr(buf, " * c\n"));
    cr_assert_not_null(strstr(buf, " # d\n"));
    log_set_level(LOG_LEVEL_WARNING);
    log_notice("hidden");
    log_set_level(LOG_LEVEL_NOTHING);
    log_warning("hidden");
    read_log(buf, sizeof(buf));
    cr_assert_null(strstr(buf, "hidden"));
}

Test(log, long_lines_are_cut_and_the_next_line_is_whole) {
    static char text[3000], buf[8192];
    memset(text, 'x', sizeof(text) - 1);
    log_warning("%s", text);
    log_warning("next");
    read_log(buf, sizeof(buf));
    char *end = strchr(buf, '\n');
    cr_assert_not_null(end);
    cr_assert_eq(strspn(strchr(buf, 'x'), "x"), 1023);
    cr_assert_not_null(strstr(end + 1, "# next\n"));
}

Test(log, survives_rotation_by_rename) {
    char aside[80], buf[1024];
    log_warning("one");
    snprintf(aside, sizeof(aside), "%s.1", path);
    rename(path, aside);
    log_warning("two");
    read_log(buf, sizeof(buf));
    unlink(aside);
    cr_assert_null(strstr(buf, "one"));
    cr_assert_not_null(strstr(buf, "two"));
}

Test(log, raw_text_for_the_crash_handler) {
    char buf[128];
    log_raw_signal_safe("raw\n");
    read_log(buf, sizeof(buf));
    cr_assert_str_eq(buf, "raw\n");
}

Test(clock, cached_until_updated) {
    int64_t earliest = clock_wall_us() / 1000;
    clock_update();
    int64_t first = clock_ms();
    cr_assert(earliest <= first && first <= clock_wall_us() / 1000);
    usleep(20000);
    cr_assert_eq(clock_ms(), first);
    clock_update();
    cr_assert_geq(clock_ms(), first + 20);
    uint64_t mono = clock_mono_us();
    usleep(1000);
    cr_assert_geq(clock_mono_us(), mono + 1000);
}

Test(random, seeded_repeats_and_below_is_in_range) {
    uint64_t a[4];
    random_seed(5);
    for (int i = 0; i < 4; i++) a[i] = random_u64();
    random_seed(5);
    for (int i = 0; i < 4; i++) cr_assert_eq(random_u64(), a[i]);
    int seen[7] = {0};
    for (int i = 0; i < 7000; i++) seen[random_below(7)]++;
    for (int i = 0; i < 7; i++) cr_assert(seen[i] > 800 && seen[i] < 1200, "%d", seen[i]);
    cr_assert_eq(random_below(1), 0);
}

Test(random, hex_ids_are_hex_and_differ) {
    char a[101], b[101];
    random_hex(a, 100);
    random_hex(b, 100);
    for (int i = 0; i < 100; i++) cr_assert(isdigit((unsigned char)a[i]) || (a[i] >= 'a' && a[i] <= 'f'));
    cr_assert_neq(memcmp(a, b, 100), 0);
}
