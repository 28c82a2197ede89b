/* The reply encoder: the exact bytes of every form in both protocols, chunk borders, deferred lengths, memory. */
#include "base/alloc.h"
#include "base/random.h"
#include "base/sds.h"
#include "resp/reply.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>

static struct reply_buf b;

static void start(void) {
    reply_init(&b);
}

TestSuite(reply, .init = start);

/* Takes everything out the way a sender does, in pieces of at most `most` bytes. */
static sds drain(size_t most) {
    sds s = sds_empty();
    struct iovec iov[3];
    size_t expect = reply_pending(&b);
    int n;
    while ((n = reply_iov(&b, iov, 3)) > 0) {
        size_t taken = 0;
        for (int i = 0; i < n && taken < most; i++) {
            size_t bytes = iov[i].iov_len < most - taken ? iov[i].iov_len : most - taken;
            s = sds_cat(s, iov[i].iov_base, bytes);
            taken += bytes;
        }
        reply_consume(&b, taken);
        expect -= taken;
        cr_assert_eq(reply_pending(&b), expect);
    }
    cr_assert_eq(expect, 0);
    cr_assert_eq(reply_memory(&b), 0, "an empty buffer holds nothing");
    return s;
}

static void sent(const char *want) {
    sds s = drain(SIZE_MAX);
    cr_assert_str_eq(s, want);
    sds_free(s);
}

Test(reply, forms_shared_by_both_protocols) {
    for (b.proto = 2; b.proto <= 3; b.proto++) {
        reply_ok(&b);
        reply_status(&b, "PONG");
        reply_error(&b, "ERR no\r\nway\r\n");
        reply_errorf(&b, "WRONGPASS %s %d", "x\ny", 7);
        reply_int(&b, -12);
        reply_int(&b, INT64_MIN);
        reply_bulk(&b, "a\nb", 3);
        reply_bulk(&b, NULL, 0);
        reply_bulk_str(&b, "0123456789");
        reply_bulk_int(&b, -100);
        reply_bulkf(&b, "%d-%s", 1, "z");
        reply_array(&b, 12);
        sent("+OK\r\n+PONG\r\n-ERR no  way\r\n-WRONGPASS x y "
             "7\r\n:-12\r\n:-9223372036854775808\r\n$3\r\na\nb\r\n"
             "$0\r\n\r\n$10\r\n0123456789\r\n$4\r\n-100\r\n$3\r\n1-z\r\n*12\r\n");
    }
}

static void protocol_forms(void) {
    reply_null(&b);
    reply_null_array(&b);
    reply_map(&b, 3);
    reply_set(&b, 3);
    reply_push(&b, 3);
    reply_double(&b, 1.5);
    reply_double(&b, INFINITY);
    reply_bool(&b, true);
    reply_bool(&b, false);
    reply_big_number(&b, "12345678901234567890", 20);
    reply_verbatim(&b, "txt", "hello", 5);
}

Test(reply, resp2_forms) {
    protocol_forms();
    sent("$-1\r\n*-1\r\n*6\r\n*3\r\n*3\r\n$3\r\n1.5\r\n$3\r\ninf\r\n:1\r\n:0\r\n$"
         "20\r\n12345678901234567890\r\n$5\r\nhello\r\n");
}

Test(reply, resp3_forms) {
    b.proto = 3;
    protocol_forms();
    reply_attribute(&b, 1);
    sent("_\r\n_\r\n%3\r\n~3\r\n>3\r\n,1.5\r\n,inf\r\n#t\r\n#f\r\n(12345678901234567890\r\n=9\r\ntxt:"
         "hello\r\n|1\r\n");
}

Test(reply, muted_drops_everything) {
    b.muted = true;
    reply_ok(&b);
    reply_int(&b, 1);
    reply_bulk(&b, "x", 1);
    reply_errorf(&b, "ERR %d", 1);
    reply_null(&b);
    struct reply_mark m = reply_defer(&b);
    protocol_forms();
    reply_defer_array(&b, m, 3);
    cr_assert_eq(reply_pending(&b), 0);
    cr_assert_eq(reply_memory(&b), 0);
    b.muted = false;
    reply_ok(&b);
    sent("+OK\r\n");
}

