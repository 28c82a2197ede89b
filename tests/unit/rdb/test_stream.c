/* Byte streams: whatever the sizes of writes, buffers and deliveries, the bytes, offsets and CRCs are the same. */
#include "base/digest.h"
#include "base/random.h"
#include "rdb/stream.h"
#include <criterion/criterion.h>
#include <errno.h>

static sds pattern(size_t n) {
    sds s = sds_newlen(NULL, n);
    for (size_t i = 0; i < n; i++) s[i] = (char)(i * 131 + (i >> 8));
    return s;
}

static bool collect(struct rdb_writer *w, const void *p, size_t n) {
    sds *out = w->ctx;
    *out = sds_cat(*out, p, n);
    return true;
}

Test(rdb_stream, writes_of_any_size_arrive_whole_with_their_crc) {
    random_seed(7);
    for (size_t cap = 16; cap <= 4096; cap *= 4) {
        sds data = pattern(20000), out = sds_empty();
        struct rdb_writer w;
        rdb_writer_sink(&w, collect, cap);
        w.ctx = &out;
        for (size_t at = 0, n; at < 20000; at += n) {
            n = random_below(random_below(10) ? 30 : 9000);
            if (n > 20000 - at) n = 20000 - at;
            cr_assert(rdb_write(&w, data + at, n));
            cr_assert_eq(rdb_writer_offset(&w), at + n);
            if (random_below(4) == 0) cr_assert_eq(rdb_writer_crc(&w), crc64(0, data, at + n));
        }
        cr_assert(rdb_writer_flush(&w));
        cr_assert(slice_eq(sds_slice(out), sds_slice(data)));
        cr_assert_eq(rdb_writer_crc(&w), crc64(0, data, 20000));
        rdb_writer_free(&w);
        sds_free(out);
        sds_free(data);
    }
}

static bool refuse(struct rdb_writer *w, const void *p, size_t n) {
    (void)p;
    int *left = w->ctx;
    if (--*left >= 0) return true;
    (void)n;
    return rdb_writer_fail(w, ENOSPC, "write");
}

Test(rdb_stream, a_failed_write_stays_failed) {
    int left = 2;
    char run[10] = {0};
    struct rdb_writer w;
    rdb_writer_sink(&w, refuse, 64);
    w.ctx = &left;
    bool ok = true;
    for (int i = 0; i < 100; i++) {
        bool now = rdb_write(&w, run, sizeof run);
        cr_assert(ok || !now, "a write succeeded after one had failed");
        ok = now;
    }
    cr_assert_not(ok);
    cr_assert_not(rdb_writer_flush(&w));
    cr_assert_eq(w.error_number, ENOSPC);
    cr_assert_str_eq(w.error, "write: No space left on device");
    cr_assert_eq(left, -1, "the sink was called again after it had failed");
    rdb_writer_free(&w);
}

struct delivery {
    slice data;
    size_t at, most; /* bytes a delivery at most */
};

static long deliver(struct rdb_reader *r, void *p, size_t n) {
    struct delivery *d = r->ctx;
    size_t left = d->data.n - d->at;
    if (n > d->most) n = d->most;
    if (n > left) n = left;
    memcpy(p, d->data.p + d->at, n);
    d->at += n;
    return (long)n;
}

Test(rdb_stream, reads_of_any_size_from_deliveries_of_any_size) {
    random_seed(11);
    sds data = pattern(20000), got = sds_newlen(NULL, 20000);
    for (size_t most = 1; most <= 5000; most = most * 7 + 1) {
        struct delivery d = {sds_slice(data), 0, most};
        struct rdb_reader r;
        rdb_reader_source(&r, deliver, 512);
        r.ctx = &d;
        for (size_t at = 0, n; at < 20000; at += n) {
            n = random_below(random_below(10) ? 30 : 2000);
            if (n > 20000 - at) n = 20000 - at;
            const char *p = rdb_take(&r, n);
            cr_assert(n > 512 || p, "%zu bytes fit the buffer", n);
            if (p)
                cr_assert(memcmp(p, data + at, n) == 0);
            else
                cr_assert(rdb_read(&r, got, n) && memcmp(got, data + at, n) == 0);
            cr_assert_eq(rdb_reader_offset(&r), at + n);
            if (random_below(4) == 0) cr_assert_eq(rdb_reader_crc(&r), crc64(0, data, at + n));
        }
        cr_assert_eq(rdb_reader_crc(&r), crc64(0, data, 20000));
        rdb_reader_free(&r);
    }
    sds_free(got);
    sds_free(data);
}

Test(rdb_stream, the_end_is_an_error_with_its_offset_and_stays_one) {
    sds data = pattern(1000);
    struct delivery d = {sds_slice(data), 0, 100};
    struct rdb_reader r;
    char buf[1001];
    rdb_reader_source(&r, deliver, 512);
    r.ctx = &d;
    cr_assert(rdb_read(&r, buf, 990));
    cr_assert_null(rdb_take(&r, 11));
    cr_assert(r.failed && r.short_read);
    cr_assert_eq(r.fail_offset, 990);
    cr_assert_null(rdb_take(&r, 1), "a failed reader gives nothing more");
    cr_assert_not(rdb_read(&r, buf, 1));
    cr_assert_not(rdb_skip(&r, 1));
    rdb_reader_free(&r);
    sds_free(data);
}

Test(rdb_stream, what_lies_behind_is_handed_back) {
    sds data = pattern(1000);
    struct delivery d = {sds_slice(data), 0, 1000};
    struct rdb_reader r;
    rdb_reader_source(&r, deliver, 512);
    r.ctx = &d;
    cr_assert(rdb_skip(&r, 700));
    slice rest = rdb_reader_rest(&r);
    cr_assert_eq(rest.n + 700, d.at);
    cr_assert(memcmp(rest.p, data + 700, rest.n) == 0);
    rdb_reader_free(&r);
    sds_free(data);
}

Test(rdb_stream, a_limit_keeps_the_source_from_being_asked_for_more) {
    sds data = pattern(1000);
    struct delivery d = {sds_slice(data), 0, 1000};
    struct rdb_reader r;
    rdb_reader_source(&r, deliver, 128);
    r.ctx = &d;
    r.limit_bytes = 300;
    cr_assert(rdb_skip(&r, 299));
    cr_assert_eq(d.at, 300);
    cr_assert_not(rdb_skip(&r, 2));
    cr_assert_eq(d.at, 300);
    rdb_reader_free(&r);
    sds_free(data);
}

static int progress_calls;
static uint64_t progress_last;
static void note_progress(struct rdb_reader *r) {
    progress_calls++;
    cr_assert_geq(rdb_reader_offset(r), progress_last + 1000);
    progress_last = rdb_reader_offset(r);
}

Test(rdb_stream, progress_is_told_about_every_so_many_bytes) {
    sds data = pattern(10000);
    struct delivery d = {sds_slice(data), 0, 10000};
    struct rdb_reader r;
    rdb_reader_source(&r, deliver, 100);
    r.ctx = &d;
    r.progress = note_progress;
    r.progress_every_bytes = r.progress_at = 1000;
    cr_assert(rdb_skip(&r, 10000));
    cr_assert_geq(progress_calls, 8);
    cr_assert_leq(progress_calls, 10);
    rdb_reader_free(&r);
    sds_free(data);
}
