/* Any bytes as a server's replies: scanned in one piece or byte by byte the outcome is the same, and what scans can be
 * built into a tree all of whose texts lie inside the bytes that came. */
#include "base/assert.h"
#include "fuzz.h"
#include "resp/reader.h"

static sds print_tree(sds out, const struct resp_value *v, const char *start, const char *end, int depth) {
    assert_that(depth <= RESP_DEPTH_MAX);
    out = sds_cat_printf(out, "%c%d%d%lld", v->type, v->is_null, v->boolean, (long long)v->integer);
    if (v->text.p) assert_that(v->text.p >= start && v->text.p + v->text.n <= end);
    out = sds_cat_repr(out, v->text.p, v->text.n);
    for (size_t i = 0; i < v->count; i++) out = print_tree(out, &v->items[i], start, end, depth + 1);
    return sds_cat(out, "\n", 1);
}

static sds read_all(const uint8_t *data, size_t size, size_t step) {
    struct resp_reader r = {0};
    const struct resp_value *v;
    sds found = sds_empty();
    enum resp_status status = RESP_MORE;
    for (size_t have = 0; have < size && status != RESP_BAD;) {
        size_t n = step < size - have ? step : size - have;
        resp_reader_feed(&r, data + have, n);
        have += n;
        while ((status = resp_reader_next(&r, &v)) == RESP_OK) {
            found = print_tree(found, v, r.buf, r.buf + sds_len(r.buf), 1);
        }
    }
    if (status == RESP_BAD) found = sds_cat_str(found, r.scan.error);
    resp_reader_free(&r);
    return found;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    sds whole = read_all(data, size, SIZE_MAX);
    for (size_t step = 1; step < 40; step += 19) {
        sds pieces = read_all(data, size, step);
        assert_that(slice_eq(sds_slice(whole), sds_slice(pieces)));
        sds_free(pieces);
    }
    sds_free(whole);
    return 0;
}

size_t fuzz_seed(int i, uint8_t *buf, size_t cap) {
    static const char *const seeds[] = {
        "+OK\r\n-ERR unknown\r\n:42\r\n$5\r\nhello\r\n$-1\r\n*-1\r\n",
        "*3\r\n$1\r\na\r\n*2\r\n:1\r\n:2\r\n*0\r\n",
        "%2\r\n+a\r\n,1.5\r\n+b\r\n#t\r\n~2\r\n_\r\n(12345678901234567890\r\n",
        "=9\r\ntxt:hello\r\n!5\r\nERR x\r\n>2\r\n+message\r\n$1\r\nx\r\n",
        "|1\r\n+ttl\r\n:10\r\n*2\r\n|1\r\n+k\r\n*1\r\n+v\r\n:1\r\n,inf\r\n",
    };
    if (i >= (int)(sizeof(seeds) / sizeof(seeds[0]))) return 0;
    size_t n = strlen(seeds[i]);
    assert_that(n <= cap);
    memcpy(buf, seeds[i], n);
    return n;
}
