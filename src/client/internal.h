/* What the files of this room share; nobody else includes it.
 *
 *   client.c    the list of all clients, making and freeing them, blocking, flags
 *   listen.c    listening sockets, accepting
 *   input.c     reading: the arena, own buffers, what is kept
 *   batch.c     parsing into a batch, executing it
 *   output.c    sending, the list of clients to look after at the end of the turn
 *   limits.c    output limits, idle clients
 *   memory.c    what clients hold, and maxmemory-clients
 *   describe.c  CLIENT LIST lines */
#ifndef TANDEM_CLIENT_INTERNAL_H
#define TANDEM_CLIENT_INTERNAL_H

#include "client/client.h"

enum client_pending {
    ON_INPUT = 1,  /* on input.c's list: own input to be taken up in the next turn */
    ON_OUTPUT = 2, /* on output.c's list */
    IN_BATCH = 4,  /* a batch points into its input: no reading, no sending, no freeing */
    DELAYED = 8,   /* its replies leave at the end of the next turn (client_delay_replies) */
};

/* No request of it is executed while one of these is set. */
enum {
    CLIENT_CLOSING = CLIENT_CLOSE_ASAP | CLIENT_CLOSE_AFTER_REPLY,
    CLIENT_STOPPED = CLIENT_CLOSING | CLIENT_BLOCKED
};

extern struct client_hooks client_hooks;

/* client.c */
void client_free(struct client *c);
void client_update_interest(struct client *c, bool want_write);

/* input.c */
void input_execute(void); /* EV_AFTER_IO: takes up what waits, executes what was read */
void input_forget(void);
void input_read(struct client *c);                          /* its socket is readable */
void input_take_up(struct client *c);                       /* put it on the list for the next turn */
void input_keep(struct client *c, const char *p, size_t n); /* bytes of the arena that are not executed yet */
void input_drop(struct client *c);

/* batch.c */
char *
batch_space(size_t *room); /* free room of the arena, at least BATCH_SPACE_MIN; may execute the batch first */
/* n bytes of c at p, in the space got last (own: in c's own input) are to be parsed and executed. */
void batch_add(struct client *c, char *p, size_t n, bool own);
void batch_run(void);
void batch_init(void);
void batch_shutdown(void);
#define BATCH_SPACE_MIN (96 * 1024)

/* output.c */
void output_add(struct client *c); /* look at it at the end of this turn */
void output_send(struct client *c);
void output_turn_begins(void);
void output_end_of_turn(void); /* EV_BEFORE_WAIT: sends, frees closed clients */
void output_forget(void);

/* limits.c */
bool limits_check_output(struct client *c); /* false: it is over its limit and is being closed */
void limits_forget(const struct client *c);

/* memory.c */
extern bool client_memory_limited; /* then what may have changed a client's memory calls: */
void memory_charge(struct client *c);
void memory_release(struct client *c); /* it is being closed: what it holds is as good as free */
void memory_evict(void);

/* listen.c */
const char *listen_unix_path(void);

#endif
