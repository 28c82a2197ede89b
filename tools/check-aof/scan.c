/* See scan.h. Texts are redis-check-aof's. */
#include "check-aof/scan.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum { PROGRESS_BYTES = 16 << 20 };

static bool fail(struct scan *s, size_t at, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
static bool fail(struct scan *s, size_t at, const char *fmt, ...) {
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(s->error, sizeof s->error, fmt, ap);
    va_end(ap);
    s->error_at = at;
    return false;
}

/* `*3\r\n` or `$3\r\n` */
static bool read_count(struct scan *s, char prefix, long *out) {
    const char *start = s->p + s->at, *end = memchr(start, '\n', s->n - s->at);
    char digits[24];
    if (s->at == s->n || !end) return fail(s, s->at, "Expected to read %ld bytes, got %ld bytes", 1L, 0L);
    if (*start != prefix) return fail(s, s->at, "Expected prefix '%c', got: '%c'", prefix, *start);
    size_t n = (size_t)(end - start);
    if (n >= sizeof digits) return fail(s, s->at, "Error parsing the number behind '%c'", prefix);
    memcpy(digits, start + 1, n);
    digits[n] = '\0';
    char *behind;
    *out = strtol(digits, &behind, 10);
    if (behind[0] != '\r' || behind[1] != '\n')
        return fail(s, s->at, "Expected \\r\\n, got: %02x%02x", (unsigned char)behind[0],
                    (unsigned char)behind[1]);
    s->at += (size_t)(end - start) + 1;
    s->line++;
    return true;
}

static bool read_argument(struct scan *s, const char **arg, size_t *n) {
    long len;
    if (!read_count(s, '$', &len)) return false;
    size_t left = s->n - s->at;
    if (len < 0 || (size_t)len > left || left - (size_t)len < 2)
        return fail(s, s->at, "Expected to read %ld bytes, got %ld bytes", len < 0 ? len : len + 2,
                    (long)left);
    *arg = s->p + s->at;
    *n = (size_t)len;
    s->at += (size_t)len + 2;
    const char *crlf = s->p + s->at - 2;
    if (crlf[0] != '\r' || crlf[1] != '\n')
        return fail(s, s->at, "Expected \\r\\n, got: %02x%02x", (unsigned char)crlf[0],
                    (unsigned char)crlf[1]);
    s->line++;
    return true;
}

static bool is_word(const char *arg, size_t n, const char *word) {
    return n == strlen(word) && strncasecmp(arg, word, n) == 0;
}

static bool read_command(struct scan *s, bool *in_multi, const char *name) {
    long argc;
    size_t start = s->at;
    slice words[2] = {{"", 0}, {"", 0}};
    if (!read_count(s, '*', &argc)) return false;
    for (long i = 0; i < argc; i++) {
        const char *arg = NULL;
        size_t n = 0;
        if (!read_argument(s, &arg, &n)) return false;
        if (i < 2) words[i] = (slice){arg, n};
        if (i > 0) continue;
        bool multi = is_word(arg, n, "multi"), exec = is_word(arg, n, "exec");
        if (multi && *in_multi) return fail(s, s->at, "Unexpected MULTI in AOF %s", name);
        if (exec && !*in_multi) return fail(s, s->at, "Unexpected EXEC in AOF %s", name);
        if (multi) *in_multi = true;
        if (exec) *in_multi = false;
    }
    summary_command(s->summary, words[0], words[1], start, s->at - start);
    return true;
}

/* false: it is a time that is too late. */
static bool read_annotation(struct scan *s, bool *whole) {
    const char *start = s->p + s->at, *end = memchr(start, '\n', s->n - s->at);
    *whole = end != NULL;
    if (!end) return true;
    if (s->until_s && strncmp(start, "#TS:", 4) == 0 && strtoll(start + 4, NULL, 10) > s->until_s) {
        s->later = true;
        s->later_at = s->at;
        return false;
    }
    summary_mark(s->summary, (slice){start, (size_t)(end - start) - (end > start && end[-1] == '\r')});
    s->at += (size_t)(end - start) + 1;
    return true;
}

void scan_file(struct scan *s, const char *name) {
    bool in_multi = false, whole = true;
    size_t next_progress = s->at + PROGRESS_BYTES;
    s->line = 1;
    while (s->at < s->n) {
        if (s->progress && s->at >= next_progress) {
            s->progress(s->at, s->n);
            next_progress = s->at + PROGRESS_BYTES;
        }
        char first = s->p[s->at];
        if (first == '#') {
            if (!read_annotation(s, &whole) || !whole) break;
        } else if (first != '*') {
            s->format_error = true;
            break;
        } else if (!read_command(s, &in_multi, name)) {
            break;
        }
        if (!in_multi) s->valid = s->at;
    }
    if (in_multi && s->at == s->n && !s->error[0])
        fail(s, s->valid + 15, "Reached EOF before reading EXEC for MULTI");
}
