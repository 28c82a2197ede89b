/* See summary.h. Invariant: biggest[] is sorted, the biggest first; its unused rows have no bytes. */
#include "check-aof/summary.h"

#include "aof/marks.h"
#include "base/alloc.h"
#include "base/dict.h"
#include "base/num.h"
#include "base/sds.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { BIGGEST = 5, SHOWN_BYTES = 64, KINDS_SHOWN = 30 };

typedef unsigned long long ull;

struct kind {
    sds name; /* upper case */
    uint64_t commands, bytes;
};

struct summary {
    struct dict *kinds; /* of struct kind */
    struct big {
        sds name, key;
        uint64_t offset, bytes;
    } biggest[BIGGEST];
    uint64_t commands, bytes;
    int64_t first_s, last_s; /* time marks; 0: none */
    char replid[41];         /* "": no mark of ours */
    int64_t offset;
};

static slice kind_key(const void *item) {
    return sds_slice(((const struct kind *)item)->name);
}

static void kind_free(void *item) {
    struct kind *k = item;
    sds_free(k->name);
    mem_free(k, sizeof *k);
}

static const struct dict_type kind_type = {.key = kind_key, .free_item = kind_free, .nocase = true};

struct summary *summary_new(void) {
    struct summary *s = mem_alloc(sizeof *s);
    *s = (struct summary){.kinds = dict_new(&kind_type)};
    return s;
}

void summary_free(struct summary *s) {
    dict_free(s->kinds);
    for (int i = 0; i < BIGGEST; i++) {
        sds_free(s->biggest[i].name);
        sds_free(s->biggest[i].key);
    }
    mem_free(s, sizeof *s);
}

static struct kind *kind_of(struct summary *s, slice name) {
    struct kind *k = dict_find(s->kinds, name);
    if (k) return k;
    k = mem_alloc(sizeof *k);
    *k = (struct kind){.name = sds_newlen(name.p, name.n)};
    for (size_t i = 0; i < name.n; i++) k->name[i] = (char)toupper((unsigned char)k->name[i]);
    dict_insert(s->kinds, k);
    return k;
}

static slice shown(slice text) {
    return (slice){text.p, text.n < SHOWN_BYTES ? text.n : SHOWN_BYTES};
}

static void note_biggest(struct summary *s, const struct kind *k, slice first, uint64_t offset,
                         uint64_t bytes) {
    int at = BIGGEST;
    while (at > 0 && s->biggest[at - 1].bytes < bytes) at--;
    if (at == BIGGEST) return;
    struct big *last = &s->biggest[BIGGEST - 1];
    sds_free(last->name);
    sds_free(last->key);
    memmove(&s->biggest[at + 1], &s->biggest[at], (size_t)(BIGGEST - 1 - at) * sizeof s->biggest[0]);
    slice name = shown(sds_slice(k->name)), key = shown(first);
    s->biggest[at] = (struct big){.name = sds_newlen(name.p, name.n),
                                  .key = sds_newlen(key.p, key.n),
                                  .offset = offset,
                                  .bytes = bytes};
}

void summary_command(struct summary *s, slice name, slice first, uint64_t offset, uint64_t bytes) {
    struct kind *k = kind_of(s, name);
    k->commands++;
    k->bytes += bytes;
    s->commands++;
    s->bytes += bytes;
    note_biggest(s, k, first, offset, bytes);
}

void summary_mark(struct summary *s, slice line) {
    static const char time_mark[] = "#TS:";
    struct repl_history h;
    int64_t at_s;
    size_t n = sizeof time_mark - 1;
    if (line.n > n && memcmp(line.p, time_mark, n) == 0) {
        if (!num_parse_i64((slice){line.p + n, line.n - n}, &at_s)) return;
        if (!s->first_s) s->first_s = at_s;
        s->last_s = at_s;
    } else if (mark_parse(line, &h)) {
        memcpy(s->replid, h.id, sizeof s->replid);
        s->offset = h.offset;
    }
}

/* --- printing --- */

struct listing {
    const struct kind **v;
    size_t n;
};

static void list_kind(void *ctx, void *item) {
    struct listing *l = ctx;
    l->v[l->n++] = item;
}

static int by_bytes(const void *a, const void *b) {
    const struct kind *x = *(const struct kind *const *)a, *y = *(const struct kind *const *)b;
    if (x->bytes != y->bytes) return x->bytes < y->bytes ? 1 : -1;
    return strcmp(x->name, y->name);
}

static void print_kind(const struct kind *k) {
    sds name = sds_cat_repr(sds_empty(), k->name, shown(sds_slice(k->name)).n);
    printf("[info] %s: %llu commands, %llu bytes\n", name, (ull)k->commands, (ull)k->bytes);
    sds_free(name);
}

static void print_kinds(struct summary *s) {
    size_t n = dict_size(s->kinds), bytes = (n + 1) * sizeof(struct kind *);
    struct listing l = {.v = mem_alloc(bytes)};
    dict_each(s->kinds, list_kind, &l);
    qsort(l.v, n, sizeof *l.v, by_bytes);
    for (size_t i = 0; i < n && i < KINDS_SHOWN; i++) print_kind(l.v[i]);
    if (n > KINDS_SHOWN) printf("[info] and %zu other names\n", n - KINDS_SHOWN);
    mem_free(l.v, bytes);
}

static void print_big(int rank, const struct big *b) {
    sds text = sds_cat_repr(sds_empty(), b->name, sds_len(b->name));
    if (sds_len(b->key)) {
        text = sds_cat_str(text, " ");
        text = sds_cat_repr(text, b->key, sds_len(b->key));
    }
    printf("[info] biggest %d: %llu bytes at offset %llu, %s\n", rank, (ull)b->bytes, (ull)b->offset, text);
    sds_free(text);
}

void summary_print(struct summary *s) {
    if (!s->commands) return;
    printf("[info] %llu commands, %llu bytes\n", (ull)s->commands, (ull)s->bytes);
    print_kinds(s);
    for (int i = 0; i < BIGGEST && s->biggest[i].bytes; i++) print_big(i + 1, &s->biggest[i]);
    if (s->first_s)
        printf("[info] written between timestamps %lld and %lld\n", (long long)s->first_s,
               (long long)s->last_s);
    if (s->replid[0])
        printf("[info] from replication offset %lld of %s on, as its last mark says\n", (long long)s->offset,
               s->replid);
}
