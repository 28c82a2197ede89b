/* A directive's value: from words, checked against type and bounds, into the field of the room that uses it, and back.
 *
 * Invariant: what directive_get prints, directive_set accepts and gives the same value. A refused value leaves the field
 * as it was. This file knows types only, no directive by name. */
#include "server/config_internal.h"

#include <stdarg.h>
#include <stdio.h>

#include "base/alloc.h"
#include "base/assert.h"
#include "base/num.h"

const char *config_errorf(const char *fmt, ...) {
    static char text[512];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    return text;
}

static const char *range_error(const struct directive *d) {
    if (d->kind == KIND_OCTAL) {
        return config_errorf("argument must be between %llo and %llo inclusive", (long long)d->min,
                             (long long)d->max);
    }
    return config_errorf("argument must be between %lld and %lld inclusive", (long long)d->min,
                         (long long)d->max);
}

static bool all_digits(slice s) {
    for (size_t i = 0; i < s.n; i++) {
        if (s.p[i] < '0' || s.p[i] > '9') return false;
    }
    return s.n > 0;
}

static const char not_yes_or_no[] = "argument must be 'yes' or 'no'";

static const char *set_bool(const struct directive *d, slice v) {
    if (slice_is(v, "yes")) {
        *(bool *)d->field = true;
    } else if (slice_is(v, "no")) {
        *(bool *)d->field = false;
    } else {
        return not_yes_or_no;
    }
    return NULL;
}

static const char *set_number(const struct directive *d, slice v) {
    int64_t n;
    if (!num_parse_i64(v, &n)) return "argument couldn't be parsed into an integer";
    if (n < d->min || n > d->max) return range_error(d);
    if (d->kind == KIND_INT) {
        *(int *)d->field = (int)n;
    } else if (d->kind == KIND_LONG) {
        *(int64_t *)d->field = n;
    } else if (d->kind == KIND_COUNT) {
        *(size_t *)d->field = (size_t)n;
    } else {
        *(unsigned *)d->field = (unsigned)n;
    }
    return NULL;
}

static const char *set_bytes(const struct directive *d, slice v) {
    uint64_t n;
    if (!num_parse_bytes(v, &n)) {
        if (!all_digits(v)) return "argument must be a memory value";
        n = UINT64_MAX; /* more than 64 bits */
    }
    if (n < (uint64_t)d->min || n > (uint64_t)d->max) return range_error(d);
    *(uint64_t *)d->field = n;
    return NULL;
}

static const char *set_octal(const struct directive *d, slice v) {
    uint64_t n = 0;
    if (v.n == 0 || v.n > 20) return "argument couldn't be parsed as an octal number";
    for (size_t i = 0; i < v.n; i++) {
        if (v.p[i] < '0' || v.p[i] > '7') return "argument couldn't be parsed as an octal number";
        n = n * 8 + (uint64_t)(v.p[i] - '0');
    }
    if (n > (uint64_t)d->max) return range_error(d);
    *(unsigned *)d->field = (unsigned)n;
    return NULL;
}

static const char *set_string(const struct directive *d, slice v) {
    char **field = d->field;
    sds copy = sds_newlen(v.p, v.n);
    sds_free(*field);
    *field = copy;
    return NULL;
}

static const char *words_error(const struct directive *d) {
    sds s = sds_new("argument(s) must be one of the following: ");
    for (const struct config_word *w = d->words; w->word; w++) {
        s = sds_cat_printf(s, "%s%s", w == d->words ? "" : ", ", w->word);
    }
    const char *text = config_errorf("%s", s);
    sds_free(s);
    return text;
}

static const char *set_words(const struct directive *d, const slice *argv, int argc) {
    int value = 0, known = 0;
    for (int i = 0; i < argc; i++) {
        for (const struct config_word *w = d->words; w->word; w++) {
            if (!slice_is(argv[i], w->word)) continue;
            value |= w->value;
            known++;
            break;
        }
    }
    if (known != argc || argc == 0) return words_error(d);
    int before = *(int *)d->field;
    *(int *)d->field = value;
    /* A combination can be wrong though each word is right. */
    const char *err = d->check ? d->check((slice){"", 0}) : NULL;
    if (err) *(int *)d->field = before;
    return err;
}

/* CONFIG SET and a file may give several words in one argument: "nosave now". */
static const char *set_flags(const struct directive *d, const slice *argv, int argc) {
    if (argc != 1) return set_words(d, argv, argc);
    int n;
    sds *words = sds_split_words(argv[0].p, argv[0].n, &n);
    if (!words) return words_error(d);
    slice v[16];
    int used = n < 16 ? n : 16;
    for (int i = 0; i < used; i++) v[i] = sds_slice(words[i]);
    const char *err = n > 16 ? words_error(d) : set_words(d, v, used);
    sds_free_words(words, n);
    return err;
}

