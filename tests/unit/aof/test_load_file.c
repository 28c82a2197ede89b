/* One file: what is executed, where it is cut off, what is refused. Commands go to a list, not to the key space. */
#include <criterion/criterion.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "aof/internal.h"
#include "base/alloc.h"
#include "base/log.h"
#include "event/loop.h"
#include "rdb/rdb.h"
#include "support/log_bytes.h"

#define SELECT_0 "*2\r\n$6\r\nSELECT\r\n$1\r\n0\r\n"
#define SET_A    "*3\r\n$3\r\nSET\r\n$1\r\na\r\n$1\r\n1\r\n"
#define SET_B    "*3\r\n$3\r\nSET\r\n$1\r\nb\r\n$1\r\n2\r\n"
#define MULTI    "*1\r\n$5\r\nMULTI\r\n"
#define EXEC     "*1\r\n$4\r\nEXEC\r\n"
#define ID       "0123456789abcdef0123456789abcdef01234567"
#define MARK_0   "#TANDEM:1 " ID " 100 0000000000000000000000000000000000000000 -1\r\n"

static sds executed;
static char dir[] = "/tmp/tandem-aof-XXXXXX";
static struct aof_loading loading;

static bool execute(struct client *c, const slice *argv, int argc) {
    if (slice_is(argv[0], "nonsense")) return false;
    if (slice_is(argv[0], "multi")) c->flags |= CLIENT_MULTI;
    if (slice_is(argv[0], "exec")) c->flags &= ~(uint32_t)CLIENT_MULTI;
    for (int i = 0; i < argc; i++)
        executed = sds_cat_printf(executed, "%s%.*s", i ? " " : "", (int)argv[i].n, argv[i].p);
    executed = sds_cat_str(executed, ";");
    return true;
}

static void setup(void) {
    static const struct aof_hooks hooks = {.execute = execute};
    log_set_level(LOG_LEVEL_NOTHING);
    cr_assert_not_null(mkdtemp(dir));
    cr_assert_eq(chdir(dir), 0);
    ev_init();
    ks_init(16);
    client_room_init();
    repl_config.backlog_size_bytes = 1 << 20;
    repl_init();
    aof_set_hooks(&hooks);
    aof_config.load_truncated = true;
    aof_config.filename = sds_new("appendonly.aof");
    executed = sds_empty();
    loading = (struct aof_loading){.c = client_new(-1), .recover = true};
}

static void teardown(void) {
    unlink("f");
    cr_assert_eq(rmdir(dir), 0);
}

TestSuite(aof_load_file, .init = setup, .fini = teardown);

static void put(const char *bytes, size_t n) {
    int fd = open("f", O_CREAT | O_TRUNC | O_WRONLY, 0644);
    cr_assert_eq(write(fd, bytes, n), (ssize_t)n);
    close(fd);
}

static enum aof_load load(const char *bytes, size_t n) {
    put(bytes, n);
    sds_set_len(executed, 0);
    loading.known = false;
    loading.c->flags &= ~(uint32_t)CLIENT_MULTI;
    return aof_load_file(&loading, "f", "f");
}

static enum aof_load load_text(const char *text) {
    return load(text, strlen(text));
}

static off_t file_bytes(void) {
    struct stat st;
    cr_assert_eq(stat("f", &st), 0);
    return st.st_size;
}

Test(aof_load_file, commands_in_order) {
    cr_assert_eq(load_text(SELECT_0 "#TS:1700000000\r\n" SET_A SET_B), AOF_LOADED);
    cr_assert_str_eq(executed, "SELECT 0;SET a 1;SET b 2;");
    cr_assert_not(loading.known);
}

Test(aof_load_file, empty_and_missing) {
    cr_assert_eq(load_text(""), AOF_LOAD_EMPTY);
    cr_assert_eq(aof_load_file(&loading, "nowhere", "nowhere"), AOF_LOAD_MISSING);
}

/* Wherever it ends, what is whole counts and the rest is cut off; a second load finds nothing wrong. */
Test(aof_load_file, cut_at_every_byte) {
    static const char text[] = SELECT_0 MARK_0 SET_A MULTI SET_B SET_A EXEC SET_B;
    static const char *const whole[] = {
        "",  SELECT_0, SELECT_0 MARK_0, SELECT_0 MARK_0 SET_A, SELECT_0 MARK_0 SET_A MULTI SET_B SET_A EXEC,
        text};
    for (size_t n = 1; n < sizeof text; n++) {
        size_t good = 0;
        for (size_t i = 0; i < sizeof whole / sizeof *whole; i++)
            if (strlen(whole[i]) <= n) good = strlen(whole[i]);
        enum aof_load wanted = good == n ? AOF_LOADED : AOF_LOAD_TRUNCATED;
        cr_assert_eq(load(text, n), wanted, "cut at %zu", n);
        cr_assert_eq(file_bytes(), (off_t)good, "cut at %zu: %lld left", n, (long long)file_bytes());
        if (good) cr_assert_eq(load(text, good), AOF_LOADED);
    }
}

