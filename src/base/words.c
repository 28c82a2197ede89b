/* Quoting: the readable form of binary strings, and splitting a line into words (config files, inline commands, the
 * command-line client). The grammar is the one of sds.h; a NUL byte ends a line, as the reference has it. */
#include "base/alloc.h"
#include "base/sds.h"
#include "base/words.h"

#include <ctype.h>

sds sds_cat_repr(sds s, const char *p, size_t n) {
    s = sds_reserve(s, n + 2);
    s = sds_cat(s, "\"", 1);
    for (size_t i = 0; i < n; i++) {
        unsigned char c = (unsigned char)p[i];
        switch (c) {
        case '\\':
        case '"': s = sds_cat(s, (char[]){'\\', (char)c}, 2); break;
        case '\n': s = sds_cat(s, "\\n", 2); break;
        case '\r': s = sds_cat(s, "\\r", 2); break;
        case '\t': s = sds_cat(s, "\\t", 2); break;
        case '\a': s = sds_cat(s, "\\a", 2); break;
        case '\b': s = sds_cat(s, "\\b", 2); break;
        default:
            if (c >= 0x20 && c < 0x7f) {
                s = sds_cat(s, &c, 1);
            } else {
                s = sds_cat_printf(s, "\\x%02x", c);
            }
        }
    }
    return sds_cat(s, "\"", 1);
}

static int hex_value(char c) {
    if (c >= '0' && c <= '9') return c - '0';
    c = (char)(c | 0x20);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* One escape sequence behind its backslash, inside double quotes; *at moves behind it. */
static char read_escape(const char **at, const char *end) {
    const char *p = *at;
    if (*p == 'x' && end - p >= 3 && hex_value(p[1]) >= 0 && hex_value(p[2]) >= 0) {
        *at += 3;
        return (char)(hex_value(p[1]) << 4 | hex_value(p[2]));
    }
    *at += 1;
    switch (*p) {
    case 'n': return '\n';
    case 'r': return '\r';
    case 't': return '\t';
    case 'b': return '\b';
    case 'a': return '\a';
    default: return *p;
    }
}

/* The inside of quotes up to and with the closing one, appended at *out. False when that is missing or glued to
 * what follows. */
static bool read_quoted(const char **at, const char *end, char quote, char **out) {
    while (*at < end) {
        char byte = *(*at)++;
        if (byte == quote) return *at == end || isspace((unsigned char)**at);
        if (byte == '\\' && *at < end) {
            if (quote == '"') {
                byte = read_escape(at, end);
            } else if (**at == '\'') {
                byte = *(*at)++;
            }
        }
        *(*out)++ = byte;
    }
    return false;
}

enum word_status word_next(const char **at, const char *end, char *out, size_t *n) {
    while (*at < end && isspace((unsigned char)**at)) ++*at;
    if (*at == end) return WORD_END;
    char *to = out;
    while (*at < end) {
        char byte = **at;
        if (byte == ' ' || byte == '\n' || byte == '\r' || byte == '\t') break;
        ++*at;
        if (byte == '"' || byte == '\'') { /* also in the middle of a word */
            if (!read_quoted(at, end, byte, &to)) return WORD_UNBALANCED;
            break;
        }
        *to++ = byte;
    }
    *n = (size_t)(to - out);
    return WORD_OK;
}

/* The vector's size is a function of its count alone, so that sds_free_words can name it: the next power of two. */
static size_t vector_slots(int count) {
    size_t slots = 4;
    while (slots < (size_t)count) slots *= 2;
    return slots;
}

static sds *push_word(sds *words, int count, sds word) {
    size_t have = vector_slots(count), need = vector_slots(count + 1);
    if (need > have) words = mem_resize(words, have * sizeof(sds), need * sizeof(sds));
    words[count] = word;
    return words;
}

sds *sds_split_words(const char *line, size_t n, int *count) {
    const char *at = line, *end = line + strnlen(line, n);
    sds *words = mem_alloc(vector_slots(0) * sizeof(sds));
    sds word = sds_newlen(NULL, (size_t)(end - at));
    enum word_status status;
    size_t word_n;
    *count = 0;
    while ((status = word_next(&at, end, word, &word_n)) == WORD_OK) {
        words = push_word(words, *count, sds_newlen(word, word_n));
        ++*count;
    }
    sds_free(word);
    if (status == WORD_END) return words;
    sds_free_words(words, *count);
    *count = 0;
    return NULL;
}

void sds_free_words(sds *words, int count) {
    if (!words) return;
    for (int i = 0; i < count; i++) sds_free(words[i]);
    mem_free(words, vector_slots(count) * sizeof(sds));
}
