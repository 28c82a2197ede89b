/* Who stands above us: what servers tell one another, and how one finds itself in it. */
#include <criterion/criterion.h>
#include "repl/upstream.h"

#include <stdio.h>

/* Server k of a test; its id is 40 times the same digit. */
static struct upstream server(char k) {
    struct upstream u;
    char id[UPSTREAM_ID_CHARS + 1];
    memset(id, k, UPSTREAM_ID_CHARS);
    id[UPSTREAM_ID_CHARS] = '\0';
    upstream_init(&u, id);
    return u;
}

static bool changed;

static int follows(struct upstream *u, const struct upstream *master) {
    char text[UPSTREAM_TEXT_MAX];
    size_t n = upstream_tell(master, text);
    cr_assert_eq(n, strlen(text));
    return upstream_hear(u, (slice){text, n}, &changed);
}

Test(upstream, a_chain) {
    struct upstream a = server('a'), b = server('b'), c = server('c');
    cr_assert_eq(follows(&b, &a), -1);
    cr_assert(changed);
    cr_assert_eq(follows(&c, &b), -1);
    cr_assert_eq(c.n, 2);
    cr_assert(c.ids[0][0] == 'b' && c.ids[1][0] == 'a');
    cr_assert_eq(follows(&c, &b), -1);
    cr_assert_not(changed);
}

Test(upstream, oneself) {
    struct upstream a = server('a'), again = a;
    cr_assert_eq(follows(&a, &again), 0);
    cr_assert_eq(a.n, 0);
}

Test(upstream, cycles) {
    struct upstream a = server('a'), b = server('b'), c = server('c');
    follows(&b, &a);
    cr_assert_eq(follows(&a, &b), 1, "a of b of a");
    a = server('a');
    follows(&c, &b);
    cr_assert_eq(follows(&a, &c), 2, "a of c of b of a");
    cr_assert_eq(a.n, 2, "who asks it is told as far as itself");
    cr_assert_eq(follows(&b, &a), 2, "so the others find it, too");
}

Test(upstream, who_is_promoted_forgets) {
    struct upstream a = server('a'), b = server('b');
    follows(&b, &a);
    upstream_forget(&b);
    cr_assert_eq(follows(&a, &b), -1);
}

Test(upstream, changes_are_seen) {
    struct upstream a = server('a'), b = server('b'), c = server('c'), d = server('d');
    follows(&b, &a);
    follows(&c, &b);
    upstream_forget(&b);
    follows(&c, &b);
    cr_assert(changed, "shorter");
    follows(&b, &d);
    follows(&c, &b);
    cr_assert(changed, "longer");
    b = server('b');
    follows(&b, &a);
    follows(&c, &b);
    cr_assert(changed, "another");
}

Test(upstream, one_that_is_not_of_our_kind_tells_nothing) {
    static const char *const texts[] = {"", " ", " short", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
                                        " zzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzz"};
    struct upstream a = server('a');
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        cr_assert_eq(upstream_hear(&a, slice_of(texts[i]), &changed), -1);
        cr_assert_eq(a.n, 0);
    }
    cr_assert_eq(upstream_hear(&a, (slice){NULL, 0}, &changed), -1);
}

Test(upstream, long_chains_are_cut) {
    struct upstream last = server('f');
    char id[UPSTREAM_ID_CHARS + 1], text[UPSTREAM_TEXT_MAX];
    for (int i = 0; i < 3 * UPSTREAM_MAX; i++) {
        snprintf(id, sizeof id, "%040d", i);
        struct upstream next;
        upstream_init(&next, id);
        cr_assert_eq(follows(&next, &last), -1);
        cr_assert_leq(next.n, UPSTREAM_MAX);
        cr_assert_lt(upstream_tell(&next, text), sizeof text);
        last = next;
    }
}