Test(aof_load_file, an_early_end_is_refused_when_told_so) {
    aof_config.load_truncated = false;
    cr_assert_eq(load_text(SELECT_0 "*3\r\n$3\r\nSE"), AOF_LOAD_FAILED);
    cr_assert_eq(file_bytes(), (off_t)strlen(SELECT_0 "*3\r\n$3\r\nSE"));
}

Test(aof_load_file, garbage_is_refused_and_left_alone) {
    static const char *const tails[] = {"x",
                                        "\r\n",
                                        "SET a 1\r\n",
                                        "*0\r\n",
                                        "*x\r\n",
                                        "*1\r\n:1\r\n",
                                        "*1\r\n$-1\r\n",
                                        "*-1\r\n",
                                        "*1\r\n$x\r\n",
                                        "*1\r\n$8\r\nnonsense\r\n"};
    for (size_t i = 0; i < sizeof tails / sizeof *tails; i++) {
        char text[256];
        snprintf(text, sizeof text, "%s%s", SELECT_0 SET_A, tails[i]);
        cr_assert_eq(load_text(text), AOF_LOAD_FAILED, "%s", tails[i]);
        cr_assert_eq(file_bytes(), (off_t)strlen(text));
    }
    cr_assert_eq(load(SET_A "\0\0\0\0", sizeof(SET_A "\0\0\0\0") - 1),
                 AOF_LOAD_FAILED); /* a power cut's zeros */
}

Test(aof_load_file, a_claimed_length_costs_nothing) {
    size_t before = mem_used_bytes();
    cr_assert_eq(load_text(SET_A "*2\r\n$4\r\nECHO\r\n$500000000000\r\nabc"), AOF_LOAD_TRUNCATED);
    cr_assert_lt(mem_used_bytes(), before + (4u << 20));
    cr_assert_eq(file_bytes(), (off_t)strlen(SET_A));
}

Test(aof_load_file, what_a_mark_tells_becomes_the_log) {
    cr_assert_eq(load_text(SELECT_0 MARK_0 SET_A MULTI SET_B EXEC "#TS:1\r\n" SET_B), AOF_LOADED);
    cr_assert(loading.known);
    cr_assert_str_eq(repl_id(), ID);
    size_t n = strlen(SET_A MULTI SET_B EXEC SET_B);
    cr_assert_eq(repl_offset(), 100 + (int64_t)n);
    cr_assert_eq(backlog_first(), 101);
    struct backlog_cursor reader = {0};
    cr_assert(backlog_attach(&reader, 101));
    slice s = log_bytes(&reader);
    cr_assert_eq(s.n, n);
    cr_assert_arr_eq(s.p, SET_A MULTI SET_B EXEC SET_B, n);
}

Test(aof_load_file, a_transaction_cut_off_is_no_history) {
    cr_assert_eq(load_text(SELECT_0 MARK_0 SET_A MULTI SET_B), AOF_LOAD_TRUNCATED);
    cr_assert_eq(repl_offset(), 100 + (int64_t)strlen(SET_A));
}

Test(aof_load_file, files_follow_one_another) {
    char second[300];
    cr_assert_eq(load_text(SELECT_0 MARK_0 SET_A), AOF_LOADED);
    snprintf(second, sizeof second, "%s#TANDEM:1 " ID " %d 0000000000000000000000000000000000000000 -1\r\n%s",
             SELECT_0, (int)(100 + strlen(SET_A)), SET_B);
    cr_assert_eq(load_text(second), AOF_LOADED);
    cr_assert_eq(backlog_first(), 101, "the first file's bytes are still there");
    cr_assert_eq(repl_offset(), 100 + (int64_t)strlen(SET_A SET_B));
    cr_assert_eq(load_text(SELECT_0 MARK_0 SET_B), AOF_LOADED); /* elsewhere: a history of its own */
    cr_assert_eq(backlog_first(), 101);
    cr_assert_eq(repl_offset(), 100 + (int64_t)strlen(SET_B));
}

Test(aof_load_file, a_large_argument_over_many_windows) {
    size_t n = (5u << 20) + 17;
    sds text = sds_cat_printf(sds_empty(), "*2\r\n$4\r\nECHO\r\n$%zu\r\n", n);
    size_t at = sds_len(text);
    text = sds_grow_zero(text, at + n);
    text = sds_cat_str(text, "\r\n" SET_A);
    cr_assert_eq(load(text, sds_len(text)), AOF_LOADED);
    cr_assert_eq(sds_len(executed), strlen("ECHO ") + strlen(";SET a 1;")); /* %.*s ends at the first zero */
    sds_free(text);
}
