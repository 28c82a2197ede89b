/* The tree against a model, a sorted array, with its structure checked all along. Items are freed when they leave, so
 * that the sanitizer sees any that a node still names. */
#include "base/alloc.h"
#include "base/btree_internal.h"
#include "base/random.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>

struct item {
    uint64_t key, tie;
};

static int compare(const void *pa, const void *pb) {
    const struct item *a = pa, *b = pb;
    return a->tie < b->tie ? -1 : a->tie > b->tie;
}

static int order(const void *pa, const void *pb) {
    const struct item *a = pa, *b = pb;
    cr_assert(a != b, "an item needn't be compared with itself");
    return compare(a, b);
}

static struct item *item_new(uint64_t key, uint64_t tie) {
    struct item *it = mem_alloc(sizeof(*it));
    *it = (struct item){key, tie};
    return it;
}

static void item_free(struct item *it) {
    mem_free(it, sizeof(*it));
}

/* --- structure --- */

struct audit {
    const struct btree *t;
    struct btree_leaf *last;
    size_t bytes, leaves;
};

static struct child audit_leaf(struct audit *a, struct btree_leaf *l) {
    cr_assert(l->count > 0 && l->count <= l->room && l->room <= LEAF_MAX);
    cr_assert(a->t->height == 0 || l->room == LEAF_MAX);
    cr_assert_eq(l->prev, a->last);
    if (a->last) cr_assert_eq(a->last->next, l);
    a->last = l;
    a->leaves++;
    a->bytes += mem_good_size(sizeof(*l) + l->room * 16u);
    for (uint32_t i = 0; i < l->count; i++) {
        struct item *it = btree_leaf_items(l)[i], *before = i ? btree_leaf_items(l)[i - 1] : NULL;
        cr_assert_eq(it->key, l->keys[i]);
        if (i) cr_assert(before->key < it->key || (before->key == it->key && before->tie < it->tie));
    }
    return (struct child){l->keys[0], btree_leaf_items(l)[0], l, l->count};
}

static struct child audit_node(struct audit *a, void *node, int height) {
    if (height == 0) return audit_leaf(a, node);
    struct inner *n = node;
    struct child all = {.node = n};
    cr_assert(n->count > 0 && n->count <= INNER_MAX);
    a->bytes += mem_good_size(sizeof(*n));
    for (uint32_t i = 0; i < n->count; i++) {
        struct child c = audit_node(a, n->nodes[i], height - 1);
        cr_assert(c.key == n->keys[i] && c.item == n->items[i] && c.count == n->counts[i]);
        all.count += c.count;
    }
    all.key = n->keys[0];
    all.item = n->items[0];
    return all;
}

static size_t audit(const struct btree *t) {
    struct audit a = {.t = t, .bytes = mem_good_size(sizeof(*t))};
    if (t->root) cr_assert_eq(audit_node(&a, t->root, t->height).count, t->count);
    cr_assert(t->root || (t->count == 0 && t->height == 0));
    if (t->height > 0) cr_assert_gt(((struct inner *)t->root)->count, 1);
    if (a.last) cr_assert_null(a.last->next);
    cr_assert_eq(a.bytes, btree_bytes(t));
    return a.leaves;
}

/* --- the model --- */

#define MODEL_MAX 8000

struct model {
    struct btree *t;
    struct item *at[MODEL_MAX];
    size_t n;
    uint64_t keys, ties; /* how many different ones: few keys make equal ones */
};

static bool precedes(const struct item *a, uint64_t key, uint64_t tie) {
    return a->key < key || (a->key == key && a->tie < tie);
}

static size_t model_place(const struct model *m, uint64_t key, uint64_t tie) {
    size_t from = 0, n = m->n;
    while (n > 0) {
        size_t half = n / 2;
        bool right = precedes(m->at[from + half], key, tie);
        from += right ? half + 1 : 0;
        n = right ? n - half - 1 : half;
    }
    return from;
}

static bool model_has(const struct model *m, size_t i, uint64_t key, uint64_t tie) {
    return i < m->n && m->at[i]->key == key && m->at[i]->tie == tie;
}

static void model_take(struct model *m, size_t i, size_t n) {
    memmove(m->at + i, m->at + i + n, (m->n - i - n) * sizeof(m->at[0]));
    m->n -= n;
}

static void model_put(struct model *m, size_t i, struct item *it) {
    memmove(m->at + i + 1, m->at + i, (m->n - i) * sizeof(m->at[0]));
    m->at[i] = it;
    m->n++;
}

