/* Any bytes as an RDB file: they load or are refused with a reason. Once with the checksum off, so that damage gets
 * past it, and delivered in small pieces, so that every refill happens. What loads is saved and loads again, equal. */
#include "base/assert.h"
#include "base/clock.h"
#include "base/log.h"
#include "rdb/rdb.h"
#include <stddef.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

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

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static bool ready;
    if (!ready) {
        log_set_level(LOG_LEVEL_NOTHING);
        clock_update();
        ks_init(4);
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
    if (load_pieces(data, size, 1 + size % 61)) save_and_compare();
    ks_flush_all(false);
    return 0;
}
