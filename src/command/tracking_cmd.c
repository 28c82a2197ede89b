/* CLIENT TRACKING, CACHING, GETREDIR and TRACKINGINFO: parsing, and which options go together. */
#include "command/handlers.h"

#include "base/alloc.h"
#include "command/tracking.h"

struct tracking_args {
    unsigned options;
    int64_t redirect;
    struct client *target;
    slice *prefixes; /* room for all arguments */
    int n;
};

static bool take_redirect(struct client *c, slice s, struct tracking_args *a) {
    if (a->redirect) {
        reply_error(&c->out, "ERR A client can only redirect to a single other client");
        return false;
    }
    if (!cmd_i64(c, s, &a->redirect, NULL)) return false;
    a->target = a->redirect > 0 ? client_by_id((uint64_t)a->redirect) : NULL;
    if (!a->target) reply_error(&c->out, "ERR The client ID you want redirect to does not exist");
    return a->target != NULL;
}

static unsigned option_of(slice word) {
    if (slice_is(word, "bcast")) return TRACK_BCAST;
    if (slice_is(word, "optin")) return TRACK_OPTIN;
    if (slice_is(word, "optout")) return TRACK_OPTOUT;
    return slice_is(word, "noloop") ? TRACK_NOLOOP : 0;
}

static bool parse(struct client *c, const slice *argv, int argc, struct tracking_args *a) {
    for (int i = 3; i < argc; i++) {
        bool more = i + 1 < argc;
        unsigned option = option_of(argv[i]);
        if (slice_is(argv[i], "redirect") && more) {
            if (!take_redirect(c, argv[++i], a)) return false;
        } else if (slice_is(argv[i], "prefix") && more) {
            a->prefixes[a->n++] = argv[++i];
        } else if (option) {
            a->options |= option;
        } else {
            cmd_syntax_error(c);
            return false;
        }
    }
    return true;
}

static const char *conflict(const struct client *c, const struct tracking_args *a) {
    const struct tracker *t = c->tracking;
    unsigned opt = a->options & (TRACK_OPTIN | TRACK_OPTOUT);
    if (a->n > 0 && !(a->options & TRACK_BCAST)) return "ERR PREFIX option requires BCAST mode to be enabled";
    if (t && ((t->options ^ a->options) & TRACK_BCAST))
        return "ERR You can't switch BCAST mode on/off before disabling tracking for this client, and then "
               "re-enabling it with a different mode.";
    if ((a->options & TRACK_BCAST) && opt) return "ERR OPTIN and OPTOUT are not compatible with BCAST";
    if (opt == (TRACK_OPTIN | TRACK_OPTOUT)) return "ERR You can't specify both OPTIN mode and OPTOUT mode";
    unsigned was = t ? t->options & (TRACK_OPTIN | TRACK_OPTOUT) : 0;
    if (opt && was && opt != was)
        return "ERR You can't switch OPTIN/OPTOUT mode before disabling tracking for this client, and then "
               "re-enabling it with a different mode.";
    return NULL;
}

static bool overlap(slice a, slice b) {
    return memcmp(a.p, b.p, a.n < b.n ? a.n : b.n) == 0;
}

static bool refuse_overlap(struct client *c, slice a, const char *what, slice b) {
    reply_errorf(&c->out,
                 "ERR Prefix '%.*s' overlaps with %s prefix '%.*s'. Prefixes for a single client must not "
                 "overlap.",
                 SLICE_ARGS(a), what, SLICE_ARGS(b));
    return false;
}

/* A change would be told twice. */
static bool prefixes_apart(struct client *c, const struct tracking_args *a) {
    const struct tracker *t = c->tracking;
    for (int i = 0; i < a->n; i++) {
        for (int k = 0; t && k < t->n_prefixes; k++)
            if (overlap(a->prefixes[i], tracking_prefix(t, k)))
                return refuse_overlap(c, a->prefixes[i], "an existing", tracking_prefix(t, k));
        for (int k = i + 1; k < a->n; k++)
            if (overlap(a->prefixes[i], a->prefixes[k]))
                return refuse_overlap(c, a->prefixes[i], "another provided", a->prefixes[k]);
    }
    return true;
}

