/* Any bytes as an append-only file, and as a manifest. A file loads, is cut off at its last whole command, or is refused;
 * one that was cut loads. A manifest that is read is written, and what is written is read again. */
#include "aof/internal.h"
#include "base/assert.h"
#include "base/log.h"
#include "fuzz.h"
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

#define ID "0123456789abcdef0123456789abcdef01234567"

static const char *const files[] = {
    "*2\r\n$6\r\nSELECT\r\n$1\r\n0\r\n#TANDEM:1 " ID " 100 0000000000000000000000000000000000000000 -1\r\n"
    "*3\r\n$3\r\nSET\r\n$1\r\na\r\n$1\r\n1\r\n",
    "*1\r\n$5\r\nMULTI\r\n*3\r\n$3\r\nSET\r\n$1\r\na\r\n$1\r\n1\r\n*1\r\n$4\r\nEXEC\r\n#TS:1700000000\r\n",
    "REDIS0010\xff*1\r\n$4\r\nPING\r\n",
    "*1\r\n$5\r\nMULTI\r\n*1\r\n$4\r\nPING\r\n",
    "file a.1.base.rdb seq 1 type b\nfile a.1.incr.aof seq 1 type i\nfile \"x\\x00y\" seq 2 type h\n",
    "# comment\nfile 'a b' seq 3 type i\n",
};

size_t fuzz_seed(int i, uint8_t *buf, size_t cap) {
    if (i >= (int)(sizeof files / sizeof *files)) return 0;
    size_t n = strlen(files[i]);
    assert_that(n <= cap);
    memcpy(buf, files[i], n);
    return n;
}

static bool execute(struct client *c, const slice *argv, int argc) {
    if (argc == 1 && slice_is(argv[0], "multi")) c->flags |= CLIENT_MULTI;
    if (argc == 1 && slice_is(argv[0], "exec")) c->flags &= ~(uint32_t)CLIENT_MULTI;
    size_t bytes = 0;
    for (int i = 0; i < argc; i++)
        for (size_t k = 0; k < argv[i].n; k++)
            bytes += (unsigned char)argv[i].p[k]; /* all of it is readable */
    return argv[0].n > 0 && bytes != 1;
}

static void setup(void) {
    static const struct aof_hooks hooks = {.execute = execute};
    log_set_level(LOG_LEVEL_NOTHING);
    ev_init();
    ks_init(4);
    client_room_init();
    repl_config.backlog_size_bytes = 1 << 20;
    repl_init();
    aof_set_hooks(&hooks);
    aof_config.load_truncated = true;
    aof_config.filename = sds_new("appendonly.aof");
}

static enum aof_load load(const char *path) {
    static struct aof_loading l;
    if (!l.c) l.c = client_new(-1);
    l.recover = true;
    l.known = false;
    l.c->flags &= ~(uint32_t)CLIENT_MULTI;
    enum aof_load got = aof_load_file(&l, path, "file");
    ks_flush_all(false);
    backlog_trim();
    return got;
}

static void load_twice(const uint8_t *data, size_t size) {
    char path[64];
    int fd = memfd_create("aof", MFD_CLOEXEC);
    assert_that(fd >= 0 && write(fd, data, size) == (ssize_t)size);
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    enum aof_load got = load(path);
    assert_that(got != AOF_LOAD_MISSING && (got == AOF_LOAD_EMPTY) == (size == 0));
    if (got == AOF_LOAD_TRUNCATED) {
        assert_that(lseek(fd, 0, SEEK_END) < (off_t)size);
        got = load(path);
        assert_that(got == AOF_LOADED || got == AOF_LOAD_EMPTY);
    }
    close(fd);
}

static void read_manifest(slice text) {
    struct aof_manifest m = {0}, again = {0};
    int line_number;
    slice line;
    if (!manifest_parse(&m, text, &line_number, &line) && m.n > 0) {
        sds written = manifest_format(&m, sds_empty());
        const char *err = manifest_parse(&again, sds_slice(written), &line_number, &line);
        assert_that(!err || strstr(err, "too long")); /* escapes are longer than what they stand for */
        assert_that(err || (again.n == m.n && again.incr_seq == m.incr_seq && again.base_seq == m.base_seq));
        sds_free(written);
    }
    manifest_free(&m);
    manifest_free(&again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static bool ready;
    if (!ready) setup();
    ready = true;
    load_twice(data, size);
    read_manifest((slice){(const char *)data, size});
    return 0;
}
