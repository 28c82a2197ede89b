/* The request parser: forms, limits, error texts, and that any split of the bytes gives the same requests.
 * The outcomes were observed at redis-server 7.0.15 through a raw socket. */
#include "base/alloc.h"
#include "base/random.h"
#include "base/sds.h"
#include "resp/parser.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>

static const struct resp_limits open_limits = {512 << 20, true};
static const struct resp_limits closed_limits = {512 << 20, false};

static struct resp_parser parser;
static struct resp_args args;
static struct resp_request_view view;

static enum resp_status parse_n(const char *bytes, size_t n, const struct resp_limits *limits) {
    static char buf[1 << 18];
    cr_assert_leq(n, sizeof(buf));
    memcpy(buf, bytes, n);
    resp_parser_reset(&parser);
    args.n = 0;
    memset(&view, 0, sizeof(view));
    return resp_parse(&parser, limits, buf, n, &args, &view);
}

static enum resp_status parse(const char *text) {
    return parse_n(text, strlen(text), &open_limits);
}

static void arg_is(int i, const char *want) {
    slice got = args.v[view.argv_index + i];
    cr_assert(slice_eq(got, slice_of(want)), "argument %d is '%.*s', not '%s'", i, (int)got.n, got.p, want);
}

Test(parser, array_of_bulks) {
    cr_assert_eq(parse("*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$12\r\n0123456789ab\r\n*1\r\n"), RESP_OK);
    cr_assert_eq(view.argc, 3);
    cr_assert_eq(view.consumed, strlen("*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$12\r\n0123456789ab\r\n"));
    cr_assert_not(view.is_inline);
    arg_is(0, "SET");
    arg_is(1, "k");
    arg_is(2, "0123456789ab");
}

Test(parser, empty_argument) {
    cr_assert_eq(parse("*2\r\n$0\r\n\r\n$1\r\nx\r\n"), RESP_OK);
    arg_is(0, "");
    arg_is(1, "x");
}

Test(parser, two_bytes_behind_a_bulk_are_skipped_unseen) {
    cr_assert_eq(parse("*1\r\n$4\r\nPINGxx"), RESP_OK);
    arg_is(0, "PING");
    cr_assert_eq(parse("*1\rx$4\r\nPING\r\n"), RESP_OK, "the byte behind CR is not looked at either");
}

Test(parser, nothing_requests_are_skipped) {
    static const char *const nothing[] = {"\r\n", "\n", "  \r\n", "*0\r\n", "*-1\r\n", "*-5\r\n"};
    for (size_t i = 0; i < sizeof(nothing) / sizeof(nothing[0]); i++) {
        cr_assert_eq(parse(nothing[i]), RESP_SKIP, "case %zu", i);
        cr_assert_eq(view.consumed, strlen(nothing[i]), "case %zu", i);
        cr_assert_eq(args.n, 0);
    }
}

Test(parser, inline_commands) {
    cr_assert_eq(parse("ECHO \"a b\\x41\\n\"\r\nPING\r\n"), RESP_OK);
    cr_assert(view.is_inline);
    cr_assert_eq(view.argc, 2);
    cr_assert_eq(view.consumed, strlen("ECHO \"a b\\x41\\n\"\r\n"));
    arg_is(0, "ECHO");
    arg_is(1, "a bA\n");
    cr_assert_eq(parse("PING\n"), RESP_OK);
    arg_is(0, "PING");
    cr_assert_eq(parse("\v\fECHO ab\"c d\" \"\" \r\n"), RESP_OK);
    cr_assert_eq(view.argc, 3);
    arg_is(1, "abc d");
    arg_is(2, "");
}

static const struct {
    const char *bytes, *error;
} bad[] = {
    {"*2147483648\r\n", "invalid multibulk length"},
    {"*01\r\n", "invalid multibulk length"},
    {"*\r\n", "invalid multibulk length"},
    {"*a\r\n", "invalid multibulk length"},
    {"*+1\r\n", "invalid multibulk length"},
    {"*1 \r\n", "invalid multibulk length"},
    {"*99999999999999999999\r\n", "invalid multibulk length"},
    {"*1\r\nPING\r\n", "expected '$', got 'P'"},
    {"*1\r\n\r\n", "expected '$', got '\r'"},
    {"*1\r\n$-1\r\n", "invalid bulk length"},
    {"*1\r\n$04\r\nPING\r\n", "invalid bulk length"},
    {"*1\r\n$\r\n", "invalid bulk length"},
    {"*1\r\n$536870913\r\n", "invalid bulk length"},
    {"*1\r\n$9223372036854775808\r\n", "invalid bulk length"},
    {"*2\r\n$1\r\na\r\n:1\r\n", "expected '$', got ':'"},
    {"ECHO \"ab\r\n", "unbalanced quotes in request"},
    {"ECHO \"ab\"c\r\n", "unbalanced quotes in request"},
};

