/* What the files of the list family share: finding lists, replying elements, and what taking and moving them means to
 * the key space. */
#ifndef TANDEM_COMMAND_LIST_CMD_H
#define TANDEM_COMMAND_LIST_CMD_H

#include "command/command.h"
#include "keyspace/list.h"

/* False: the key holds something else, and that was replied. *l is NULL when there is no such key. */
bool list_to_change(struct client *c, slice key, struct list **l);
bool list_to_read(struct client *c, slice key, struct list **l);

bool list_end_arg(struct client *c, slice s, enum list_end *end); /* LEFT or RIGHT; replies when neither */
bool list_element_ok(struct client *c, slice s);                  /* replies when it is too large */
/* LMPOP's and BLMPOP's arguments from numkeys on; replies when they are wrong. */
struct list_mpop {
    const slice *keys;
    int n_keys;
    enum list_end end;
    int64_t count;
};
bool list_mpop_args(struct client *c, const slice *argv, int argc, int at, struct list_mpop *m);

void list_reply_element(struct client *c, struct lp_value v);
/* n elements from the index on, which all exist. */
void list_reply_range(struct client *c, struct list *l, int64_t index, size_t n, enum list_end toward);

/* The list has lost n elements: signals it with the event, counts them, and deletes the key when none is left. */
void list_shrunk(struct client *c, slice key, const struct list *l, const char *event, size_t n);
/* Takes one element and replies it. */
void list_pop_one(struct client *c, slice key, struct list *l, enum list_end end);
/* Takes up to count and replies [key, [element ...]]; returns how many. */
size_t list_pop_with_key(struct client *c, slice key, struct list *l, enum list_end end, int64_t count);
/* Moves one element from src, found as l, to dst and replies it. False: dst is no list, which was replied. */
bool list_move(struct client *c, slice src, struct list *l, slice dst, enum list_end from, enum list_end to);

/* What replicas get: [LR]POP key [count], and LMOVE src dst from to. v has room for 5 words. */
int list_pop_words(slice *v, slice key, enum list_end end);
int list_move_words(slice *v, slice src, slice dst, enum list_end from, enum list_end to);

#endif
