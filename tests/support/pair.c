/* See pair.h. */
#include "support/pair.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

struct pair pair_start(const char *args) {
    return (struct pair){srv_start(TANDEM, "%s", args), srv_start(REDIS, "%s", args)};
}

void pair_free(struct pair *p) {
    srv_free(p->ours);
    srv_free(p->real);
}

enum { WORDS = 64, BYTES = 4096 };

/* Words end at blanks; "..." keeps blanks, and has no escapes. */
static int split(char *text, const char **words) {
    int n = 0;
    for (char *p = text; *p;) {
        char end = *p == '"' ? '"' : ' ';
        if (*p == ' ') {
            p++;
            continue;
        }
        if (end == '"') p++;
        cr_assert_lt(n, WORDS);
        words[n++] = p;
        while (*p && *p != end) p++;
        if (*p) *p++ = '\0';
    }
    return n;
}

void pair_same(struct pair *p, const char *request) {
    char text[BYTES];
    const char *argv[WORDS];
    size_t lens[WORDS];
    cr_assert_lt((size_t)snprintf(text, sizeof text, "%s", request), sizeof text);
    int n = split(text, argv);
    for (int i = 0; i < n; i++) lens[i] = strlen(argv[i]);
    const char *ours = srv_cmdv(p->ours, n, argv, lens), *real = srv_cmdv(p->real, n, argv, lens);
    cr_assert(strcmp(ours, real) == 0, "%s\n  ours:  %s\n  redis: %s", request, ours, real);
}

void pair_same_each(struct pair *p, const char *const *requests) {
    for (; *requests; requests++) pair_same(p, *requests);
}
