/* Byte strings, and the quoting in words.c. */
#include "base/alloc.h"
#include "base/sds.h"
#include "base/words.h"

#include <criterion/criterion.h>
#include <stdint.h>

Test(sds, holds_binary_bytes_and_ends_with_nul) {
    sds s = sds_newlen("a\0b", 3);
    cr_assert_eq(sds_len(s), 3);
    cr_assert_arr_eq(s, "a\0b", 4);
    sds t = sds_dup(s);
    cr_assert_neq(s, t);
    cr_assert_arr_eq(t, "a\0b", 4);
    sds_free(s);
    sds_free(t);
    sds_free(NULL);
}

Test(sds, gives_all_its_memory_back) {
    size_t before = mem_used_bytes();
    sds s = sds_empty();
    for (int i = 0; i < 5000; i++) s = sds_cat_printf(s, "%d,", i);
    s = sds_trim_room(s);
    sds t = sds_dup(s);
    t = sds_reserve(t, 100000);
    sds_free(s);
    sds_free(t);
    cr_assert_eq(mem_used_bytes(), before);
}

Test(sds, appends_across_growth) {
    sds s = sds_empty();
    for (int i = 0; i < 3000; i++) s = sds_cat(s, "0123456789", 10);
    cr_assert_eq(sds_len(s), 30000);
    for (size_t i = 0; i < 30000; i++) cr_assert_eq(s[i], (char)('0' + i % 10));
    cr_assert_eq(s[30000], '\0');
    sds_free(s);
}

Test(sds, reserve_gives_room_without_changing_length) {
    sds s = sds_reserve(sds_new("abc"), 1000);
    cr_assert_eq(sds_len(s), 3);
    cr_assert_geq(sds_room(s), 1000);
    sds where = s;
    for (int i = 0; i < 1000; i++) s = sds_cat(s, "x", 1);
    cr_assert_eq(s, where, "appending into reserved room must not move");
    sds_set_len(s, 2);
    cr_assert_str_eq(s, "ab");
    s = sds_trim_room(s);
    cr_assert_leq(sds_alloc_bytes(s), mem_good_size(8 + 3));
    cr_assert_str_eq(s, "ab");
    sds_free(s);
}

Test(sds, grow_zero_fills_and_never_shortens) {
    sds s = sds_grow_zero(sds_new("ab"), 5);
    cr_assert_eq(sds_len(s), 5);
    cr_assert_arr_eq(s, "ab\0\0\0", 6);
    s = sds_grow_zero(s, 3);
    cr_assert_eq(sds_len(s), 5);
    sds_free(s);
}

Test(sds, printf_longer_than_any_room) {
    sds s = sds_cat_printf(sds_new("<"), "%0300d|%s", 7, "end");
    cr_assert_eq(sds_len(s), 305);
    cr_assert_str_eq(s + 300, "7|end");
    sds_free(s);
}

Test(sds, works_past_four_gigabytes) {
    size_t n = ((size_t)1 << 32) + 10;
    sds s = sds_newlen(NULL, n);
    s[0] = 'a';
    s[n - 1] = 'z';
    cr_assert_eq(sds_len(s), n);
    cr_assert_eq(s[n], '\0');
    sds_set_len(s, 1);
    s = sds_trim_room(s);
    cr_assert_str_eq(s, "a");
    cr_assert_lt(sds_alloc_bytes(s), 64);
    sds_free(s);
}

Test(sds, repr_escapes) {
    sds s = sds_cat_repr(sds_empty(), "a\"\\\n\r\t\a\b\x01\xff\0z~", 13);
    cr_assert_str_eq(s, "\"a\\\"\\\\\\n\\r\\t\\a\\b\\x01\\xff\\x00z~\"");
    sds_free(s);
}

/* Every line here was sent to redis-server 7.0.15 as an inline command; what it took as arguments stands beside. */
static const struct {
    const char *line;
    int count; /* -1: unbalanced quotes */
    const char *words[4];
} cases[] = {
    {"", 0, {NULL}},
    {" \t\r\n", 0, {NULL}},
    {"a b  c", 3, {"a", "b", "c"}},
    {"\v\fa", 1, {"a"}},
    {"a\vb c", 2, {"a\vb", "c"}},
    {"\"a b\\x41\\n\"", 1, {"a bA\n"}},
    {"\"\\q\\xzz\\\"\"", 1, {"qxzz\""}},
    {"'a\\'b\\n'", 1, {"a'b\\n"}},
    {"ab\"c d\" e", 2, {"abc d", "e"}},
    {"\"\" ''", 2, {"", ""}},
    {"a\nb\rc", 3, {"a", "b", "c"}},
    {"\"ab", -1, {NULL}},
    {"\"ab\"c", -1, {NULL}},
    {"'ab'\"c\"", -1, {NULL}},
    {"\"ab\\", -1, {NULL}},
    {"x 'a\\'", -1, {NULL}},
};

Test(words, split_as_the_reference_does) {
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        int count = 99;
        sds *words = sds_split_words(cases[i].line, strlen(cases[i].line), &count);
        if (cases[i].count < 0) {
            cr_assert_null(words, "case %zu", i);
            cr_assert_eq(count, 0);
            continue;
        }
        cr_assert_not_null(words, "case %zu", i);
        cr_assert_eq(count, cases[i].count, "case %zu: %d words", i, count);
        for (int w = 0; w < count; w++) cr_assert_str_eq(words[w], cases[i].words[w], "case %zu", i);
        sds_free_words(words, count);
    }
}

Test(words, repr_and_split_are_inverse) {
    char bytes[256];
    for (int i = 0; i < 256; i++) bytes[i] = (char)i;
    sds quoted = sds_cat_repr(sds_empty(), bytes, sizeof(bytes));
    int count;
    sds *words = sds_split_words(quoted, sds_len(quoted), &count);
    cr_assert_eq(count, 1);
    cr_assert_eq(sds_len(words[0]), sizeof(bytes));
    cr_assert_arr_eq(words[0], bytes, sizeof(bytes));
    sds_free_words(words, count);
    sds_free(quoted);
}

Test(words, a_thousand_words_and_all_memory_back) {
    size_t before = mem_used_bytes();
    sds line = sds_empty();
    for (int i = 0; i < 1000; i++) line = sds_cat_printf(line, "w%d ", i);
    int count;
    sds *words = sds_split_words(line, sds_len(line), &count);
    cr_assert_eq(count, 1000);
    cr_assert_str_eq(words[999], "w999");
    sds_free_words(words, count);
    sds_free(line);
    cr_assert_eq(mem_used_bytes(), before);
}

Test(words, nul_ends_the_line) {
    int count;
    sds *words = sds_split_words("a b\0c d", 7, &count);
    cr_assert_eq(count, 2);
    sds_free_words(words, count);
}

Test(words, in_place) {
    char line[] = "  \"a\\x42c\"   'd e' f\"\"";
    const char *at = line, *end = line + strlen(line);
    char *to = line;
    const char *want[] = {"aBc", "d e", "f"};
    size_t n;
    for (int i = 0; i < 3; i++) {
        cr_assert_eq(word_next(&at, end, to, &n), WORD_OK);
        cr_assert_eq(n, strlen(want[i]));
        cr_assert_arr_eq(to, want[i], n);
        to += n;
        cr_assert_leq((uintptr_t)to, (uintptr_t)at);
    }
    cr_assert_eq(word_next(&at, end, to, &n), WORD_END);
}