Test(reply, bulks_of_every_size_cross_chunk_borders_whole) {
    random_seed(41);
    static char bytes[200000];
    for (size_t i = 0; i < sizeof(bytes); i++) bytes[i] = (char)('a' + i % 26);
    size_t before = mem_used_bytes();
    for (int round = 0; round < 60; round++) {
        sds want = sds_empty();
        for (int i = 0; i < 200; i++) {
            size_t n = random_below(i % 50 == 0 ? sizeof(bytes) : i % 7 == 0 ? 5000 : 60);
            reply_bulk(&b, bytes, n);
            want = sds_cat_printf(want, "$%zu\r\n", n);
            want = sds_cat(want, bytes, n);
            want = sds_cat_str(want, "\r\n");
        }
        cr_assert_eq(reply_pending(&b), sds_len(want));
        sds got = drain(round % 2 ? 1 + random_below(30000) : SIZE_MAX);
        cr_assert_eq(sds_len(got), sds_len(want));
        cr_assert_eq(memcmp(got, want, sds_len(want)), 0);
        sds_free(got);
        sds_free(want);
    }
    reply_trim_pool();
    cr_assert_eq(mem_used_bytes(), before);
}

static int growths;

static void mute_at_the_third(struct reply_buf *of) {
    cr_assert_eq(of, &b);
    if (++growths == 3) of->muted = true;
}

Test(reply, growth_is_told_and_can_be_ended) {
    char bytes[1000] = "";
    struct reply_mark m = reply_defer(&b);
    reply_on_growth = mute_at_the_third;
    for (int i = 0; i < 1000; i++) reply_bulk(&b, bytes, sizeof bytes);
    reply_defer_array(&b, m, 1000); /* its place is there */
    cr_assert_eq(growths, 3);
    cr_assert_lt(reply_pending(&b), 200000);
    cr_assert_gt(reply_pending(&b), 3 * sizeof bytes);
    reply_on_growth = NULL;
    b.muted = false;
    sds_free(drain(SIZE_MAX));
}

Test(reply, free_gives_back_what_was_never_sent) {
    size_t before = mem_used_bytes();
    for (int i = 0; i < 10000; i++) reply_bulk_str(&b, "some bytes");
    struct iovec iov[1];
    cr_assert_eq(reply_iov(&b, iov, 1), 1);
    reply_consume(&b, 100);
    cr_assert_gt(reply_memory(&b), 10000 * 17);
    reply_free(&b);
    cr_assert_eq(reply_memory(&b), 0);
    cr_assert_eq(reply_pending(&b), 0);
    reply_trim_pool();
    cr_assert_eq(mem_used_bytes(), before);
    reply_ok(&b);
    sent("+OK\r\n");
}

Test(reply, deferred_lengths) {
    struct reply_mark outer = reply_defer(&b);
    reply_int(&b, 1);
    struct reply_mark inner = reply_defer(&b);
    reply_bulk_str(&b, "x");
    reply_defer_set(&b, inner, 1);
    struct reply_mark empty = reply_defer(&b);
    reply_defer_map(&b, empty, 0);
    reply_defer_array(&b, outer, 3);
    reply_ok(&b);
    sent("*3\r\n:1\r\n*1\r\n$1\r\nx\r\n*0\r\n+OK\r\n");
    b.proto = 3;
    outer = reply_defer(&b);
    inner = reply_defer(&b);
    reply_defer_set(&b, inner, 0);
    reply_defer_map(&b, outer, 5000);
    sent("%5000\r\n~0\r\n");
}

/* A tree of random shape, written with known lengths into a string and with deferred ones into the buffer. */
static sds random_tree(sds want, int depth) {
    static char filler[20000];
    if (depth == 0 || random_below(4) == 0) {
        size_t n = random_below(random_below(10) == 0 ? sizeof(filler) : 30);
        memset(filler, 'f', n);
        reply_bulk(&b, filler, n);
        want = sds_cat_printf(want, "$%zu\r\n", n);
        want = sds_cat(want, filler, n);
        return sds_cat_str(want, "\r\n");
    }
    int64_t n = (int64_t)random_below(12);
    want = sds_cat_printf(want, "*%d\r\n", (int)n);
    struct reply_mark m = reply_defer(&b);
    for (int64_t i = 0; i < n; i++) want = random_tree(want, depth - 1);
    reply_defer_array(&b, m, n);
    return want;
}

Test(reply, deferred_lengths_across_chunks_and_behind_a_half_sent_head) {
    random_seed(42);
    for (int round = 0; round < 200; round++) {
        reply_bulk_str(&b, "before");
        reply_consume(&b, 5); /* "$6\r\nb" has gone */
        sds want = random_tree(sds_new("efore\r\n"), 4);
        cr_assert_eq(reply_pending(&b), sds_len(want));
        sds got = drain(1 + random_below(50000));
        cr_assert_eq(sds_len(got), sds_len(want));
        cr_assert_eq(memcmp(got, want, sds_len(want)), 0, "round %d", round);
        sds_free(got);
        sds_free(want);
    }
}
