/* The CLIENT command. Which connections there are and what they look like is the client room's; this file parses. */
#include "command/dispatch.h"

#include <ctype.h>
#include <limits.h>
#include "base/sds.h"
#include "command/blocking.h"
#include "command/handlers.h"
#include "command/pubsub.h"
#include "server/acl.h"

/* --- names --- */

bool client_name_ok(struct client *c, slice name) {
    for (size_t i = 0; i < name.n; i++)
        if (name.p[i] < '!' || name.p[i] > '~') {
            reply_error(&c->out, "ERR Client names cannot contain spaces, newlines or special characters.");
            return false;
        }
    return true;
}

void client_set_name(struct client *c, slice name) {
    sds_free(c->name);
    c->name = name.n ? sds_newlen(name.p, name.n) : NULL;
}

void client_setname_command(struct client *c, const slice *argv, int argc) {
    (void)argc;
    if (!client_name_ok(c, argv[2])) return;
    client_set_name(c, argv[2]);
    reply_ok(&c->out);
}

void client_getname_command(struct client *c, const slice *argv, int argc) {
    (void)argv, (void)argc;
    if (c->name)
        reply_bulk(&c->out, c->name, sds_len(c->name));
    else
        reply_null(&c->out);
}

/* --- looking --- */

void client_id_command(struct client *c, const slice *argv, int argc) {
    (void)argv, (void)argc;
    reply_int(&c->out, (int64_t)c->id);
}

void client_info_command(struct client *c, const slice *argv, int argc) {
    (void)argv, (void)argc;
    sds s = sds_cat_str(client_describe(sds_empty(), c), "\n");
    reply_verbatim(&c->out, "txt", s, sds_len(s));
    sds_free(s);
}

static bool parse_class(struct client *c, slice word, enum client_class *out) {
    static const struct {
        const char *name;
        enum client_class class;
    } names[] = {{"normal", CLASS_NORMAL},
                 {"slave", CLASS_REPLICA},
                 {"replica", CLASS_REPLICA},
                 {"pubsub", CLASS_PUBSUB},
                 {"master", CLASS_MASTER}};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (slice_is(word, names[i].name)) {
            *out = names[i].class;
            return true;
        }
    reply_errorf(&c->out, "ERR Unknown client type '%.*s'", SLICE_ARGS(word));
    return false;
}

static sds describe_ids(struct client *c, const slice *ids, int n) {
    sds s = sds_empty();
    for (int i = 0; i < n; i++) {
        int64_t id;
        if (!cmd_i64(c, ids[i], &id, "ERR Invalid client ID")) {
            sds_free(s);
            return NULL;
        }
        const struct client *other = id > 0 ? client_by_id((uint64_t)id) : NULL;
        if (other) s = sds_cat_str(client_describe(s, other), "\n");
    }
    return s;
}

static sds describe_class(enum client_class class, bool all) {
    sds s = sds_empty();
    for (const struct client *o = client_first(); o; o = o->next)
        if (!(o->flags & CLIENT_CLOSE_ASAP) && (all || client_class(o) == class))
            s = sds_cat_str(client_describe(s, o), "\n");
    return s;
}

void client_list_command(struct client *c, const slice *argv, int argc) {
    enum client_class class = CLASS_NORMAL;
    sds s;
    if (argc > 3 && slice_is(argv[2], "id")) {
        s = describe_ids(c, argv + 3, argc - 3);
        if (!s) return;
    } else if (argc == 4 && slice_is(argv[2], "type")) {
        if (!parse_class(c, argv[3], &class)) return;
        s = describe_class(class, false);
    } else if (argc == 2) {
        s = describe_class(class, true);
    } else {
        cmd_syntax_error(c);
        return;
    }
    reply_verbatim(&c->out, "txt", s, sds_len(s));
    sds_free(s);
}

/* --- killing --- */

struct kill_filter {
    slice addr, laddr; /* p NULL: any */
    int64_t id;        /* 0: any */
    bool by_class, skip_me;
    enum client_class class;
    const struct acl_user *user; /* NULL: any */
};