static uint64_t random_key(const struct model *m) {
    uint64_t k = random_below(m->keys);
    return k == 0 ? 0 : k == 1 ? UINT64_MAX : k * 1000;
}

static void insert(struct model *m, uint64_t key, uint64_t tie) {
    size_t i = model_place(m, key, tie);
    if (m->n == MODEL_MAX || model_has(m, i, key, tie)) return;
    struct item *it = item_new(key, tie);
    btree_insert(m->t, key, it);
    model_put(m, i, it);
}

static void remove_one(struct model *m) {
    uint64_t key = random_key(m), tie = random_below(m->ties);
    if (m->n && random_below(4)) {
        struct item *it = m->at[random_below(m->n)];
        key = it->key;
        tie = it->tie;
    }
    size_t i = model_place(m, key, tie);
    bool has = model_has(m, i, key, tie);
    struct item probe = {0, tie}; /* the key counts as given, not as in the probe */
    struct item *got = btree_remove(m->t, key, &probe);
    cr_assert_eq(got, has ? m->at[i] : NULL);
    if (!has) return;
    item_free(got);
    model_take(m, i, 1);
}

struct expected_removals {
    struct item **next;
    size_t n;
};

static void removed(void *ctx, void *item) {
    struct expected_removals *e = ctx;
    cr_assert_eq(item, *e->next++);
    e->n++;
    item_free(item);
}

/* Widens a range to whole leaves: those that empty a leaf end where its neighbour begins. */
static void align_to_leaves(const struct model *m, size_t *from, size_t *n) {
    struct btree_pos p = btree_at(m->t, *from), end = btree_at(m->t, *from + *n);
    if (btree_ok(end)) *n += end.leaf->count - end.slot;
    if (!btree_ok(p)) return;
    *from -= p.slot;
    *n += p.slot;
}

static void remove_range(struct model *m) {
    size_t from = random_below(m->n + 2), n = random_below(8) ? random_below(10) : random_below(m->n / 2 + 1);
    if (random_below(4) == 0) align_to_leaves(m, &from, &n);
    size_t want = from >= m->n ? 0 : n < m->n - from ? n : m->n - from;
    struct expected_removals e = {m->at + (want ? from : 0), 0};
    cr_assert_eq(btree_remove_range(m->t, from, n, removed, &e), want);
    cr_assert_eq(e.n, want);
    if (want) model_take(m, from, want);
}

static void rekey(struct model *m) {
    if (m->n == 0) return;
    size_t i = random_below(m->n);
    struct item *it = m->at[i];
    uint64_t near = it->key + random_below(3000) - 1500, to = random_below(3) ? near : random_key(m);
    size_t target = model_place(m, to, it->tie);
    if (model_has(m, target, to, it->tie) && m->at[target] != it) return;
    btree_rekey(m->t, it->key, it, to);
    model_take(m, i, 1);
    it->key = to;
    model_put(m, model_place(m, to, it->tie), it);
}

static void expect_pos(const struct model *m, struct btree_pos p, size_t i) {
    cr_assert_eq(btree_ok(p), i < m->n);
    if (i >= m->n) return;
    cr_assert_eq(btree_item(p), m->at[i], "entry %zu", i);
    cr_assert_eq(btree_key(p), m->at[i]->key);
}

static bool before_item(const void *ctx, uint64_t key, const void *item) {
    const struct item *wanted = ctx, *it = item;
    cr_assert_eq(key, it->key);
    return precedes(it, wanted->key, wanted->tie);
}

static void expect_bounds(const struct model *m) {
    struct item probe = {random_key(m), random_below(m->ties)};
    if (m->n && random_below(2)) probe = *m->at[random_below(m->n)];
    size_t lower = model_place(m, probe.key, probe.tie), rank;
    bool has = model_has(m, lower, probe.key, probe.tie);
    expect_pos(m, btree_lower(m->t, probe.key, &probe, &rank), lower);
    cr_assert_eq(rank, lower);
    expect_pos(m, btree_upper(m->t, probe.key, &probe, &rank), lower + has);
    cr_assert_eq(rank, lower + has);
    expect_pos(m, btree_where(m->t, before_item, &probe, &rank), lower);
    cr_assert_eq(rank, lower);
    expect_pos(m, btree_find(m->t, probe.key, &probe), has ? lower : m->n);
    cr_assert_eq(btree_rank(m->t, probe.key, &probe), has ? lower : SIZE_MAX);
    size_t first = model_place(m, probe.key, 0), behind = first;
    while (behind < m->n && m->at[behind]->key == probe.key) behind++;
    expect_pos(m, btree_lower(m->t, probe.key, NULL, &rank), first);
    cr_assert_eq(rank, first);
    expect_pos(m, btree_upper(m->t, probe.key, NULL, NULL), behind);
}

