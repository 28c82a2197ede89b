/* What the encoder writes the parser reads. */
#include "resp/parser.h"
#include "resp/request.h"

#include <criterion/criterion.h>

Test(request, head) {
    char head[REQUEST_HEAD_BYTES];
    cr_assert_eq(request_head(head, '*', 3), 4);
    cr_assert_eq(memcmp(head, "*3\r\n", 4), 0);
    cr_assert_eq(request_head(head, '$', UINT64_MAX), 23);
    cr_assert_eq(memcmp(head, "$18446744073709551615\r\n", 23), 0);
}

Test(request, is_read_back_by_the_parser) {
    const slice argv[] = {SLICE("SET"), SLICE(""), {"a\0b\r\n", 5}};
    sds s = request_cat(sds_new("before"), 3, argv);
    cr_assert_eq(memcmp(s, "before*3\r\n$3\r\nSET\r\n$0\r\n\r\n$5\r\na\0b\r\n\r\n", sds_len(s)), 0);
    struct resp_parser parser = {0};
    struct resp_args args = {0};
    struct resp_limits limits = {.max_bulk_bytes = 100, .authenticated = true};
    struct resp_request_view v;
    resp_parser_reset(&parser);
    cr_assert_eq(resp_parse(&parser, &limits, s + 6, sds_len(s) - 6, &args, &v), RESP_OK);
    cr_assert_eq(v.argc, 3);
    cr_assert_eq(v.consumed, sds_len(s) - 6);
    for (int i = 0; i < 3; i++) cr_assert(slice_eq(args.v[v.argv_index + i], argv[i]));
    resp_args_free(&args);
    sds_free(s);
}
