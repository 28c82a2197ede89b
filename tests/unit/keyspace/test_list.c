/* Lists against a model (an array of strings), with nodes small enough that all divide, join and compress. */
#include "keyspace/list_node.h"

#include "base/sds.h"
#include "keyspace_support.h"

#include <criterion/criterion.h>

TestSuite(list, .init = ks_test_init, .fini = ks_test_fini);

#define MODEL_MAX 400

static struct model {
    sds s[MODEL_MAX + 1];
    size_t n;
} model;

static void model_insert(size_t at, slice s) {
    memmove(model.s + at + 1, model.s + at, (model.n - at) * sizeof *model.s);
    model.s[at] = sds_newlen(s.p, s.n);
    model.n++;
}

static void model_remove(size_t at) {
    sds_free(model.s[at]);
    model.n--;
    memmove(model.s + at, model.s + at + 1, (model.n - at) * sizeof *model.s);
}

static void model_empty(void) {
    while (model.n) model_remove(model.n - 1);
}

static slice random_element(char *buf) {
    size_t n = ks_below(10) ? ks_below(20) : 60 + ks_below(140);
    if (ks_below(3) == 0) return (slice){buf, num_format_i64(buf, (int64_t)(ks_random() >> ks_below(64)))};
    memset(buf, (int)('a' + ks_below(3)), n);
    return (slice){buf, n};
}

static bool value_equals(struct lp_value v, const char *want) {
    struct list_needle needle = list_needle(sds_slice(want));
    return list_matches(&needle, v);
}

/* What list.c and list_node.h say of themselves. */
static void check_nodes(struct list *l) {
    size_t length = 0;
    uint32_t at = 0;
    struct list_node *before = NULL;
    for (struct list_node *n = l->head; n; before = n, n = n->next, at++) {
        cr_assert(n->count > 0 && n->prev == before);
        length += n->count;
        bool near_end = at < l->depth || l->nodes - 1 - at < l->depth;
        if (l->depth == 0 || near_end) cr_assert(!n->compressed);
        if (n->compressed) {
            cr_assert(n->cap < n->bytes);
        } else if (n->plain) {
            cr_assert(n->count == 1 && n->cap == n->bytes && n->bytes >= list_packed_threshold);
        } else {
            cr_assert(n->front + n->bytes <= n->cap);
            cr_assert(lp_validate(node_lp(n), n->bytes, NULL, NULL));
            cr_assert(lp_length(node_lp(n)) == n->count);
            cr_assert(n->count == 1 || n->bytes <= l->node_bytes_max);
            cr_assert(n->count <= l->node_count_max);
            if (l->depth && !near_end && n->bytes >= 48) cr_assert(n->incompressible, "node %u", at);
        }
    }
    cr_assert(l->tail == before && l->nodes == at && l->length == length);
}

static void check_same(struct list *l) {
    struct list_cursor cur;
    cr_assert(list_length(l) == model.n);
    size_t i = 0;
    for (bool more = list_cursor_start(&cur, l, 0, LIST_TAIL); more; more = list_cursor_step(&cur))
        cr_assert(value_equals(list_cursor_value(&cur), model.s[i++]));
    cr_assert(i == model.n);
    for (bool more = list_cursor_start(&cur, l, -1, LIST_HEAD); more; more = list_cursor_step(&cur))
        cr_assert(value_equals(list_cursor_value(&cur), model.s[--i]));
    cr_assert(i == 0);
    check_nodes(l);
}

/* --- steps, each done to both --- */

static void step_push(struct list *l) {
    char buf[256];
    enum list_end end = ks_below(2) ? LIST_HEAD : LIST_TAIL;
    for (size_t n = ks_below(6); n > 0 && model.n < MODEL_MAX; n--) {
        slice s = random_element(buf);
        list_push(l, end, s);
        model_insert(end == LIST_HEAD ? 0 : model.n, s);
        cr_assert(value_equals(list_peek(l, end), model.s[end == LIST_HEAD ? 0 : model.n - 1]));
    }
}

static void step_drop(struct list *l) {
    enum list_end end = ks_below(2) ? LIST_HEAD : LIST_TAIL;
    size_t n = ks_below(20) ? ks_below(4) : ks_below(100);
    list_drop(l, end, n);
    while (n-- > 0 && model.n) model_remove(end == LIST_HEAD ? 0 : model.n - 1);
}

static void step_insert(struct list *l) {
    char buf[256];
    struct list_cursor cur;
    if (model.n == 0 || model.n == MODEL_MAX) return;
    size_t at = ks_below(model.n);
    bool after = ks_below(2);
    slice s = random_element(buf);
    cr_assert(list_cursor_start(&cur, l, (int64_t)at, ks_below(2) ? LIST_HEAD : LIST_TAIL));
    list_cursor_insert(&cur, after, s);
    model_insert(at + after, s);
}