static void expect_walks(const struct model *m) {
    size_t i = 0;
    for (struct btree_pos p = btree_first(m->t); btree_ok(p); p = btree_next(p)) expect_pos(m, p, i++);
    cr_assert_eq(i, m->n);
    struct btree_pos p = {NULL, 0};
    while (btree_ok(p = btree_prev(m->t, p))) expect_pos(m, p, --i);
    cr_assert_eq(i, 0);
    if (m->n == 0) return;
    for (i = random_below(m->n), p = btree_at(m->t, i); btree_ok(p); p = btree_next(p)) expect_pos(m, p, i++);
    cr_assert_eq(i, m->n);
    cr_assert_not(btree_ok(btree_at(m->t, m->n)));
    expect_pos(m, btree_last(m->t), m->n - 1);
}

static void step(struct model *m, unsigned grow) {
    uint64_t what = random_below(100);
    if (what < grow)
        insert(m, random_key(m), random_below(m->ties));
    else if (what < 60)
        remove_one(m);
    else if (what < 75)
        rekey(m);
    else if (what < 76)
        remove_range(m);
    else
        expect_bounds(m);
}

static void expect_same(const struct model *m) {
    cr_assert_eq(btree_count(m->t), m->n);
    audit(m->t);
    expect_walks(m);
}

static void run_model(uint64_t keys, uint64_t ties, int steps) {
    struct model *m = mem_zalloc(sizeof(*m));
    m->t = btree_new(order);
    m->keys = keys;
    m->ties = ties;
    for (uint64_t i = 0; i < MODEL_MAX && i < keys * ties / 2; i++)
        insert(m, random_key(m), random_below(ties));
    for (int i = 0; i < steps; i++) {
        step(m, i / 4000 % 2 ? 25 : 50); /* by turns growing and shrinking */
        if (i % 128 == 0) expect_same(m);
    }
    expect_same(m);
    btree_free(m->t);
    while (m->n > 0) item_free(m->at[--m->n]);
    mem_free(m, sizeof(*m));
}

Test(btree, behaves_as_a_sorted_array) {
    random_seed(11);
    size_t before = mem_used_bytes();
    run_model(1, 5000, 20000); /* all keys equal */
    run_model(3, 3000, 20000);
    run_model(100, 100, 20000);
    run_model(100000, 3, 20000);
    run_model(UINT64_MAX / 2000, 1, 20000);
    run_model(30, 2, 20000); /* a leaf or two */
    cr_assert_eq(mem_used_bytes(), before);
}

/* Runs that go up and down from random places: the cases of a full leaf that insert at an end of it. */
Test(btree, takes_runs_in_either_direction) {
    random_seed(5);
    struct model *m = mem_zalloc(sizeof(*m));
    m->t = btree_new(order);
    while (m->n < MODEL_MAX) {
        uint64_t key = random_below(1 << 20) << 10;
        bool down = random_below(2);
        for (uint64_t n = 1 + random_below(400); n > 0; n--) insert(m, down ? key + n : key + 1000 - n, 0);
        expect_same(m);
    }
    cr_assert_lt(btree_bytes(m->t), MODEL_MAX * 34, "no pattern leaves leaves with an entry each");
    while (m->n > 0) remove_range(m);
    expect_same(m);
    btree_free(m->t);
    mem_free(m, sizeof(*m));
}

/* Behind the last entry of a full leaf, downwards: each is the last of that leaf's range again. */
Test(btree, takes_a_descending_run_between_full_leaves) {
    struct model *m = mem_zalloc(sizeof(*m));
    m->t = btree_new(order);
    for (uint64_t i = 0; i < LEAF_MAX * 40; i++) insert(m, i * 1000, 0);
    cr_assert_eq(audit(m->t), 40);
    for (uint64_t n = 900; n > 0; n--) insert(m, (LEAF_MAX * 20 - 1) * 1000 + n, 0);
    expect_same(m);
    cr_assert_lt(audit(m->t), 40 + 2 * 900 / LEAF_MAX + 3);
    btree_free(m->t);
    while (m->n > 0) item_free(m->at[--m->n]);
    mem_free(m, sizeof(*m));
}

