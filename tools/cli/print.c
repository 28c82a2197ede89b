/* Replies as text. The form for people is an indented list: each element of an aggregate stands behind its number,
 * right-aligned to the widest of its level, and what is nested is indented by what stands before it. */
#include "cli/print.h"

static bool is_aggregate(const struct resp_value *v) {
    return !v->is_null && (v->type == '*' || v->type == '%' || v->type == '~' || v->type == '>');
}

static const char *empty_name(char type) {
    switch (type) {
    case '*': return "(empty array)\n";
    case '%': return "(empty hash)\n";
    case '~': return "(empty set)\n";
    default: return "(empty push)\n";
    }
}

static int digits(size_t n) {
    int count = 1;
    while (n >= 10) {
        n /= 10;
        count++;
    }
    return count;
}

/* More than one row, itself or in what it holds. */
static bool has_rows(const struct resp_value *v) {
    if (!is_aggregate(v) || v->count == 0) return false;
    size_t in_a_row = v->type == '%' ? 2 : 1;
    return v->count > in_a_row || has_rows(&v->items[v->count - 1]);
}

static sds print_indented(sds out, const struct resp_value *v, sds prefix);

/* `prefix` is the indentation of this level; the caller has already written what stands before the first element. */
static sds print_items(sds out, const struct resp_value *v, sds prefix) {
    bool map = v->type == '%';
    char mark = map ? '#' : v->type == '~' ? '~' : ')';
    int width = digits(map ? v->count / 2 : v->count);
    sds deeper = sds_cat_printf(sds_dup(prefix), "%*s", width + 2, "");
    for (size_t i = 0; i < v->count; i++) {
        size_t number = (map ? i / 2 : i) + 1;
        out = sds_cat_printf(out, "%s%*zu%c ", i == 0 ? "" : prefix, width, number, mark);
        out = print_indented(out, &v->items[i], deeper);
        if (!map) continue;
        const struct resp_value *value = &v->items[++i];
        sds_set_len(out, sds_len(out) -
                             1); /* the value goes on the key's line, or below when it has rows of its own */
        out = sds_cat_str(out, " => ");
        if (has_rows(value)) out = sds_cat_printf(out, "\n%s", deeper);
        out = print_indented(out, value, deeper);
    }
    sds_free(deeper);
    return out;
}

static sds print_text(sds out, const char *before, slice text) {
    out = sds_cat_str(out, before);
    out = sds_cat(out, text.p, text.n);
    return sds_cat(out, "\n", 1);
}

static sds print_indented(sds out, const struct resp_value *v, sds prefix) {
    if (v->is_null) return sds_cat_str(out, "(nil)\n");
    switch (v->type) {
    case '-':
    case '!': return print_text(out, "(error) ", v->text);
    case ':': return print_text(out, "(integer) ", v->text);
    case ',': return print_text(out, "(double) ", v->text);
    case '(': return print_text(out, "(big number) ", v->text);
    case '#': return sds_cat_str(out, v->boolean ? "(true)\n" : "(false)\n");
    case '$': return sds_cat_str(sds_cat_repr(out, v->text.p, v->text.n), "\n");
    case '+':
    case '=': return print_text(out, "", v->text);
    default: return v->count == 0 ? sds_cat_str(out, empty_name(v->type)) : print_items(out, v, prefix);
    }
}

sds print_tty(sds out, const struct resp_value *v) {
    sds prefix = sds_empty();
    out = print_indented(out, v, prefix);
    sds_free(prefix);
    return out;
}

sds print_raw(sds out, const struct resp_value *v, const char *delimiter) {
    if (v->is_null) return out;
    if (is_aggregate(v)) {
        for (size_t i = 0; i < v->count; i++) {
            const char *between = v->type == '%' && i % 2 == 1 ? " " : delimiter;
            if (i > 0) out = sds_cat_str(out, between);
            out = print_raw(out, &v->items[i], delimiter);
        }
        return out;
    }
    if (v->type == '#') return sds_cat_str(out, v->boolean ? "(true)" : "(false)");
    out = sds_cat(out, v->text.p, v->text.n);
    return v->type == '-' || v->type == '!' ? sds_cat_str(out, "\n") : out;
}
