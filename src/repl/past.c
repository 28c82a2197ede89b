/* See past.h. Numbers are offsets, or -1 where there is none. */
#include "repl/past.h"

#include "base/num.h"
#include <stdio.h>
#include <string.h>

bool past_is_id(slice s) {
    for (size_t i = 0; i < s.n; i++)
        if (!strchr("0123456789abcdef", s.p[i]) || s.p[i] == '\0') return false;
    return s.n == REPLID_CHARS;
}

size_t past_format(char *buf, const struct repl_past *past, int n) {
    size_t used = 0;
    buf[0] = '\0';
    for (int i = 0; i < n; i++)
        used += (size_t)snprintf(buf + used, REPL_PAST_TEXT_MAX + 1, " %s %lld", past[i].id,
                                 (long long)past[i].end);
    return used;
}

static bool take_word(slice *text, slice *word) {
    if (text->n == 0 || text->p[0] != ' ') return false;
    size_t n = 1;
    while (n < text->n && text->p[n] != ' ') n++;
    *word = (slice){text->p + 1, n - 1};
    *text = (slice){text->p + n, text->n - n};
    return true;
}

static bool take_pair(slice *text, struct repl_past *out) {
    slice id, number;
    if (!take_word(text, &id) || !past_is_id(id) || !take_word(text, &number)) return false;
    memcpy(out->id, id.p, REPLID_CHARS);
    out->id[REPLID_CHARS] = '\0';
    return num_parse_i64(number, &out->end) && out->end >= -1;
}

int past_parse(slice text, struct repl_past *past, int max) {
    int n = 0;
    for (; text.n; n++)
        if (n == max || !take_pair(&text, &past[n])) return -1;
    return n;
}
