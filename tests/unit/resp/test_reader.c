/* Reading replies: each form, nesting, splits, and what is refused. */
#include "base/alloc.h"
#include "base/random.h"
#include "resp/reader.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>

static struct resp_reader reader;

static const struct resp_value *read_one(const char *bytes) {
    const struct resp_value *v = NULL;
    resp_reader_feed(&reader, bytes, strlen(bytes));
    enum resp_status status = resp_reader_next(&reader, &v);
    cr_assert_eq(status, RESP_OK, "%s: %d %s", bytes, status, reader.scan.error ? reader.scan.error : "");
    return v;
}

static void text_is(const struct resp_value *v, const char *want) {
    cr_assert(slice_eq(v->text, slice_of(want)), "'%.*s' is not '%s'", (int)v->text.n, v->text.p, want);
}

Test(reader, simple_forms) {
    const struct resp_value *v = read_one("+OK\r\n");
    cr_assert_eq(v->type, '+');
    text_is(v, "OK");
    v = read_one("-ERR no\r\n");
    cr_assert_eq(v->type, '-');
    text_is(v, "ERR no");
    v = read_one(":-42\r\n");
    cr_assert_eq(v->integer, -42);
    v = read_one("$5\r\na\r\nbc\r\n");
    text_is(v, "a\r\nbc");
    v = read_one("$0\r\n\r\n");
    cr_assert_not(v->is_null);
    cr_assert_eq(v->text.n, 0);
    cr_assert(read_one("$-1\r\n")->is_null);
    cr_assert(read_one("*-1\r\n")->is_null);
    cr_assert(read_one("_\r\n")->is_null);
    cr_assert(read_one("#t\r\n")->boolean);
    cr_assert_not(read_one("#f\r\n")->boolean);
    cr_assert_eq(read_one(",1.5\r\n")->number, 1.5);
    cr_assert_eq(read_one(",-inf\r\n")->number, -INFINITY);
    cr_assert(isnan(read_one(",nan\r\n")->number));
    text_is(read_one("(-123456789012345678901234567890\r\n"), "-123456789012345678901234567890");
    v = read_one("=9\r\nmkd:hello\r\n");
    text_is(v, "hello");
    cr_assert(slice_eq(v->format, SLICE("mkd")));
    v = read_one("!5\r\nERR x\r\n");
    cr_assert_eq(v->type, '!');
    text_is(v, "ERR x");
    resp_reader_free(&reader);
}

Test(reader, nested_aggregates) {
    const struct resp_value *v = read_one(
        "*3\r\n:1\r\n%2\r\n+a\r\n*0\r\n+b\r\n~2\r\n:2\r\n$1\r\nx\r\n*-1\r\n");
    cr_assert_eq(v->count, 3);
    const struct resp_value *map = &v->items[1];
    cr_assert_eq(map->type, '%');
    cr_assert_eq(map->count, 4);
    cr_assert_eq(map->items[1].count, 0);
    text_is(&map->items[2], "b");
    cr_assert_eq(map->items[3].type, '~');
    text_is(&map->items[3].items[1], "x");
    cr_assert(v->items[2].is_null);
    resp_reader_free(&reader);
}

Test(reader, attributes_are_left_out_wherever_they_stand) {
    const struct resp_value *v = read_one(
        "|1\r\n+k\r\n*2\r\n:1\r\n:2\r\n*2\r\n|1\r\n|1\r\n+x\r\n+y\r\n+k\r\n+v\r\n:1\r\n|0\r\n:2\r\n");
    cr_assert_eq(v->type, '*');
    cr_assert_eq(v->count, 2);
    cr_assert_eq(v->items[0].integer, 1);
    cr_assert_eq(v->items[1].integer, 2);
    resp_reader_free(&reader);
}