static const char *set_fixed(const struct directive *d, slice v) {
    if (slice_is(v, d->standard)) return NULL;
    if (d->words) { /* a list of what Redis takes: tell nonsense from what is missing */
        const struct config_word *w = d->words;
        while (w->word && !slice_is(v, w->word)) w++;
        if (!w->word) return strcmp(d->words->word, "yes") == 0 ? not_yes_or_no : words_error(d);
    }
    return config_errorf("'%s %.*s' is not supported by Tandem yet, only '%s'", d->name,
                         (int)(v.n < 100 ? v.n : 100), v.p, *d->standard ? d->standard : "\"\"");
}

/* Room for a value of a directive that has no field. */
union value {
    bool b;
    int i;
    unsigned u;
    int64_t l;
    size_t n;
    uint64_t bytes;
    char *s;
};

static struct directive with_field(const struct directive *d, union value *v) {
    struct directive typed = *d;
    *v = (union value){0};
    typed.flags &= ~(unsigned)DIRECTIVE_ONLY_STANDARD;
    typed.field = v;
    return typed;
}

static void free_value(const struct directive *d, const union value *v) {
    if (d->kind == KIND_STRING) sds_free(v->s);
}

static sds get_standard(const struct directive *d, sds out) {
    union value v;
    struct directive typed = with_field(d, &v);
    slice standard = slice_of(d->standard);
    const char *err = directive_set(&typed, &standard, 1);
    assert_that(err == NULL);
    out = directive_get(&typed, out);
    free_value(d, &v);
    return out;
}

static const char *set_only_standard(const struct directive *d, const slice *argv, int argc) {
    union value v;
    struct directive typed = with_field(d, &v);
    const char *err = directive_set(&typed, argv, argc);
    if (!err) {
        sds given = directive_get(&typed, sds_empty()), standard = get_standard(d, sds_empty());
        if (!slice_eq(sds_slice(given), sds_slice(standard)))
            err = config_errorf("'%s %s' is not supported by Tandem, only '%s'", d->name,
                                *given ? given : "\"\"", *standard ? standard : "\"\"");
        sds_free(given);
        sds_free(standard);
    }
    free_value(d, &v);
    return err;
}

static const char *set_one(const struct directive *d, slice v) {
    const char *err = d->check ? d->check(v) : NULL;
    if (err) return err;
    switch (d->kind) {
    case KIND_BOOL: return set_bool(d, v);
    case KIND_INT:
    case KIND_UINT:
    case KIND_LONG:
    case KIND_COUNT: return set_number(d, v);
    case KIND_BYTES: return set_bytes(d, v);
    case KIND_OCTAL: return set_octal(d, v);
    case KIND_STRING: return set_string(d, v);
    case KIND_ENUM: return set_words(d, &v, 1);
    case KIND_FIXED: return set_fixed(d, v);
    case KIND_FLAGS:
    case KIND_SPECIAL: break;
    }
    assert_that(!"a kind with a setter of its own");
    return NULL;
}

const char *directive_set(const struct directive *d, const slice *argv, int argc) {
    if (d->flags & DIRECTIVE_ONLY_STANDARD) return set_only_standard(d, argv, argc);
    if (d->kind == KIND_FLAGS) return set_flags(d, argv, argc);
    if (d->kind == KIND_SPECIAL) {
        if (argc != 1 && !(d->flags & DIRECTIVE_MULTI_ARG)) return "wrong number of arguments";
        return d->set(argv, argc);
    }
    if (argc != 1) return "wrong number of arguments";
    return set_one(d, argv[0]);
}

static sds get_words(const struct directive *d, sds out) {
    int value = *(const int *)d->field;
    size_t start = sds_len(out);
    for (const struct config_word *w = d->words; w->word; w++) {
        bool is = d->kind == KIND_ENUM || w->value == 0 ? value == w->value : (value & w->value) == w->value;
        if (!is) continue;
        if (sds_len(out) > start) out = sds_cat(out, " ", 1);
        out = sds_cat_str(out, w->word);
        if (d->kind == KIND_ENUM) break;
    }
    return out;
}

sds directive_get(const struct directive *d, sds out) {
    if (d->flags & DIRECTIVE_ONLY_STANDARD) return get_standard(d, out);
    switch (d->kind) {
    case KIND_BOOL: return sds_cat_str(out, *(const bool *)d->field ? "yes" : "no");
    case KIND_INT: return sds_cat_printf(out, "%d", *(const int *)d->field);
    case KIND_UINT: return sds_cat_printf(out, "%u", *(const unsigned *)d->field);
    case KIND_LONG: return sds_cat_printf(out, "%lld", (long long)*(const int64_t *)d->field);
    case KIND_COUNT: return sds_cat_printf(out, "%zu", *(const size_t *)d->field);
    case KIND_BYTES: return sds_cat_printf(out, "%llu", (unsigned long long)*(const uint64_t *)d->field);
    case KIND_OCTAL: return sds_cat_printf(out, "%o", *(const unsigned *)d->field);
    case KIND_STRING: {
        sds s = *(char *const *)d->field;
        return sds_cat(out, s, sds_len(s));
    }
    case KIND_ENUM:
    case KIND_FLAGS: return get_words(d, out);
    case KIND_SPECIAL: return d->get(out);
    case KIND_FIXED: return sds_cat_str(out, d->standard);
    }
    return out;
}
