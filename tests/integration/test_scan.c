/* SCAN's promise on a live server: every key that is there from the first call to the last is seen, whatever is added,
 * removed and rehashed between the calls; COUNT bounds a call's work; MATCH and TYPE filter. */
#include "support/server.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define STABLE 3000

/* One call; marks the stable keys that it shows. Returns the next cursor as text, "0" at the end. */
static void scan_step(redisContext *c, char cursor[32], const char *options, bool *seen, size_t *shown) {
    char text[128];
    snprintf(text, sizeof text, "SCAN %s %s", cursor, options);
    redisReply *r = redisCommand(c, text);
    cr_assert(r != NULL && r->type == REDIS_REPLY_ARRAY && r->elements == 2, "%s", reply_text(r));
    snprintf(cursor, 32, "%s", r->element[0]->str);
    for (size_t i = 0; i < r->element[1]->elements; i++) {
        int k;
        if (sscanf(r->element[1]->element[i]->str, "stable:%d", &k) == 1) seen[k] = true;
        (*shown)++;
    }
    freeReplyObject(r);
}

static void fill(struct srv *s, const char *prefix, int n) {
    for (int i = 0; i < n; i++) srv_cmd(s, "SET %s:%d v", prefix, i);
}

Test(scan, sees_every_stable_key_while_the_table_grows_and_shrinks) {
    struct srv *s = srv_start(TANDEM, "%s", "");
    fill(s, "stable", STABLE);
    redisContext *c = srv_connect(s);
    for (int round = 0; round < 4; round++) {
        bool *seen = calloc(STABLE, sizeof *seen);
        size_t shown = 0;
        char cursor[32] = "0";
        int calls = 0;
        do {
            scan_step(c, cursor, "COUNT 50", seen, &shown);
            for (int i = 0; i < 100; i++) /* grow in even rounds, shrink in odd ones */
                srv_cmd(s, round % 2 == 0 ? "SET other:%d v" : "DEL other:%d", calls * 100 + i);
            calls++;
        } while (strcmp(cursor, "0") != 0);
        for (int i = 0; i < STABLE; i++) cr_assert(seen[i], "round %d: stable:%d was not shown", round, i);
        free(seen);
    }
    redisFree(c);
    srv_free(s);
}

Test(scan, count_match_and_type) {
    struct srv *s = srv_start(TANDEM, "%s", "");
    fill(s, "stable", STABLE);
    fill(s, "else", 100);
    redisContext *c = srv_connect(s);
    bool *seen = calloc(STABLE, sizeof *seen);
    size_t shown = 0;
    char cursor[32] = "0";
    scan_step(c, cursor, "COUNT 20", seen, &shown);
    cr_assert(shown >= 20 && shown < 200, "%zu keys in a call of COUNT 20", shown);
    shown = 0;
    strcpy(cursor, "0");
    do scan_step(c, cursor, "MATCH else:* COUNT 1000 TYPE string", seen, &shown);
    while (strcmp(cursor, "0") != 0);
    cr_assert_eq(shown, 100);
    shown = 0;
    do scan_step(c, cursor, "TYPE nosuchtype COUNT 1000", seen, &shown);
    while (strcmp(cursor, "0") != 0);
    cr_assert_eq(shown, 0);
    free(seen);
    redisFree(c);
    srv_free(s);
}