/* --- memory --- */

#define MANY 200000

static double bytes_per_entry(uint64_t (*key)(uint64_t i)) {
    struct item *items = mem_alloc(MANY * sizeof(*items));
    struct btree *t = btree_new(order);
    for (uint64_t i = 0; i < MANY; i++) {
        items[i] = (struct item){key(i), i};
        btree_insert(t, items[i].key, &items[i]);
    }
    audit(t);
    double bytes = (double)btree_bytes(t) / MANY;
    btree_free(t);
    mem_free(items, MANY * sizeof(*items));
    return bytes;
}

static uint64_t ascending(uint64_t i) {
    return i;
}
static uint64_t descending(uint64_t i) {
    return MANY - i;
}
static uint64_t scattered(uint64_t i) {
    uint64_t z = (i + 1) * 0x9e3779b97f4a7c15u;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    return z ^ (z >> 31);
}

Test(btree, packs_its_leaves) {
    double up = bytes_per_entry(ascending), down = bytes_per_entry(descending),
           any = bytes_per_entry(scattered);
    cr_assert_lt(up, 17.3, "%f", up);
    cr_assert_lt(down, 17.8, "%f", down);
    cr_assert_lt(any, 21.5, "%f", any);
}

Test(btree, is_small_when_its_entries_are_few) {
    struct item items[LEAF_MAX];
    struct btree *t = btree_new(order);
    for (uint64_t i = 0; i < LEAF_MAX; i++) {
        items[i] = (struct item){i, 0};
        btree_insert(t, i, &items[i]);
        if (i == 7) cr_assert_leq(btree_bytes(t), 200);
    }
    for (uint64_t i = 0; i < LEAF_MAX; i++) {
        if (i == LEAF_MAX - 2) cr_assert_leq(btree_bytes(t), 200, "shrunk");
        cr_assert_eq(btree_remove(t, i, &items[i]), &items[i]);
    }
    cr_assert_leq(btree_bytes(t), 48, "nothing is left but the tree itself");
    btree_free(t);
}

/* Of a large tree of which one in ten entries stays, most memory is given back. */
Test(btree, joins_what_gets_empty) {
    struct item *items = mem_alloc(MANY * sizeof(*items));
    struct btree *t = btree_new(order);
    for (uint64_t i = 0; i < MANY; i++) {
        items[i] = (struct item){scattered(i), i};
        btree_insert(t, items[i].key, &items[i]);
    }
    for (uint64_t i = 0; i < MANY; i++)
        if (i % 10) btree_remove(t, items[i].key, &items[i]);
    audit(t);
    cr_assert_lt((double)btree_bytes(t) / (MANY / 10), 36);
    size_t calls = 0;
    for (; btree_free_some(t, 1000); calls++) audit(t);
    cr_assert_eq(calls, MANY / 10 / 1000 - 1);
    btree_free(t);
    mem_free(items, MANY * sizeof(*items));
}

/* --- keys --- */

Test(btree, keys_are_in_the_order_of_scores) {
    static const double ascending_scores[] = {-INFINITY, -1e300, -2,  -1.5, -5e-324, 0,
                                              5e-324,    1,      1.5, 1e17, INFINITY};
    for (size_t i = 0; i < sizeof(ascending_scores) / sizeof(double); i++) {
        double d = ascending_scores[i];
        if (i) cr_assert_lt(btree_key_of_double(ascending_scores[i - 1]), btree_key_of_double(d));
    }
    cr_assert_eq(btree_key_of_double(-0.0), btree_key_of_double(0.0));
}

Test(btree, keys_never_contradict_the_order_of_ids) {
    static const uint64_t parts[] = {
        0, 1, 65534, 65535, 65536, 1700000000000, ((uint64_t)1 << 48) - 1, (uint64_t)1 << 48, UINT64_MAX};
    uint64_t before = 0;
    for (size_t i = 0; i < 9; i++) {
        for (size_t j = 0; j < 9; j++) {
            uint64_t key = btree_key_of_id(parts[i], parts[j]);
            cr_assert_leq(before, key);
            before = key;
        }
    }
    cr_assert_lt(btree_key_of_id(1700000000000, 7), btree_key_of_id(1700000000000, 8));
}