Test(parser, protocol_errors) {
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        char want[100];
        snprintf(want, sizeof(want), "Protocol error: %s", bad[i].error);
        cr_assert_eq(parse(bad[i].bytes), RESP_BAD, "case %zu", i);
        cr_assert_str_eq(parser.error, want);
        cr_assert_eq(args.n, 0);
    }
}

Test(parser, claims_within_the_limits_wait_for_more) {
    static const char *const cut[] = {"*2147483647\r\n",
                                      "*1048577\r\n",
                                      "*1\r\n$536870912\r\n",
                                      "*",
                                      "*1",
                                      "*1\r",
                                      "*1\r\n",
                                      "*1\r\nP",
                                      "*1\r\n$",
                                      "*1\r\n$4\r\nPING",
                                      "*1\r\n$4\r\nPING\r",
                                      "PING",
                                      "*1\n$4\nPING\n"};
    size_t before = mem_used_bytes();
    for (size_t i = 0; i < sizeof(cut) / sizeof(cut[0]); i++)
        cr_assert_eq(parse(cut[i]), RESP_MORE, "case %zu", i);
    resp_parser_free(&parser);
    cr_assert_eq(mem_used_bytes(), before, "a claim allocates nothing");
}

Test(parser, wanted_bytes) {
    cr_assert_eq(parse("*2\r\n$3\r\nGET\r\n$1000\r\nabc"), RESP_MORE);
    cr_assert_eq(resp_wanted_bytes(&parser), strlen("*2\r\n$3\r\nGET\r\n$1000\r\n") + 1002);
    cr_assert_eq(parse("*2\r\n$3\r\nGET\r\n$10"), RESP_MORE);
    cr_assert_eq(resp_wanted_bytes(&parser), 0);
}

Test(parser, before_authentication_requests_are_small) {
    cr_assert_eq(parse_n("*10\r\n", 5, &closed_limits), RESP_MORE);
    cr_assert_eq(parse_n("*11\r\n", 5, &closed_limits), RESP_BAD);
    cr_assert_str_eq(parser.error, "Protocol error: unauthenticated multibulk length");
    cr_assert_eq(parse_n("*1\r\n$16384\r\n", 12, &closed_limits), RESP_MORE);
    cr_assert_eq(parse_n("*1\r\n$16385\r\n", 12, &closed_limits), RESP_BAD);
    cr_assert_str_eq(parser.error, "Protocol error: unauthenticated bulk length");
}

/* Lines without an end: the prefix, then `fill` up to 64 KB are waited for, one byte more is an error. */
static void endless_line(const char *prefix, size_t counted_from, char fill, const char *error) {
    static char bytes[70000];
    char want[100];
    size_t limit = counted_from + 65536;
    memset(bytes, fill, sizeof(bytes));
    memcpy(bytes, prefix, strlen(prefix));
    cr_assert_eq(parse_n(bytes, limit, &open_limits), RESP_MORE, "%s", error);
    cr_assert_eq(parse_n(bytes, limit + 1, &open_limits), RESP_BAD, "%s", error);
    snprintf(want, sizeof(want), "Protocol error: %s", error);
    cr_assert_str_eq(parser.error, want);
}

Test(parser, endless_lines) {
    endless_line("A", 0, 'A', "too big inline request");
    endless_line("*", 0, '1', "too big mbulk count string");
    endless_line("*1\r\n$", 4, '1', "too big bulk count string");
    endless_line("*1\r\nx", 4, 'x', "too big bulk count string");
}

/* Feeds the stream in pieces whose ends are given by `cut`, moving the buffer between calls, and writes what was
 * parsed as one text. */
