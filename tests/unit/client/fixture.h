/* A client room with a small dispatcher of its own, driven turn by turn over socket pairs: no time, no luck.
 *
 * Commands: PING, ECHO x, LEN x (length of x), BIG n (n bytes), BLOCK (no reply, blocks), SOON (blocks and delays replies), QUIT, KILL id, AUTH,
 * REPLY ON|OFF|SKIP, TURN (three nested turns, then +TURNED), and anything else: -ERR unknown. */
#ifndef TANDEM_TESTS_CLIENT_FIXTURE_H
#define TANDEM_TESTS_CLIENT_FIXTURE_H

#include "client/client.h"

struct fixture {
    sds raw;      /* all requests' raw bytes, in order of execution */
    int executed; /* requests */
    int prepared; /* requests that prepare saw */
    int largest_group;
    int closed;              /* clients that hooks.closed saw */
    uint64_t order[1 << 14]; /* ids of the clients, by request executed (the first ones) */
};
extern struct fixture fx;

void fx_init(void); /* .init of the suites */
void fx_fini(void);
struct client *fx_connect(int *peer); /* a client, and the other end of its socket (non-blocking) */
void fx_turns(int n);
void fx_send(int peer, const char *p, size_t n); /* as much as the socket takes, with turns in between */
#define fx_say(peer, text) fx_send(peer, text, sizeof(text) - 1)
sds fx_hear(int peer); /* what has been answered so far; the caller frees it */
bool fx_hung_up(int peer);
sds fx_request(sds s, int argc, ...); /* appends a RESP array of C strings */
void fx_expect(int peer, const char *text);

#endif