static bool parse_kill_option(struct client *c, slice name, slice value, struct kill_filter *f) {
    if (slice_is(name, "id")) {
        return cmd_int_in(c, value, 1, LONG_MAX, &f->id, "ERR client-id should be greater than 0");
    } else if (slice_is(name, "type")) {
        f->by_class = true;
        return parse_class(c, value, &f->class);
    } else if (slice_is(name, "addr")) {
        f->addr = value;
    } else if (slice_is(name, "laddr")) {
        f->laddr = value;
    } else if (slice_is(name, "user")) {
        f->user = acl_find(value);
        if (!f->user) {
            reply_errorf(&c->out, "ERR No such user '%.*s'", SLICE_ARGS(value));
            return false;
        }
    } else if (slice_is(name, "skipme") && (slice_is(value, "yes") || slice_is(value, "no"))) {
        f->skip_me = slice_is(value, "yes");
    } else {
        cmd_syntax_error(c);
        return false;
    }
    return true;
}

static bool parse_kill(struct client *c, const slice *argv, int argc, struct kill_filter *f) {
    *f = (struct kill_filter){.skip_me = true};
    if (argc == 3) {
        f->addr = argv[2];
        f->skip_me = false;
        return true;
    }
    for (int i = 2; i < argc; i += 2) {
        if (i + 1 == argc) {
            cmd_syntax_error(c);
            return false;
        }
        if (!parse_kill_option(c, argv[i], argv[i + 1], f)) return false;
    }
    return true;
}

static bool name_is(const struct client *c, slice want,
                    void (*name_of)(const struct client *, char *, size_t)) {
    char name[256];
    if (!want.p) return true;
    name_of(c, name, sizeof name);
    return slice_eq(want, slice_of(name));
}

static bool kill_matches(const struct client *o, const struct client *me, const struct kill_filter *f) {
    if (!name_is(o, f->addr, client_peer_name) || !name_is(o, f->laddr, client_local_name)) return false;
    if (f->by_class && client_class(o) != f->class) return false;
    if (f->id && o->id != (uint64_t)f->id) return false;
    if (f->user && o->user != f->user) return false;
    return !(o == me && f->skip_me);
}

void client_kill_command(struct client *c, const slice *argv, int argc) {
    struct kill_filter f;
    int64_t killed = 0;
    if (!parse_kill(c, argv, argc, &f)) return;
    for (struct client *o = client_first(), *next; o; o = next) {
        next = o->next;
        if ((o->flags & CLIENT_CLOSE_ASAP) || !kill_matches(o, c, &f)) continue;
        if (o == c) {
            client_close_after_reply(o);
        } else {
            client_close(o);
            pubsub_forget(o); /* it is there until the end of the turn, but receives nothing */
        }
        killed++;
    }
    if (argc > 3)
        reply_int(&c->out, killed);
    else if (killed)
        reply_ok(&c->out);
    else
        reply_error(&c->out, "ERR No such client");
}

/* --- modes --- */

void client_reply_command(struct client *c, const slice *argv, int argc) {
    (void)argc;
    if (slice_is(argv[2], "on")) {
        c->flags &= ~(uint32_t)(CLIENT_REPLY_OFF | CLIENT_REPLY_SKIP);
        c->out.muted = false;
        reply_ok(&c->out);
    } else if (slice_is(argv[2], "off")) {
        c->flags |= CLIENT_REPLY_OFF;
        c->out.muted = true;
    } else if (slice_is(argv[2], "skip")) {
        if (!(c->flags & CLIENT_REPLY_OFF)) c->flags |= CLIENT_REPLY_SKIP_NEXT;
    } else {
        cmd_syntax_error(c);
    }
}

void client_no_evict_command(struct client *c, const slice *argv, int argc) {
    (void)argc;
    if (slice_is(argv[2], "on")) {
        c->flags |= CLIENT_NO_EVICT;
    } else if (slice_is(argv[2], "off")) {
        c->flags &= ~(uint32_t)CLIENT_NO_EVICT;
    } else {
        cmd_syntax_error(c);
        return;
    }
    reply_ok(&c->out);
}

