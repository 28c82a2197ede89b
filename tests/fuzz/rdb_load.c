/* Any bytes as an RDB file: they load or are refused with a reason. Once with the checksum off, so that damage gets
 * past it, and delivered in small pieces, so that every refill happens. What loads is saved and loads again, equal; the
 * look-through, on which a replica gives up its data, says of a file just what a load then does. */
#include "base/assert.h"
#include "base/clock.h"
#include "base/log.h"
#include "event/loop.h"
#include "fuzz.h"
#include "rdb/rdb.h"
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define BYTES(literal)                                                                                       \
    { (literal), sizeof(literal) - 1 }

/* A version and what stands between its header and the EOF opcode. */
static const struct {
    int version;
    slice body;
} files[] = {
    {1, BYTES("\xfe\x00\x00\x01k\x05hello\xfe\x02\xfd\xff\xff\xff\x7f\x00\x02k2\xc0\x07")},
    {9, BYTES("\xfa\x09redis-ver\x06"
              "7.0.15\xfa\x07repl-id\x28"
              "0123456789012345678901234567890123456789")},
    {10, BYTES("\xfe\x01\xfb\x02\x01\xfc\xdd\x97\x61\xdc\xa1\x01\x00\x00\x00\x01"
               "b\x05hello\x00\x01"
               "c\xc1\x10\x27")},
    {10, BYTES("\xfe\x00\xf8\x40\xff\x00\x01"
               "a\xc3\x09\x40\x64\x01\x61\x61\xe0\x57\x00\x01\x61\x61\xf9\x09\x00\x01"
               "b\xc2\x00\x00\x01\x00")},
    {10, BYTES("\xf5\x04lua!\xf7\x81\x12\x34\x56\x78\x9a\xbc\xde\xf0\x02\x02\x05\x03"
               "abc\x04"
               "12345678\x00")},
    {10, BYTES("\xfe\x00\x04\x01h\x01\x01"
               "f\x01v\x05\x01z\x02\x01"
               "m\0\0\0\0\0\0\x00\x80\x01"
               "n\0\0\0\0\0\0\xf0\x3f\x12\x01l\x01\x02\x0d\x0d\0\0\0\2\0\x81"
               "a\x02\x81"
               "b\x02\xff\x04\x01s\x00\xfe\x01\x0b\x01s\x0a\2\0\0\0\1\0\0\0\7\0\x00\x01h\x01v")},
    {11, BYTES("\xfe\x03\x00\x80\x00\x00\x00\x03key\x81\x00\x00\x00\x00\x00\x00\x00\x02hi")},
};

size_t fuzz_seed(int i, uint8_t *buf, size_t cap) {
    if (i >= (int)(sizeof files / sizeof *files)) return 0;
    size_t n = (size_t)snprintf((char *)buf, cap, "REDIS%04d", files[i].version);
    memcpy(buf + n, files[i].body.p, files[i].body.n);
    n += files[i].body.n;
    memcpy(buf + n, "\xff\0\0\0\0\0\0\0\0", 9); /* no checksum */
    return n + 9;
}

struct pieces {
    const uint8_t *data;
    size_t left, most;
};

static long deliver(struct rdb_reader *r, void *p, size_t n) {
    struct pieces *s = r->ctx;
    if (n > s->most) n = s->most;
    if (n > s->left) n = s->left;
    memcpy(p, s->data, n);
    s->data += n;
    s->left -= n;
    return (long)n;
}

static bool load_pieces(const uint8_t *data, size_t size, size_t most) {
    static const struct rdb_load_options options = {.replica = true};
    struct pieces s = {data, size, most};
    struct rdb_reader r;
    rdb_reader_source(&r, deliver, 64);
    r.ctx = &s;
    bool ok = rdb_load_stream(&r, &options, NULL);
    assert_that(ok || r.error[0]);
    assert_that(r.fail_offset <= size);
    rdb_reader_free(&r);
    return ok;
}

static void save_and_compare(void) {
    unsigned char before[20], after[20];
    struct rdb_writer w;
    sds file = sds_empty();
    ks_digest(before);
    rdb_writer_memory(&w, &file);
    assert_that(rdb_save_stream(&w, NULL, false));
    rdb_writer_free(&w);
    ks_flush_all(false);
    assert_that(load_pieces((const uint8_t *)file, sds_len(file), 1000));
    ks_digest(after);
    assert_that(memcmp(before, after, sizeof before) == 0);
    sds_free(file);
}

static bool passes_look_through(const uint8_t *data, size_t size) {
    char path[32], err[256] = "";
    int fd = memfd_create("rdb", MFD_CLOEXEC);
    assert_that(fd >= 0 && write(fd, data, size) == (ssize_t)size);
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    bool ok = rdb_file_is_loadable(path, err, sizeof err);
    assert_that(ok || err[0]);
    close(fd);
    return ok;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static bool ready;
    if (!ready) {
        log_set_level(LOG_LEVEL_NOTHING);
        clock_update();
        ks_init(4);
        ev_init();
        ready = true;
    }
    static const struct rdb_load_options options = {0};
    struct rdb_reader r;
    rdb_config.checksum = true;
    rdb_reader_memory(&r, (slice){(const char *)data, size});
    rdb_load_stream(&r, &options, NULL);
    rdb_reader_free(&r);
    ks_flush_all(false);
    rdb_config.checksum = false;
    bool sound = passes_look_through(data, size), loads = load_pieces(data, size, 1 + size % 61);
    assert_that(sound == loads);
    if (loads) save_and_compare();
    ks_flush_all(false);
    return 0;
}
