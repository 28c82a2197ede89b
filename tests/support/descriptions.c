/* See descriptions.h. */
#include "support/descriptions.h"

#include <stdlib.h>
#include <string.h>

static int by_text(const void *a, const void *b) {
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static void sort_words(redisReply *r) {
    char *words[2000], *copy = strndup(r->str, r->len), *out = r->str, *rest = copy, *word;
    int n = 0;
    while ((word = strsep(&rest, " ")) && n < 2000) words[n++] = word;
    for (int i = 0; i < n; i++)
        if (words[i][0] == '(') words[i][0] = ' '; /* where a selector ends depends on the order */
    for (int i = 0; i < n; i++) {
        char *end = words[i] + strlen(words[i]);
        if (end > words[i] && end[-1] == ')') end[-1] = '\0';
    }
    qsort(words, (size_t)n, sizeof *words, by_text);
    for (int i = 0; i < n; i++) out = stpcpy(stpcpy(out, words[i]), i + 1 < n ? " " : "");
    r->len = (size_t)(out - r->str);
    free(copy);
}

void sort_descriptions(redisReply *r) {
    if (r->type == REDIS_REPLY_STRING) sort_words(r);
    for (size_t i = 0; i < r->elements; i++) sort_descriptions(r->element[i]);
}