static sds parse_in_pieces(const char *stream, size_t n, uint64_t (*cut)(void)) {
    struct resp_parser p = {0};
    struct resp_args a = {0};
    sds text = sds_empty();
    size_t start = 0, have = 0;
    while (have < n) {
        have += cut();
        if (have > n) have = n;
        for (;;) {
            struct resp_request_view v;
            sds copy = sds_newlen(stream + start, have - start); /* a new place each time */
            a.n = 0;
            enum resp_status status = resp_parse(&p, &open_limits, copy, have - start, &a, &v);
            for (int i = 0; status == RESP_OK && i < v.argc; i++) {
                text = sds_cat_repr(text, a.v[v.argv_index + i].p, a.v[v.argv_index + i].n);
            }
            sds_free(copy);
            if (status == RESP_MORE) break;
            text = status == RESP_BAD ? sds_cat_printf(text, "<%s>", p.error) : sds_cat_str(text, "\n");
            if (status == RESP_BAD) goto done;
            start += v.consumed;
        }
    }
done:
    resp_parser_free(&p);
    resp_args_free(&a);
    return text;
}

static uint64_t everything(void) {
    return SIZE_MAX / 2;
}

static uint64_t one_byte(void) {
    return 1;
}

static uint64_t few_bytes(void) {
    return 1 + random_below(40);
}

static sds random_stream(void) {
    sds s = sds_empty();
    for (int requests = 1 + (int)random_below(6); requests > 0; requests--) {
        if (random_below(5) == 0) {
            s = sds_cat_str(s, random_below(2) ? "\r\n" : "inline 'a b' \"\\x41\"\r\n");
            continue;
        }
        int argc = (int)random_below(random_below(10) == 0 ? 200 : 5);
        s = sds_cat_printf(s, "*%d\r\n", argc);
        for (int i = 0; i < argc; i++) {
            size_t n = random_below(random_below(20) == 0 ? 3000 : 20);
            s = sds_cat_printf(s, "$%zu\r\n", n);
            for (size_t k = 0; k < n; k++) s = sds_cat(s, &"\r\n$*1a\0b"[random_below(8)], 1);
            s = sds_cat_str(s, "\r\n");
        }
    }
    if (random_below(4) == 0) s = sds_cat_str(s, "*1\r\n!");
    return s;
}

Test(parser, any_split_gives_the_same_requests) {
    random_seed(31);
    size_t before = mem_used_bytes();
    for (int i = 0; i < 300; i++) {
        sds stream = random_stream();
        size_t n = sds_len(stream);
        sds whole = parse_in_pieces(stream, n, everything);
        sds bytes = n < 3000 ? parse_in_pieces(stream, n, one_byte) : sds_dup(whole);
        sds pieces = parse_in_pieces(stream, n, few_bytes);
        cr_assert_gt(sds_len(whole), 0);
        cr_assert_str_eq(bytes, whole);
        cr_assert_str_eq(pieces, whole);
        sds_free(whole);
        sds_free(bytes);
        sds_free(pieces);
        sds_free(stream);
    }
    cr_assert_eq(mem_used_bytes(), before);
}

Test(parser, a_batch_collects_arguments_by_index) {
    char buf[] = "*2\r\n$3\r\nGET\r\n$1\r\na\r\nSET b c\r\n";
    struct resp_request_view first, second;
    args.n = 0;
    cr_assert_eq(resp_parse(&parser, &open_limits, buf, sizeof(buf) - 1, &args, &first), RESP_OK);
    cr_assert_eq(resp_parse(&parser, &open_limits, buf + first.consumed, sizeof(buf) - 1 - first.consumed,
                            &args, &second),
                 RESP_OK);
    cr_assert_eq(args.n, 5);
    cr_assert_eq(second.argv_index, 2);
    cr_assert(slice_eq(args.v[first.argv_index + 1], SLICE("a")));
    cr_assert(slice_eq(args.v[second.argv_index + 2], SLICE("c")));
}

/* Progress must be kept, or a request of many arguments in small pieces would cost the square of its size. */
Test(parser, a_huge_request_in_small_pieces_is_scanned_once, .timeout = 20) {
    enum { ARGC = 300000 };
    sds stream = sds_cat_printf(sds_empty(), "*%d\r\n", ARGC);
    for (int i = 0; i < ARGC; i++) stream = sds_cat_str(stream, "$5\r\nhello\r\n");
    size_t n = sds_len(stream);
    args.n = 0;
    resp_parser_reset(&parser);
    for (size_t have = 0; have < n - 100; have += 100) {
        cr_assert_eq(resp_parse(&parser, &open_limits, stream, have, &args, &view), RESP_MORE);
    }
    cr_assert_eq(resp_parse(&parser, &open_limits, stream, n, &args, &view), RESP_OK);
    cr_assert_eq(view.argc, ARGC);
    cr_assert_eq(view.consumed, n);
    arg_is(0, "hello");
    arg_is(ARGC - 1, "hello");
    sds_free(stream);
}
