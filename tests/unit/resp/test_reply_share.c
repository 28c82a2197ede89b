/* Pieces shared between buffers: the bytes and their order whatever stands around them, and that nothing stays behind. */
#include "base/alloc.h"
#include "base/random.h"
#include "base/sds.h"
#include "resp/reply.h"

#include <criterion/criterion.h>

enum { BUFFERS = 5 };
static struct reply_buf b[BUFFERS];
static sds want[BUFFERS];
static size_t seen[BUFFERS]; /* of want: taken already */

static void start(void) {
    for (int i = 0; i < BUFFERS; i++) {
        reply_init(&b[i]);
        want[i] = sds_empty();
    }
}

TestSuite(reply_share, .init = start);

static size_t left(int i) {
    return sds_len(want[i]) - seen[i];
}

/* Takes up to n bytes off a buffer, comparing them. */
static void take(int i, size_t n) {
    struct iovec iov[8];
    size_t taken = 0;
    int parts = reply_iov(&b[i], iov, 8);
    for (int k = 0; k < parts && taken < n; k++) {
        size_t bytes = iov[k].iov_len < n - taken ? iov[k].iov_len : n - taken;
        cr_assert(taken + bytes <= left(i));
        cr_assert_eq(memcmp(iov[k].iov_base, want[i] + seen[i] + taken, bytes), 0);
        taken += bytes;
    }
    reply_consume(&b[i], taken);
    seen[i] += taken;
    cr_assert_eq(reply_pending(&b[i]), left(i));
}

static struct reply_piece piece_of(int stream, size_t n, char fill) {
    struct reply_piece p = reply_piece_new(stream, n);
    memset(p.p, fill, n);
    return p;
}

static void share(int i, const struct reply_piece *p, bool lasting) {
    reply_share(&b[i], p, lasting);
    want[i] = sds_cat(want[i], p->p, p->n);
}

Test(reply_share, consecutive_pieces_are_one_run) {
    for (char c = 'a'; c < 'e'; c++) {
        struct reply_piece p = piece_of(0, 10, c);
        for (int i = 0; i < BUFFERS; i++) share(i, &p, false);
        reply_piece_done(&p);
    }
    struct iovec iov[4];
    cr_assert_eq(reply_iov(&b[0], iov, 4), 1);
    cr_assert_eq(iov[0].iov_len, 40);
    for (int i = 0; i < BUFFERS; i++) take(i, SIZE_MAX);
    cr_assert_eq(reply_memory(&b[0]), 0);
    cr_assert_eq(b[0].shares, 0);
}

Test(reply_share, unsharing_keeps_the_bytes) {
    struct reply_piece p = piece_of(0, 100, 'x'), big = piece_of(1, 5000, 'y');
    share(0, &p, false);
    share(0, &big, false);
    take(0, 30);
    reply_unshare(&b[0]);
    cr_assert_eq(b[0].shares, 0);
    struct reply_piece q = piece_of(0, 50, 'z');
    share(0, &q, false);
    reply_unshare(&b[0]);
    take(0, SIZE_MAX);
    reply_piece_done(&p);
    reply_piece_done(&q);
    reply_piece_done(&big);
    cr_assert_eq(reply_memory(&b[0]), 0);
}

Test(reply_share, goes_out_while_muted) {
    struct reply_piece p = piece_of(0, 10, 'm');
    b[0].muted = true;
    share(0, &p, false);
    reply_ok(&b[0]);
    share(0, &p, true);
    cr_assert(b[0].muted);
    take(0, SIZE_MAX);
    reply_piece_done(&p);
}

static size_t any_size(void) {
    switch (random_below(8)) {
    case 0: return 1 + random_below(60000);
    case 1: return 16384 - random_below(3);
    case 2: return 2046 + random_below(4);
    default: return 1 + random_below(200);
    }
}

static void step(void) {
    int i = (int)random_below(BUFFERS);
    switch (random_below(8)) {
    case 0: take(i, random_below(40000)); return;
    case 1: reply_unshare(&b[i]); return;
    case 2: {
        char text[600];
        size_t n = random_below(sizeof text);
        memset(text, 'r', n);
        reply_raw(&b[i], text, n);
        want[i] = sds_cat(want[i], text, n);
        return;
    }
    default: break;
    }
    struct reply_piece p = piece_of((int)random_below(REPLY_STREAMS), any_size(),
                                    (char)('a' + random_below(26)));
    bool lasting = random_below(4) == 0;
    for (int k = 0; k < BUFFERS; k++)
        if (random_below(3)) share(k, &p, lasting);
    reply_piece_done(&p);
}

Test(reply_share, any_mixture) {
    random_seed(7);
    size_t before = mem_used_bytes();
    for (int n = 0; n < 20000; n++) step();
    for (int i = 0; i < BUFFERS; i++) {
        while (left(i)) take(i, SIZE_MAX);
        sds_free(want[i]);
        cr_assert_eq(reply_memory(&b[i]), 0);
        cr_assert_eq(b[i].shares, 0);
    }
    reply_trim_pool();
    cr_assert(mem_used_bytes() < before + 64 * 1024, "%zu bytes stay", mem_used_bytes() - before);
}