void client_pause_command(struct client *c, const slice *argv, int argc) {
    enum pause what = PAUSE_ALL;
    int64_t ms;
    if (argc > 4) {
        cmd_subcommand_syntax(c, argv);
        return;
    }
    if (argc == 4 && slice_is(argv[3], "write")) {
        what = PAUSE_WRITE;
    } else if (argc == 4 && !slice_is(argv[3], "all")) {
        reply_error(&c->out, "ERR CLIENT PAUSE mode must be WRITE or ALL");
        return;
    }
    if (!blocking_timeout_in_ms(c, argv[2], &ms)) return;
    pause_start(PAUSE_BY_CLIENT, what, ms);
    reply_ok(&c->out);
}

void client_unpause_command(struct client *c, const slice *argv, int argc) {
    (void)argv, (void)argc;
    pause_end(PAUSE_BY_CLIENT);
    reply_ok(&c->out);
}

void client_unblock_command(struct client *c, const slice *argv, int argc) {
    bool as_error = false;
    int64_t id;
    if (argc > 4) {
        cmd_subcommand_syntax(c, argv);
        return;
    }
    if (argc == 4 && slice_is(argv[3], "error")) {
        as_error = true;
    } else if (argc == 4 && !slice_is(argv[3], "timeout")) {
        reply_error(&c->out, "ERR CLIENT UNBLOCK reason should be TIMEOUT or ERROR");
        return;
    }
    if (!cmd_i64(c, argv[2], &id, NULL)) return;
    struct client *other = id > 0 ? client_by_id((uint64_t)id) : NULL;
    reply_int(&c->out, other && block_cancel(other, as_error));
}

void client_help_command(struct client *c, const slice *argv, int argc) {
    static const char *const lines[] = {
        "CACHING (YES|NO)",
        "    The next command's keys are cached, or not, whatever the mode says.",
        "GETNAME",
        "    The name of this connection.",
        "GETREDIR",
        "    The connection that is told of changes for this one.",
        "ID",
        "    The ID of this connection.",
        "INFO",
        "    What there is to know about this connection.",
        "KILL <ip:port>",
        "    Close the connection from that address.",
        "KILL <option> <value> [<option> <value> [...]]",
        "    Close all connections that match every option:",
        "    * ADDR (<ip:port>|<unixsocket>:0)",
        "      From that address.",
        "    * LADDR (<ip:port>|<unixsocket>:0)",
        "      To that address of ours.",
        "    * ID <client-id>",
        "      That one.",
        "    * TYPE (NORMAL|MASTER|REPLICA|PUBSUB)",
        "      Of that type.",
        "    * USER <username>",
        "      Of that user.",
        "    * SKIPME (YES|NO)",
        "      Spare this connection (default: yes).",
        "LIST [TYPE (NORMAL|MASTER|REPLICA|PUBSUB)|ID <client-id> [...]]",
        "    What there is to know about all connections, or some.",
        "NO-EVICT (ON|OFF)",
        "    Exempt this connection from client eviction.",
        "PAUSE <timeout> [WRITE|ALL]",
        "    Hold back all commands, or those that write, for that many milliseconds.",
        "REPLY (ON|OFF|SKIP)",
        "    Turn the replies of this connection on or off.",
        "SETNAME <name>",
        "    Name this connection.",
        "TRACKING (ON|OFF) [REDIRECT <id>] [BCAST] [PREFIX <prefix> [...]]",
        "         [OPTIN] [OPTOUT] [NOLOOP]",
        "    Be told of changes to keys that this connection has read, or to all with a prefix.",
        "TRACKINGINFO",
        "    How this connection is told of changes.",
        "UNBLOCK <clientid> [TIMEOUT|ERROR]",
        "    End the waiting of a blocked client.",
        "UNPAUSE",
        "    End the pause.",
        NULL};
    (void)argv, (void)argc;
    cmd_help(c, "CLIENT", lines);
}
