/* tandem-check-aof and tandem-check-rdb beside the real checkers: on copies of the same files, sound or damaged, they say
 * the same, leave the same behind and end with the same code. */
#include "support/server.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define OUTPUT_BYTES_MAX 65536

static char dir[] = "/tmp/tandem-check-XXXXXX";
static char tools[512];

struct outcome {
    char text[OUTPUT_BYTES_MAX];
    int code;
};

static void shell(const char *line, struct outcome *o) {
    FILE *f = popen(line, "r");
    cr_assert_not_null(f);
    size_t n = fread(o->text, 1, sizeof o->text - 1, f);
    o->text[n] = '\0';
    int status = pclose(f);
    o->code = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static void must(const char *line) {
    struct outcome o;
    shell(line, &o);
    cr_assert_eq(o.code, 0, "%s: %s", line, o.text);
}

static void setup(void) {
    char here[400];
    const char *build = getenv("B") ? getenv("B") : "build";
    cr_assert_not_null(getcwd(here, sizeof here));
    char absolute[450];
    snprintf(absolute, sizeof absolute, "%s%s%s", build[0] == '/' ? "" : here, build[0] == '/' ? "" : "/",
             build);
    setenv("B", absolute, 1); /* the servers are started from another directory */
    snprintf(tools, sizeof tools, "%s/tandem-check", absolute);
    cr_assert_not_null(mkdtemp(dir));
    cr_assert_eq(chdir(dir), 0);
}

static void teardown(void) {
    cr_assert_eq(chdir("/"), 0);
    char line[100];
    snprintf(line, sizeof line, "rm -rf %s", dir);
    must(line);
}

TestSuite(peer_check, .init = setup, .fini = teardown);

/* Without the lines whose wording is each one's own: where exactly it stopped, what it was doing, and our summary. */
static void keep_common(char *text) {
    static const char *const own[] = {"0x", "[additional info]", "[info]"};
    char *to = text;
    for (char *line = text, *next; *line; line = next) {
        char *end = strchr(line, '\n');
        next = end ? end + 1 : line + strlen(line);
        bool skip = false;
        for (size_t i = 0; i < sizeof own / sizeof *own; i++)
            skip |= strncmp(line, own[i], strlen(own[i])) == 0;
        if (skip) continue;
        memmove(to, line, (size_t)(next - line));
        to += next - line;
    }
    *to = '\0';
}

/* The same words for both, each on a copy of `case` of its own: `$check-aof` becomes the program's name. */
static void compare(const char *kind, const char *args) {
    static struct outcome ours, theirs;
    char line[1024];
    must("rm -rf ours theirs; cp -r case ours; cp -r case theirs");
    snprintf(line, sizeof line, "(cd ours; echo y | %s-%s %s) 2>&1", tools, kind, args);
    shell(line, &ours);
    snprintf(line, sizeof line, "(cd theirs; echo y | redis-check-%s %s) 2>&1", kind, args);
    shell(line, &theirs);
    keep_common(ours.text);
    keep_common(theirs.text);
    cr_assert_str_eq(ours.text, theirs.text, "check-%s %s\nours: %s\ntheirs: %s", kind, args, ours.text,
                     theirs.text);
    cr_assert_eq(ours.code, theirs.code, "check-%s %s: %d, not %d", kind, args, ours.code, theirs.code);
    must("diff -r ours theirs");
}

static void make_files(enum srv_kind kind) {
    struct srv *s = srv_start(kind, "--appendonly yes --aof-timestamp-enabled yes");
    char line[600];
    EXPECT(s, "OK", "SET a 1");
    EXPECT(s, "OK", "SET b 2 EX 1000");
    EXPECT(s, "Background append only file rewriting started", "BGREWRITEAOF");
    WAIT_UNTIL(srv_info_int(s, "aof_rewrite_in_progress") == 0);
    EXPECT(s, "OK", "MULTI");
    EXPECT(s, "QUEUED", "SET c 3");
    EXPECT(s, "QUEUED", "SET d 4");
    EXPECT(s, "[OK, OK]", "EXEC");
    usleep(1100000); /* the next time mark */
    EXPECT(s, "OK", "SET e 5");
    EXPECT(s, "OK", "SAVE");
    srv_stop(s);
    snprintf(line, sizeof line, "rm -rf case; cp -r %s/appendonlydir case; cp %s/dump.rdb case", s->dir,
             s->dir);
    must(line);
    srv_free(s);
}

#define M    "appendonly.aof.manifest"
#define INCR "appendonly.aof.2.incr.aof"

static void check_all(void) {
    compare("aof", M);
    compare("aof", "--fix " M);
    compare("aof", INCR);
    compare("aof", "appendonly.aof.2.base.rdb");
    compare("aof", "--truncate-to-timestamp 9999999999 " M);
    compare("aof", "--truncate-to-timestamp $(grep -a -o '#TS:[0-9]*' " INCR " | sed -n 1p | cut -c5-) " M);
    compare("rdb", "dump.rdb");
}

Test(peer_check, sound_files_of_ours) {
    make_files(TANDEM);
    check_all();
}
Test(peer_check, sound_files_of_the_real_one) {
    make_files(REDIS);
    check_all();
}

Test(peer_check, damaged_files) {
    static const char *const damages[] = {
        "printf 'garbage' >> case/" INCR,
        "printf '*3\\r\\n$3\\r\\nSE' >> case/" INCR,
        "printf '*3\\r\\n$3\\r\\nSETxx' >> case/" INCR,
        "printf '*3\\r\\n$3\\r\\n' >> case/" INCR,
        "printf '*3' >> case/" INCR,
        "printf '*1\\r\\n$5\\r\\nMULTI\\r\\n*1\\r\\n$4\\r\\nPING\\r\\n' >> case/" INCR,
        "printf '*1\\r\\n$4\\r\\nEXEC\\r\\n' >> case/" INCR,
        "printf '*\\2551\\r\\n' >> case/" INCR,
        "printf '*1\\r\\3\\n$4\\r\\nPING\\r\\n' >> case/" INCR,
        "printf '*1\\r\\n$4 \\r\\nPING\\r\\n' >> case/" INCR,
        "printf '\\0\\0\\0\\0' >> case/" INCR,
        ": > case/" INCR,
        "printf x >> case/appendonly.aof.2.base.rdb",
        "truncate -s 50 case/appendonly.aof.2.base.rdb",
    };
    make_files(TANDEM);
    must("cp -r case whole");
    for (size_t i = 0; i < sizeof damages / sizeof *damages; i++) {
        must("rm -rf case; cp -r whole case");
        must(damages[i]);
        if (i == sizeof damages / sizeof *damages - 1) { /* where exactly it ends is each one's own */
            static struct outcome o;
            char line[600];
            snprintf(line, sizeof line, "%s-aof case/" M " 2>&1", tools);
            shell(line, &o);
            cr_assert_eq(o.code, 1);
            cr_assert(strstr(o.text, "Unexpected EOF reading RDB file"));
            cr_assert(strstr(o.text, "RDB preamble of AOF file is not sane, aborting."));
            continue;
        }
        compare("aof", M);
        compare("aof", "--fix " M);
    }
}

Test(peer_check, words_that_are_wrong) {
    must("mkdir case");
    compare("aof", "nowhere");
    compare("aof", "--truncate-to-timestamp x nowhere");
    static struct outcome o;
    char line[600];
    snprintf(line, sizeof line, "%s-aof 2>&1", tools);
    shell(line, &o);
    cr_assert_eq(o.code, 1);
    cr_assert(strstr(o.text, " [--fix|--truncate-to-timestamp $timestamp] <file.manifest|file.aof>"));
    snprintf(line, sizeof line, "%s-rdb 2>&1", tools);
    shell(line, &o);
    cr_assert_eq(o.code, 1);
    cr_assert(strstr(o.text, " <rdb-file-name>"));
}

/* Cut anywhere, or with a byte changed, a snapshot can be fixed; what is kept satisfies the real checker. */
Test(peer_check, a_damaged_snapshot_is_salvaged) {
    static struct outcome o, theirs;
    char line[900];
    struct srv *s = srv_start(REDIS, "%s", "");
    for (int i = 0; i < 10; i++) {
        EXPECT(s, "OK", "SET string:%d %d EX 100000", i, i);
        srv_cmd(s, "RPUSH list:%d a b c", i);
        srv_cmd(s, "HSET hash:%d f v", i);
        srv_cmd(s, "ZADD zset:%d 1 a 2 b", i);
        srv_cmd(s, "XADD stream:%d * f v", i);
    }
    EXPECT(s, "OK", "SAVE");
    snprintf(line, sizeof line, "mkdir case; cp %s/dump.rdb case/whole", s->dir);
    must(line);
    srv_free(s);
    must("cd case; cp whole bad_sum; printf x | dd of=bad_sum bs=1 conv=notrunc seek=$(($(stat -c %s whole) "
         "- 3)) 2>/dev/null");
    int most = 0;
    for (int percent = 5; percent <= 100; percent += 5) {
        snprintf(line, sizeof line,
                 "cd case; rm -f d*; head -c $(($(stat -c %%s whole) * %d / 100 - 1)) whole > d", percent);
        must(line);
        snprintf(line, sizeof line, "cd case; cp d before; echo n | %s-rdb --fix d && exit 1; cmp d before",
                 tools);
        must(line);
        snprintf(line, sizeof line, "cd case; echo y | %s-rdb --fix d", tools);
        shell(line, &o);
        cr_assert_eq(o.code, 0, "%d%%: %s", percent, o.text);
        must("cd case; cmp d.damaged before");
        shell("cd case; redis-check-rdb d", &theirs);
        cr_assert_eq(theirs.code, 0, "%d%%: %s", percent, theirs.text);
        const char *fixed = strstr(o.text, "Successfully fixed RDB d: "),
                   *read = strstr(theirs.text, " keys read");
        cr_assert(fixed && read, "%s%s", o.text, theirs.text);
        int kept = atoi(fixed + strlen("Successfully fixed RDB d: "));
        while (read[-1] != ' ') read--;
        cr_assert_eq(kept, atoi(read), "%s%s", o.text, theirs.text);
        cr_assert_geq(kept, most);
        most = kept;
    }
    cr_assert_eq(most, 50, "only the end was cut off");
    snprintf(line, sizeof line, "cd case; echo y | %s-rdb --fix bad_sum; cmp bad_sum whole", tools);
    must(line);
    snprintf(line, sizeof line, "cd case; echo y | %s-rdb --fix whole; test ! -e whole.damaged", tools);
    must(line);
    must("printf garbage > case/d");
    snprintf(line, sizeof line, "echo y | %s-rdb --fix case/d", tools);
    shell(line, &o);
    cr_assert_eq(o.code, 1);
    cr_assert(strstr(o.text, "has no header that can be read"), "%s", o.text);
}

Test(peer_check, tells_what_is_inside) {
    static struct outcome o;
    char line[600];
    make_files(TANDEM);
    snprintf(line, sizeof line, "%s-aof case/" M, tools);
    shell(line, &o);
    cr_assert(strstr(o.text, "[info] string: 2 keys, "), "%s", o.text);
    cr_assert(strstr(o.text, "[info] \"SET\": 3 commands, 81 bytes"), "%s", o.text);
    cr_assert(strstr(o.text, "[info] \"MULTI\": 1 commands"), "%s", o.text);
    cr_assert(strstr(o.text, "[info] written between timestamps "), "%s", o.text);
    cr_assert(strstr(o.text, "[info] from replication offset "), "%s", o.text);
}