Test(reader, several_replies_and_all_memory_back) {
    size_t before = mem_used_bytes();
    const struct resp_value *v;
    for (int i = 0; i < 100; i++) resp_reader_feed(&reader, "*2\r\n+a\r\n:1\r\n>1\r\n+push\r\n", 23);
    for (int i = 0; i < 200; i++) {
        cr_assert_eq(resp_reader_next(&reader, &v), RESP_OK);
        cr_assert_eq(v->type, i % 2 ? '>' : '*');
    }
    cr_assert_eq(resp_reader_next(&reader, &v), RESP_MORE);
    resp_reader_free(&reader);
    cr_assert_eq(mem_used_bytes(), before);
}

Test(reader, one_byte_at_a_time) {
    const char *bytes = "*4\r\n$3\r\nabc\r\n%1\r\n+k\r\n,1.25\r\n|1\r\n+a\r\n+b\r\n#t\r\n=6\r\ntxt:hi\r\n";
    const struct resp_value *v;
    for (size_t i = 0; i + 1 < strlen(bytes); i++) {
        resp_reader_feed(&reader, bytes + i, 1);
        cr_assert_eq(resp_reader_next(&reader, &v), RESP_MORE, "byte %zu", i);
    }
    v = read_one("\n");
    cr_assert_eq(v->count, 4);
    cr_assert_eq(v->items[1].items[1].number, 1.25);
    text_is(&v->items[3], "hi");
    resp_reader_free(&reader);
}

Test(reader, refuses_nonsense) {
    static const char *const nonsense[] = {"x\r\n",           "\r\n",
                                           ":\r\n",           ":1x\r\n",
                                           ":01\r\n",         ":9223372036854775808\r\n",
                                           "$-2\r\n",         "$x\r\n",
                                           "$\r\n",           "=-1\r\n",
                                           "$?\r\n",          "*-2\r\n",
                                           "*?\r\n",          "%-1\r\n",
                                           "~-1\r\n",         "*2147483648\r\n",
                                           "#x\r\n",          "#\r\n",
                                           "_x\r\n",          ",\r\n",
                                           ",x\r\n",          "(\r\n",
                                           "(-\r\n",          "(1x\r\n",
                                           "+a\rb\n",         "$1\r\nabc",
                                           "$1\r\na\n\r",     "=3\r\nabc\r\n",
                                           "=5\r\ntxtab\r\n", "*2\r\n+a\r\n?\r\n",
                                           "|-1\r\n"};
    const struct resp_value *v;
    for (size_t i = 0; i < sizeof(nonsense) / sizeof(nonsense[0]); i++) {
        resp_reader_feed(&reader, nonsense[i], strlen(nonsense[i]));
        cr_assert_eq(resp_reader_next(&reader, &v), RESP_BAD, "case %zu", i);
        cr_assert_not_null(reader.scan.error);
        cr_assert_eq(resp_reader_next(&reader, &v), RESP_BAD, "it stays bad");
        resp_reader_free(&reader);
    }
}

Test(reader, nesting_is_bounded) {
    static const char *const levels[] = {"*1\r\n", "|1\r\n", "%1\r\n"};
    for (int k = 0; k < 3; k++) {
        struct resp_scan scan = {0};
        sds deep = sds_empty();
        for (int i = 0; i < RESP_DEPTH_MAX - 1; i++) deep = sds_cat_str(deep, levels[k]);
        cr_assert_eq(resp_scan(&scan, deep, sds_len(deep)), RESP_MORE);
        deep = sds_cat_str(deep, levels[k]);
        cr_assert_eq(resp_scan(&scan, deep, sds_len(deep)), RESP_BAD);
        sds_free(deep);
    }
}

Test(reader, claims_allocate_nothing) {
    size_t before = mem_used_bytes();
    struct resp_scan scan = {0};
    cr_assert_eq(resp_scan(&scan, "*2147483647\r\n+a\r\n", 17), RESP_MORE);
    struct resp_scan bulk = {0};
    cr_assert_eq(resp_scan(&bulk, "$9223372036854775807\r\nabc", 25), RESP_MORE);
    cr_assert_eq(mem_used_bytes(), before);
}
