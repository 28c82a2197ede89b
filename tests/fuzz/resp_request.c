/* Any bytes as a client's input: parsed in one piece, and in pieces that end anywhere, they give the same requests,
 * the same errors and the same number of bytes used; every argument lies inside the bytes that came. */
#include "base/assert.h"
#include "base/sds.h"
#include "fuzz.h"
#include "resp/parser.h"

static const struct resp_limits limits[2] = {{1 << 20, false}, {1 << 20, true}};

/* Everything that parsing finds, as one text. The pieces' lengths come from the generator; 0: one piece. */
static sds parse_all(const uint8_t *data, size_t size, const struct resp_limits *limit, uint32_t generator) {
    struct resp_parser p = {0};
    struct resp_args args = {0};
    struct resp_request_view v;
    sds found = sds_empty();
    size_t start = 0, have = 0;
    enum resp_status status = RESP_MORE;
    bool pieces = generator != 0;
    while (have < size && status != RESP_BAD) {
        generator = generator * 1664525 + 1013904223;
        have += pieces ? 1 + (generator >> 24) % 37 : size;
        if (have > size) have = size;
        do {
            size_t n = have - start;
            sds piece = sds_newlen(data + start, n); /* moves at every call, as input buffers do */
            args.n = 0;
            status = resp_parse(&p, limit, piece, n, &args, &v);
            if (status == RESP_OK || status == RESP_SKIP) {
                assert_that(v.consumed > 0 && v.consumed <= n);
                start += v.consumed;
            }
            for (int i = 0; status == RESP_OK && i < v.argc; i++) {
                slice a = args.v[v.argv_index + i];
                assert_that(a.p >= piece && a.p + a.n <= piece + n);
                found = sds_cat_repr(found, a.p, a.n);
            }
            if (status == RESP_OK) found = sds_cat_printf(found, " %d@%zu\n", v.argc, start);
            if (status == RESP_MORE) assert_that(resp_wanted_bytes(&p) == 0 || resp_wanted_bytes(&p) > n);
            if (status == RESP_BAD) found = sds_cat_repr(found, p.error, strlen(p.error));
            sds_free(piece);
        } while (status == RESP_OK || status == RESP_SKIP);
    }
    resp_parser_free(&p);
    resp_args_free(&args);
    return found;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size > 65536) return 0; /* where a line is too long depends on how much of it has come */
    for (int i = 0; i < 2; i++) {
        sds whole = parse_all(data, size, &limits[i], 0);
        for (uint32_t generator = 1; generator <= 3; generator++) {
            sds pieces = parse_all(data, size, &limits[i], generator * 77777 + (uint32_t)size);
            assert_that(slice_eq(sds_slice(whole), sds_slice(pieces)));
            sds_free(pieces);
        }
        sds_free(whole);
    }
    return 0;
}

size_t fuzz_seed(int i, uint8_t *buf, size_t cap) {
    static const char *const seeds[] = {
        "*3\r\n$3\r\nSET\r\n$3\r\nkey\r\n$5\r\nvalue\r\n",
        "*2\r\n$3\r\nGET\r\n$16\r\n0123456789abcdef\r\n*1\r\n$4\r\nPING\r\n",
        "*2\r\n$4\r\nECHO\r\n$0\r\n\r\n*0\r\n*-1\r\n\r\nPING\r\n",
        "SET a 'b c' \"d\\x41\\n\\\"\"\r\nGET a\nQUIT\r\n",
        "*12\r\n$4\r\nMSET\r\n$1\r\na\r\n$1\r\n1\r\n$1\r\nb\r\n$1\r\n2\r\n$1\r\nc\r\n$1\r\n3\r\n$1\r\nd\r\n$"
        "1\r\n4\r\n$1\r\ne\r\n$1\r\n5\r\n"
        "$1\r\nf\r\n",
        "*1\r\n$16385\r\n",
    };
    if (i >= (int)(sizeof(seeds) / sizeof(seeds[0]))) return 0;
    size_t n = strlen(seeds[i]);
    assert_that(n <= cap);
    memcpy(buf, seeds[i], n);
    return n;
}
