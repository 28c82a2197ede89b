/* Quoting: the readable form of binary strings, and splitting a line into words (config files, inline commands, the
 * command-line client). The grammar is the one of sds.h; a NUL byte ends a line, as the reference has it. */
#include "base/alloc.h"
#include "base/sds.h"

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

struct cursor {
    const char *p, *end;
};

static int hex_value(char c) {
    if (c >= '0' && c <= '9') return c - '0';
    c = (char)(c | 0x20);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* One escape sequence after its backslash, inside double quotes; the cursor stands behind it afterwards. */
static char read_escape(struct cursor *c) {
    char e = *c->p++;
    if (e == 'x' && c->end - c->p >= 2 && hex_value(c->p[0]) >= 0 && hex_value(c->p[1]) >= 0) {
        char byte = (char)(hex_value(c->p[0]) << 4 | hex_value(c->p[1]));
        c->p += 2;
        return byte;
    }
    switch (e) {
    case 'n': return '\n';
    case 'r': return '\r';
    case 't': return '\t';
    case 'b': return '\b';
    case 'a': return '\a';
    default: return e;
    }
}

/* The inside of quotes up to and with the closing one. False when it is missing or glued to what follows. */
static bool read_quoted(struct cursor *c, char quote, sds *word) {
    while (c->p < c->end) {
        char byte = *c->p++;
        if (byte == quote) return c->p == c->end || isspace((unsigned char)*c->p);
        if (byte == '\\' && c->p < c->end) {
            if (quote == '"') {
                byte = read_escape(c);
            } else if (*c->p == '\'') {
                byte = *c->p++;
            }
        }
        *word = sds_cat(*word, &byte, 1);
    }
    return false;
}

/* One word; the cursor stands on its first byte. A quote may also open in the middle of a word. */
static bool read_word(struct cursor *c, sds *word) {
    while (c->p < c->end) {
        char byte = *c->p;
        if (byte == ' ' || byte == '\n' || byte == '\r' || byte == '\t') return true;
        c->p++;
        if (byte == '"' || byte == '\'') return read_quoted(c, byte, word);
        *word = sds_cat(*word, &byte, 1);
    }
    return true;
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
    struct cursor c = {line, line + strnlen(line, n)};
    sds *words = mem_alloc(vector_slots(0) * sizeof(sds));
    *count = 0;
    for (;;) {
        while (c.p < c.end && isspace((unsigned char)*c.p)) c.p++;
        if (c.p == c.end) return words;
        sds word = sds_empty();
        bool ok = read_word(&c, &word);
        words = push_word(words, (*count)++, word);
        if (!ok) break;
    }
    sds_free_words(words, *count);
    *count = 0;
    return NULL;
}

void sds_free_words(sds *words, int count) {
    if (!words) return;
    for (int i = 0; i < count; i++) sds_free(words[i]);
    mem_free(words, vector_slots(count) * sizeof(sds));
}
