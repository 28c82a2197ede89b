/* Replies as text. The form for people is an indented list: each element of an aggregate stands behind its number,
 * right-aligned to the widest of its level, and what is nested is indented by what stands before it. */
#include "cli/print.h"

#include <string.h>

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

sds print_csv(sds out, const struct resp_value *v) {
    if (v->is_null) return sds_cat_str(out, "NULL");
    if (is_aggregate(v)) {
        for (size_t i = 0; i < v->count; i++) {
            if (i > 0) out = sds_cat_str(out, ",");
            out = print_csv(out, &v->items[i]);
        }
        return out;
    }
    switch (v->type) {
    case '-':
    case '!': return sds_cat_repr(sds_cat_str(out, "ERROR,"), v->text.p, v->text.n);
    case '#': return sds_cat_str(out, v->boolean ? "true" : "false");
    case ':':
    case ',':
    case '(': return sds_cat(out, v->text.p, v->text.n);
    default: return sds_cat_repr(out, v->text.p, v->text.n);
    }
}

static sds json_string(sds out, slice text) {
    out = sds_cat_str(out, "\"");
    for (size_t i = 0; i < text.n; i++) {
        static const char escaped[] = "\b\f\n\r\t\"\\", letters[] = "bfnrt\"\\";
        unsigned char c = (unsigned char)text.p[i];
        const char *at = c ? strchr(escaped, c) : NULL;
        if (at) {
            out = sds_cat_printf(out, "\\%c", letters[at - escaped]);
        } else if (c < ' ') {
            out = sds_cat_printf(out, "\\u%04x", c);
        } else {
            out = sds_cat(out, &text.p[i], 1);
        }
    }
    return sds_cat_str(out, "\"");
}

static sds json_key(sds out, const struct resp_value *v) {
    if (v->type == '$' || v->type == '+') return json_string(out, v->text);
    sds inner = print_json(sds_empty(), v); /* a name is a string in JSON, whatever it was */
    out = json_string(out, sds_slice(inner));
    sds_free(inner);
    return out;
}

static sds json_items(sds out, const struct resp_value *v) {
    bool map = v->type == '%';
    out = sds_cat_str(out, map ? "{" : "[");
    for (size_t i = 0; i < v->count; i++) {
        if (i > 0) out = sds_cat_str(out, ",");
        if (map) {
            out = sds_cat_str(json_key(out, &v->items[i]), ":");
            i++;
        }
        out = print_json(out, &v->items[i]);
    }
    return sds_cat_str(out, map ? "}" : "]");
}

sds print_json(sds out, const struct resp_value *v) {
    if (v->is_null) return sds_cat_str(out, "null");
    if (is_aggregate(v)) return json_items(out, v);
    switch (v->type) {
    case '-':
    case '!': return json_string(sds_cat_str(out, "error:"), v->text);
    case '#': return sds_cat_str(out, v->boolean ? "true" : "false");
    case ':':
    case ',':
    case '(': return sds_cat(out, v->text.p, v->text.n);
    default: return json_string(out, v->text);
    }
}
