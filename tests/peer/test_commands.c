/* COMMAND beside the real redis-server: what it says of each command that both have, keys of requests, filters; and the
 * commands of what Tandem has not. */
#include "support/pair.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* The sentences are ours: compared are all other fields. */
static bool is_sentence(const char *text) {
    static const char *const names[] = {"summary", "complexity", "history", "notes"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (strcmp(text, names[i]) == 0) return true;
    return false;
}

enum { ELEMENTS_MAX = 400 };

static int by_text(const void *a, const void *b) {
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static char *read_reply(FILE *f, char *type);

/* An array without its sentences; one of words only is a set, and sorted. */
static char *read_array(FILE *f, int n) {
    char *items[ELEMENTS_MAX], *out = NULL, type;
    int kept = 0, words = 0;
    size_t size;
    cr_assert_leq(n, ELEMENTS_MAX);
    for (int i = 0; i < n; i++) {
        char *item = read_reply(f, &type);
        words += type == '+';
        if (type == '$' && is_sentence(item) && i + 1 < n) {
            free(item);
            free(read_reply(f, &type));
            i++;
            continue;
        }
        items[kept++] = item;
    }
    if (words == kept) qsort(items, (size_t)kept, sizeof *items, by_text);
    FILE *text = open_memstream(&out, &size);
    fputs("[ ", text);
    for (int i = 0; i < kept; i++) {
        fprintf(text, "%s ", items[i]);
        free(items[i]);
    }
    fputs("]", text);
    fclose(text);
    return out;
}

/* Deeper than hiredis goes; freed by the caller. */
static char *read_reply(FILE *f, char *type) {
    char line[1024];
    cr_assert(fgets(line, sizeof line, f), "no reply");
    line[strcspn(line, "\r\n")] = '\0';
    *type = line[0];
    int n = atoi(line + 1);
    if (*type == '*') return n < 0 ? strdup("(nil)") : read_array(f, n);
    if (*type != '$' || n < 0) return strdup(line);
    char *text = calloc(1, (size_t)n + 3);
    cr_assert_eq(fread(text, 1, (size_t)n + 2, f), (size_t)n + 2);
    text[n] = '\0';
    return text;
}

struct line {
    int fd;
    FILE *f;
};

static struct line line_open(struct srv *s) {
    redisContext *c = srv_connect(s);
    struct line l = {.fd = dup(c->fd)};
    l.f = fdopen(l.fd, "r");
    redisFree(c);
    return l;
}

static char *ask_deeply(struct line *l, const char *what, const char *name) {
    char type;
    dprintf(l->fd, "COMMAND %s %s\r\n", what, name);
    return read_reply(l->f, &type);
}

static void same_of(struct line *ours, struct line *real, const char *what, const char *name) {
    char *a = ask_deeply(ours, what, name), *b = ask_deeply(real, what, name);
    cr_expect_str_eq(a, b, "COMMAND %s %s\n  ours:  %s\n  redis: %s", what, name, a, b);
    free(a);
    free(b);
}

static redisReply *ask(redisContext *c, const char *request) {
    redisReply *r = redisCommand(c, request);
    cr_assert_not_null(r, "%s", c->errstr);
    return r;
}

/* Built by others just now, or never: no gap but these. */
static bool may_be_missing(const char *name) {
    static const char *const prefixes[] = {"acl", "client|", "monitor"};
    for (size_t i = 0; i < sizeof prefixes / sizeof *prefixes; i++)
        if (strncmp(name, prefixes[i], strlen(prefixes[i])) == 0) return true;
    return false;
}

/* Its reply holds those of its subcommands, which have their own turn. */
static bool is_container(const redisReply *names, const char *name) {
    size_t n = strlen(name);
    for (size_t i = 0; i < names->elements; i++)
        if (strncmp(names->element[i]->str, name, n) == 0 && names->element[i]->str[n] == '|') return true;
    return false;
}

Test(commands, are_described_alike) {
    struct pair p = pair_start("");
    redisContext *c = srv_connect(p.real);
    redisReply *names = ask(c, "COMMAND LIST");
    struct line ours = line_open(p.ours), real = line_open(p.real);
    cr_assert_geq(names->elements, 300);
    for (size_t i = 0; i < names->elements; i++) {
        const char *name = names->element[i]->str;
        if (is_container(names, name)) continue;
        char *known = ask_deeply(&ours, "INFO", name);
        bool missing = strcmp(known, "[ $-1 ]") == 0 || strcmp(known, "[ (nil) ]") == 0;
        free(known);
        cr_expect(!missing || may_be_missing(name), "%s is missing", name);
        if (missing) continue;
        same_of(&ours, &real, "INFO", name);
        same_of(&ours, &real, "DOCS", name);
    }
    freeReplyObject(names);
    redisFree(c);
    fclose(ours.f);
    fclose(real.f);
    pair_free(&p);
}

Test(commands, keys_and_filters) {
    struct pair p = pair_start("");
    PAIR_SAME(&p, "COMMAND GETKEYS get", "COMMAND GETKEYS nosuch x", "COMMAND GETKEYS ping",
              "COMMAND GETKEYS get a b", "COMMAND GETKEYS eval x 2 a b c", "COMMAND GETKEYS eval x 0 a",
              "COMMAND GETKEYS config get x", "COMMAND GETKEYS config nosuch",
              "COMMAND GETKEYSANDFLAGS set a b get", "COMMAND GETKEYSANDFLAGS sort a store b",
              "COMMAND GETKEYSANDFLAGS zunionstore d 2 a b", "COMMAND GETKEYSANDFLAGS lmove a b left right",
              "COMMAND GETKEYSANDFLAGS xreadgroup GROUP g c streams a b 1 2",
              "COMMAND GETKEYSANDFLAGS bitfield a get u8 0", "COMMAND GETKEYSANDFLAGS bitfield a set u8 0 1",
              "COMMAND GETKEYSANDFLAGS migrate h 1 k 0 10",
              "COMMAND GETKEYSANDFLAGS migrate h 1 \"\" 0 10 keys a b", "COMMAND GETKEYS memory usage x",
              "COMMAND GETKEYS object freq x", "COMMAND GETKEYS xread streams a",
              "COMMAND GETKEYS blmpop 0 3 a b", "COMMAND GETKEYS spublish a b",
              "COMMAND GETKEYS georadius k 1 2 3 m store x", "COMMAND GETKEYS", "COMMAND GETKEYS get",
              "COMMAND LIST FILTERBY ACLCAT nosuch", "COMMAND LIST FILTERBY MODULE x",
              "COMMAND LIST FILTERBY PATTERN geta*", "COMMAND LIST FILTERBY PATTERN",
              "COMMAND LIST FILTERBY x y", "COMMAND LIST x", "COMMAND INFO nosuch",
              "COMMAND INFO config|nosuch", "COMMAND DOCS nosuch", "COMMAND NOSUCH", "COMMAND COUNT x");
    pair_free(&p);
}

Test(commands, what_there_is_not_is_told_plainly) {
    struct pair p = pair_start("");
    PAIR_SAME(&p, "EVAL", "EVAL x", "SCRIPT", "SCRIPT x", "SCRIPT EXISTS a b", "SCRIPT FLUSH",
              "SCRIPT FLUSH x", "SCRIPT FLUSH SYNC", "SCRIPT KILL", "FUNCTION LIST", "FUNCTION LIST x",
              "FUNCTION LIST LIBRARYNAME", "FUNCTION LIST WITHCODE LIBRARYNAME x", "FUNCTION KILL",
              "FUNCTION FLUSH", "FUNCTION FLUSH ASYNC", "FUNCTION FLUSH x", "FUNCTION FLUSH SYNC x",
              "FUNCTION DELETE x", "FUNCTION DUMP", "FUNCTION x", "MODULE LIST", "MODULE x", "CLUSTER",
              "CLUSTER x", "CLUSTER INFO", "CLUSTER SLOTS", "CLUSTER NODES", "CLUSTER KEYSLOT a",
              "CLUSTER MYID", "READONLY", "READWRITE", "ASKING", "RESTORE-ASKING a 0 x");
    EXPECT(p.ours, "(error) ERR 'eval' is not supported: Tandem has no script engine", "EVAL x 0");
    EXPECT(p.ours, "(error) ERR 'function|load' is not supported: Tandem has no script engine",
           "FUNCTION LOAD x");
    EXPECT(p.ours, "(error) ERR MODULE command not allowed: Tandem does not load modules", "MODULE LOAD x");
    pair_free(&p);
}

Test(commands, lolwut_ends_with_the_version) {
    static const char *const requests[] = {"LOLWUT",
                                           "LOLWUT VERSION 5",
                                           "LOLWUT VERSION 5 30",
                                           "LOLWUT VERSION 6 1",
                                           "LOLWUT VERSION 99 100000",
                                           "LOLWUT x"};
    struct pair p = pair_start("");
    for (size_t i = 0; i < sizeof requests / sizeof *requests; i++) {
        redisContext *c = srv_connect(p.ours);
        redisReply *r = ask(c, requests[i]);
        cr_assert(r->len > 20 && strcmp(r->str + r->len - 18, "Redis ver. 7.0.15\n") == 0, "%s", requests[i]);
        freeReplyObject(r);
        redisFree(c);
    }
    PAIR_SAME(&p, "LOLWUT VERSION x", "LOLWUT VERSION 5 x");
    pair_free(&p);
}
