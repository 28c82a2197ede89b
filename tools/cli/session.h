/* The connection to the server that the options name, in the state that they ask for. */
#ifndef TANDEM_TOOLS_SESSION_H
#define TANDEM_TOOLS_SESSION_H

#include "cli/link.h"

struct session {
    struct link link; /* .fd -1: closed */
    int db;           /* selected, as far as commands told */
    bool as_asked;    /* the server refused nothing of what session_open asked for */
};

/* Opens it (anew): AUTH, SELECT and HELLO as the options say. What the server refuses is reported and leaves the
 * connection usable; false, and reported, only when there is none. */
bool session_open(struct session *s);

/* Sends one command and reads its reply, valid until the next one. NULL: the connection is lost, reported and closed. */
const struct resp_value *session_ask(struct session *s, int argc, const char *const *words);
#define SESSION_ASK(s, ...)                                                                                  \
    session_ask((s), sizeof((const char *const[]){__VA_ARGS__}) / sizeof(char *),                            \
                (const char *const[]){__VA_ARGS__})

static inline bool reply_is_error(const struct resp_value *v) {
    return v->type == '-' || v->type == '!';
}

#endif
