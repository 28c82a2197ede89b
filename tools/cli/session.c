/* See session.h. */
#include "cli/session.h"
#include "cli/options.h"
#include "base/alloc.h"

#include <stdio.h>

const struct resp_value *session_ask(struct session *s, int argc, const char *const *words) {
    sds *argv = mem_alloc((size_t)argc * sizeof(*argv));
    for (int i = 0; i < argc; i++) argv[i] = sds_new(words[i]);
    const struct resp_value *reply = link_send(&s->link, argv, argc) ? link_read(&s->link) : NULL;
    for (int i = 0; i < argc; i++) sds_free(argv[i]);
    mem_free(argv, (size_t)argc * sizeof(*argv));
    if (!reply) {
        fprintf(stderr, "Error: %s\n", s->link.error);
        link_close(&s->link);
    }
    return reply;
}

/* One step of the greeting. False: refused, or the connection is lost. */
static bool accepted(const struct resp_value *reply, const char *what) {
    if (reply && reply_is_error(reply))
        fprintf(stderr, "%s failed: %.*s\n", what, (int)reply->text.n, reply->text.p);
    return reply && !reply_is_error(reply);
}

static bool greet(struct session *s) {
    char number[16], what[32];
    if (options.password) {
        const struct resp_value *reply = options.user ? SESSION_ASK(s, "AUTH", options.user, options.password)
                                                      : SESSION_ASK(s, "AUTH", options.password);
        if (!accepted(reply, "AUTH")) return false;
    }
    if (options.db != 0) {
        snprintf(number, sizeof(number), "%d", options.db);
        snprintf(what, sizeof(what), "SELECT %d", options.db);
        if (!accepted(SESSION_ASK(s, "SELECT", number), what)) return false;
    }
    if (options.protocol == '3') return accepted(SESSION_ASK(s, "HELLO", "3"), "HELLO 3");
    /* JSON has maps: then RESP3 is better, where the server speaks it. */
    bool try_resp3 = options.output == OUTPUT_JSON && options.protocol == 0;
    return !try_resp3 || SESSION_ASK(s, "HELLO", "3") != NULL;
}

bool session_open(struct session *s) {
    link_close(&s->link);
    bool open = options.socket ? link_open_unix(&s->link, options.socket)
                               : link_open_tcp(&s->link, options.host, options.port);
    if (!open && options.socket) {
        fprintf(stderr, "Could not connect to Redis at %s: %s\n", options.socket, s->link.error);
    } else if (!open) {
        fprintf(stderr, "Could not connect to Redis at %s:%d: %s\n", options.host, options.port,
                s->link.error);
    }
    if (!open) return false;
    s->db = options.db;
    s->as_asked = greet(s);
    return s->link.fd >= 0;
}
