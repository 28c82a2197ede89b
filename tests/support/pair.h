/* Ours and the real redis-server side by side, for requests whose replies must be the same text. */
#ifndef TANDEM_TESTS_PAIR_H
#define TANDEM_TESTS_PAIR_H

#include "support/server.h"

struct pair {
    struct srv *ours, *real;
};

struct pair pair_start(const char *args); /* the same words for both */
void pair_free(struct pair *p);
void pair_same(struct pair *p, const char *request); /* words as in an inline request, "" quotes */
void pair_same_each(struct pair *p, const char *const *requests); /* ends with NULL */
#define PAIR_SAME(p, ...) pair_same_each((p), (const char *const[]){__VA_ARGS__, NULL})

#endif
