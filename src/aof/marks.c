/* See marks.h. */
#include "aof/marks.h"

#include <stdio.h>

#define MARK "#TANDEM:1"

static const struct repl_past none = {"0000000000000000000000000000000000000000", -1};

size_t mark_format(char buf[MARK_BYTES_MAX], const struct repl_history *h) {
    struct repl_past now = {.end = h->offset};
    memcpy(now.id, h->id, sizeof now.id);
    size_t n = (size_t)sprintf(buf, MARK);
    n += past_format(buf + n, &now, 1);
    n += h->past_n ? past_format(buf + n, h->past, h->past_n) : past_format(buf + n, &none, 1);
    return n + (size_t)sprintf(buf + n, "\r\n");
}

size_t mark_format_time(char buf[MARK_BYTES_MAX], int64_t now_s) {
    return (size_t)snprintf(buf, MARK_BYTES_MAX, "#TS:%lld\r\n", (long long)now_s);
}

bool mark_parse(slice line, struct repl_history *h) {
    struct repl_past pairs[1 + REPL_PAST_MAX];
    size_t word = sizeof MARK - 1;
    if (line.n < word || memcmp(line.p, MARK, word) != 0) return false;
    int n = past_parse((slice){line.p + word, line.n - word}, pairs, 1 + REPL_PAST_MAX);
    if (n < 2 || pairs[0].end < 0) return false;
    memcpy(h->id, pairs[0].id, sizeof h->id);
    h->offset = pairs[0].end;
    h->past_n = strcmp(pairs[1].id, none.id) == 0 ? 0 : n - 1;
    memcpy(h->past, pairs + 1, (size_t)h->past_n * sizeof *h->past);
    return true;
}