static void turn_on(struct client *c, const struct tracking_args *a) {
    const char *error = conflict(c, a);
    if (error) {
        reply_error(&c->out, error);
        return;
    }
    if (!prefixes_apart(c, a)) return;
    tracking_on(c, a->options, a->target, a->prefixes, a->n);
    reply_ok(&c->out);
}

void client_tracking_command(struct client *c, const slice *argv, int argc) {
    struct tracking_args a = {.prefixes = mem_alloc((size_t)argc * sizeof *a.prefixes)};
    if (!parse(c, argv, argc, &a)) { /* replied */
    } else if (slice_is(argv[2], "on")) {
        turn_on(c, &a);
    } else if (slice_is(argv[2], "off")) {
        tracking_off(c);
        reply_ok(&c->out);
    } else {
        cmd_syntax_error(c);
    }
    mem_free(a.prefixes, (size_t)argc * sizeof *a.prefixes);
}

void client_caching_command(struct client *c, const slice *argv, int argc) {
    struct tracker *t = c->tracking;
    bool yes = slice_is(argv[2], "yes");
    (void)argc;
    if (!t) {
        reply_error(&c->out, "ERR CLIENT CACHING can be called only when the client is in tracking mode with "
                             "OPTIN or OPTOUT mode enabled");
    } else if (!yes && !slice_is(argv[2], "no")) {
        cmd_syntax_error(c);
    } else if (!(t->options & (yes ? TRACK_OPTIN : TRACK_OPTOUT))) {
        reply_errorf(&c->out, "ERR CLIENT CACHING %s is only valid when tracking is enabled in %s mode.",
                     yes ? "YES" : "NO", yes ? "OPTIN" : "OPTOUT");
    } else {
        t->caching = true;
        reply_ok(&c->out);
    }
}

void client_getredir_command(struct client *c, const slice *argv, int argc) {
    const struct tracker *t = c->tracking;
    (void)argv, (void)argc;
    reply_int(&c->out, t ? (int64_t)t->redirect : -1);
}

static int64_t reply_flag(struct reply_buf *b, bool set, const char *name) {
    if (set) reply_bulk_str(b, name);
    return set;
}

static void reply_flags(struct reply_buf *b, const struct tracker *t) {
    unsigned o = t ? t->options : 0;
    struct reply_mark m = reply_defer(b);
    int64_t n = reply_flag(b, true, t ? "on" : "off");
    n += reply_flag(b, o & TRACK_BCAST, "bcast");
    n += reply_flag(b, o & TRACK_OPTIN, "optin");
    n += reply_flag(b, (o & TRACK_OPTIN) && t->caching, "caching-yes");
    n += reply_flag(b, o & TRACK_OPTOUT, "optout");
    n += reply_flag(b, (o & TRACK_OPTOUT) && t->caching, "caching-no");
    n += reply_flag(b, o & TRACK_NOLOOP, "noloop");
    n += reply_flag(b, t && t->broken, "broken_redirect");
    reply_defer_set(b, m, n);
}

void client_trackinginfo_command(struct client *c, const slice *argv, int argc) {
    const struct tracker *t = c->tracking;
    struct reply_buf *b = &c->out;
    (void)argv, (void)argc;
    reply_map(b, 3);
    reply_bulk_str(b, "flags");
    reply_flags(b, t);
    reply_bulk_str(b, "redirect");
    reply_int(b, t ? (int64_t)t->redirect : -1);
    reply_bulk_str(b, "prefixes");
    reply_array(b, t ? t->n_prefixes : 0);
    for (int i = 0; t && i < t->n_prefixes; i++) {
        slice p = tracking_prefix(t, i);
        reply_bulk(b, p.p, p.n);
    }
}