static void step_replace(struct list *l) {
    char buf[256];
    struct list_cursor cur;
    if (model.n == 0) return;
    size_t at = ks_below(model.n);
    slice s = random_element(buf);
    cr_assert(list_cursor_start(&cur, l, (int64_t)at - (int64_t)model.n, LIST_TAIL));
    list_cursor_replace(&cur, s);
    model_remove(at);
    model_insert(at, s);
}

/* Removes one in four of the elements from somewhere on. */
static void step_remove(struct list *l) {
    struct list_cursor cur;
    if (model.n == 0) return;
    int64_t at = (int64_t)ks_below(model.n), way = ks_below(2) ? 1 : -1;
    bool more = list_cursor_start(&cur, l, at, way > 0 ? LIST_TAIL : LIST_HEAD);
    for (size_t n = ks_below(30); more && n > 0; n--) {
        if (ks_below(4)) {
            more = list_cursor_step(&cur);
            at += way;
        } else {
            more = list_cursor_remove(&cur);
            model_remove((size_t)at);
            if (way < 0) at--;
        }
        if (more) cr_assert(value_equals(list_cursor_value(&cur), model.s[at]));
    }
    list_cursor_done(&cur);
}

static void step_find(struct list *l) {
    struct list_cursor cur;
    int64_t i = (int64_t)ks_below(2 * MODEL_MAX) - MODEL_MAX;
    int64_t at = i < 0 ? i + (int64_t)model.n : i;
    bool there = at >= 0 && at < (int64_t)model.n;
    cr_assert(list_cursor_start(&cur, l, i, LIST_TAIL) == there);
    if (there) cr_assert(value_equals(list_cursor_value(&cur), model.s[at]));
    list_cursor_done(&cur);
}

static void walk_randomly(int size, int depth, int steps) {
    static void (*const step[])(struct list *) = {step_push,    step_push,   step_push,
                                                  step_drop,    step_insert, step_insert,
                                                  step_replace, step_remove, step_find};
    list_config.max_listpack_size = size;
    list_config.compress_depth = depth;
    struct list *l = list_new();
    for (int i = 0; i < steps; i++) {
        step[ks_below(sizeof step / sizeof *step)](l);
        check_same(l);
    }
    list_free(l);
    model_empty();
}

Test(list, walks_like_a_model) {
    walk_randomly(-1, 0, 1500);
    walk_randomly(5, 0, 1500);
    walk_randomly(0, 0, 500);
}

Test(list, walks_like_a_model_when_compressed) {
    walk_randomly(3, 1, 1500);
    walk_randomly(8, 3, 1500);
    walk_randomly(-1, 1, 1500);
}

Test(list, walks_like_a_model_with_plain_nodes) {
    list_packed_threshold = 64;
    walk_randomly(4, 0, 1500);
    walk_randomly(4, 1, 1500);
}

Test(list, serves_as_a_queue_without_growing) {
    struct list *l = list_new();
    for (int i = 0; i < 20; i++) list_push(l, LIST_TAIL, SLICE("some element"));
    size_t before = list_value_ops.bytes(0, l);
    for (int i = 0; i < 100000; i++) {
        list_push(l, LIST_TAIL, SLICE("some element"));
        list_drop(l, LIST_HEAD, 1);
    }
    cr_assert(list_length(l) == 20);
    cr_assert(list_value_ops.bytes(0, l) <= before * 2);
    list_free(l);
}

Test(list, costs_few_bytes_an_element) {
    enum { N = 100000 };
    for (int end = LIST_HEAD; end <= LIST_TAIL; end++) {
        size_t before = mem_used_bytes();
        struct list *l = list_new();
        for (int i = 0; i < N; i++) list_push(l, end, SLICE("0123456789abcdef"));
        cr_assert((mem_used_bytes() - before) / (double)N < 19);
        list_free(l);
    }
}

Test(list, gives_room_back) {
    struct list *l = list_new();
    for (int i = 0; i < 400; i++) list_push(l, LIST_TAIL, SLICE("0123456789abcdef"));
    list_drop(l, LIST_HEAD, 398);
    cr_assert(list_value_ops.bytes(0, l) < 600);
    list_free(l);
}

Test(list, copies_and_digests) {
    list_config.max_listpack_size = 4;
    list_config.compress_depth = 1;
    list_packed_threshold = 100;
    uint8_t a[20] = {0}, b[20] = {0};
    char buf[256];
    struct list *l = list_new();
    while (model.n < 200) {
        slice s = random_element(buf);
        list_push(l, LIST_TAIL, s);
        model_insert(model.n, s);
    }
    struct list *copy = list_value_ops.copy(0, l);
    check_same(copy);
    list_value_ops.digest(0, l, a);
    list_value_ops.digest(0, copy, b);
    cr_assert(memcmp(a, b, sizeof a) == 0);
    list_push(copy, LIST_HEAD, SLICE("one more"));
    memset(b, 0, sizeof b);
    list_value_ops.digest(0, copy, b);
    cr_assert(memcmp(a, b, sizeof a) != 0);
    check_same(l);
    while (list_value_ops.free_some(0, l, 7)) cr_assert(list_value_ops.free_effort(0, l) > 0);
    list_free(l);
    list_free(copy);
    model_empty();
}
