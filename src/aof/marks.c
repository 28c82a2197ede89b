/* See marks.h. */
#include "aof/marks.h"

#include "base/num.h"
#include <stdio.h>

#define MARK "#TANDEM:1"

size_t mark_format(char buf[MARK_BYTES_MAX], const struct repl_history *h) {
    return (size_t)snprintf(buf, MARK_BYTES_MAX, MARK " %s %lld %s %lld\r\n", h->id, (long long)h->offset,
                            h->id2, (long long)h->second_offset);
}

size_t mark_format_time(char buf[MARK_BYTES_MAX], int64_t now_s) {
    return (size_t)snprintf(buf, MARK_BYTES_MAX, "#TS:%lld\r\n", (long long)now_s);
}

static bool take_word(slice *line, slice *word) {
    if (line->n == 0 || line->p[0] != ' ') return false;
    size_t n = 1;
    while (n < line->n && line->p[n] != ' ') n++;
    *word = (slice){line->p + 1, n - 1};
    *line = (slice){line->p + n, line->n - n};
    return true;
}

static bool take_id(slice *line, char out[REPLID_CHARS + 1]) {
    slice word;
    if (!take_word(line, &word) || word.n != REPLID_CHARS) return false;
    for (size_t i = 0; i < word.n; i++)
        if (!strchr("0123456789abcdef", word.p[i])) return false;
    memcpy(out, word.p, REPLID_CHARS);
    out[REPLID_CHARS] = '\0';
    return true;
}

static bool take_offset(slice *line, int64_t *out, int64_t min) {
    slice word;
    return take_word(line, &word) && num_parse_i64(word, out) && *out >= min;
}

bool mark_parse(slice line, struct repl_history *h) {
    size_t n = sizeof MARK - 1;
    if (line.n < n || memcmp(line.p, MARK, n) != 0) return false;
    line = (slice){line.p + n, line.n - n};
    return take_id(&line, h->id) && take_offset(&line, &h->offset, 0) && take_id(&line, h->id2) &&
           take_offset(&line, &h->second_offset, -1) && line.n == 0;
}
