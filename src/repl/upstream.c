/* See upstream.h. */
#include "repl/upstream.h"

#include <ctype.h>

void upstream_init(struct upstream *u, const char self[UPSTREAM_ID_CHARS + 1]) {
    *u = (struct upstream){.n = 0};
    memcpy(u->self, self, UPSTREAM_ID_CHARS);
}

void upstream_forget(struct upstream *u) {
    u->n = 0;
}

static size_t put(char *out, const char *id) {
    out[0] = ' ';
    memcpy(out + 1, id, UPSTREAM_ID_CHARS);
    return UPSTREAM_ID_CHARS + 1;
}

size_t upstream_tell(const struct upstream *u, char out[UPSTREAM_TEXT_MAX]) {
    size_t n = put(out, u->self);
    for (int i = 0; i < u->n && i + 1 < UPSTREAM_MAX; i++) n += put(out + n, u->ids[i]);
    out[n] = '\0';
    return n;
}

/* The next id in the text, or NULL. */
static const char *next_id(slice *text) {
    if (text->n < UPSTREAM_ID_CHARS + 1 || text->p[0] != ' ') return NULL;
    const char *id = text->p + 1;
    for (int i = 0; i < UPSTREAM_ID_CHARS; i++)
        if (!isxdigit((unsigned char)id[i])) return NULL;
    text->p += UPSTREAM_ID_CHARS + 1;
    text->n -= UPSTREAM_ID_CHARS + 1;
    return id;
}

int upstream_hear(struct upstream *u, slice told, bool *changed) {
    const char *id;
    int n = 0, at = -1;
    *changed = false;
    while (at < 0 && n < UPSTREAM_MAX && (id = next_id(&told))) {
        if (memcmp(id, u->self, UPSTREAM_ID_CHARS) == 0) {
            at = n;
            break;
        }
        if (n >= u->n || memcmp(id, u->ids[n], UPSTREAM_ID_CHARS) != 0) *changed = true;
        memcpy(u->ids[n], id, UPSTREAM_ID_CHARS);
        n++;
    }
    if (n != u->n) *changed = true;
    u->n = n;
    return at;
}
