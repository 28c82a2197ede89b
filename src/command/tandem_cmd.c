/* TANDEM RESYNCS, ADVICE and HELP: what Redis has no words for. The facts are repl/'s (report.h). */
#include "command/dispatch.h"

#include "base/clock.h"
#include "command/handlers.h"
#include "repl/report.h"

static void field_str(struct reply_buf *b, const char *name, const char *value) {
    reply_bulk_str(b, name);
    reply_bulk_str(b, value);
}

static void field_int(struct reply_buf *b, const char *name, int64_t value) {
    reply_bulk_str(b, name);
    reply_int(b, value);
}

static void tell(struct reply_buf *b, const struct resync *r) {
    const struct resync_case *q = &r->asked;
    int64_t until_ms = r->ended_ms ? r->ended_ms : clock_ms();
    reply_map(b, 17);
    field_int(b, "id", (int64_t)r->id);
    field_int(b, "time-ms", r->started_ms);
    field_str(b, "with", r->as_master ? "replica" : "master");
    field_str(b, "peer", r->who);
    field_str(b, "kind", r->full ? "full" : "partial");
    field_str(b, "state", !r->ended_ms ? "running" : r->ok ? "ok" : "failed");
    field_str(b, "cause", resync_cause_word(r->cause));
    field_str(b, "why", r->why);
    field_str(b, "failure", r->failure);
    field_str(b, "asked-history", q->asked_id);
    field_int(b, "asked-offset", q->asked_id[0] ? q->asked : -1);
    field_int(b, "oldest-offset", q->oldest);
    field_int(b, "end-offset", q->end);
    field_int(b, "missing-bytes", (int64_t)r->missing_bytes);
    field_int(b, "duration-ms", until_ms - r->started_ms);
    field_int(b, "bytes", (int64_t)r->bytes);
    field_int(b, "peak-log-bytes", (int64_t)r->peak_bytes);
}

void tandem_resyncs_command(struct client *c, const slice *argv, int argc) {
    int64_t n = RESYNCS_KEPT;
    if (argc > 3) {
        reply_error(&c->out, "ERR wrong number of arguments for 'tandem|resyncs' command");
        return;
    }
    if (argc == 3 && !cmd_int_in(c, argv[2], 0, INT64_MAX, &n, "ERR count must be a positive integer"))
        return;
    if (n > resync_count()) n = resync_count();
    reply_array(&c->out, n);
    for (int i = 0; i < n; i++) tell(&c->out, resync_nth(i));
}

void tandem_advice_command(struct client *c, const slice *argv, int argc) {
    (void)argv, (void)argc;
    char advice[ADVICE_MAX][ADVICE_BYTES];
    int n = repl_advice(advice);
    reply_array(&c->out, n);
    for (int i = 0; i < n; i++) reply_bulk_str(&c->out, advice[i]);
}

void tandem_help_command(struct client *c, const slice *argv, int argc) {
    (void)argv, (void)argc;
    static const char *const lines[] = {
        "ADVICE", "    Settings of replication that what was measured speaks for.", "RESYNCS [<count>]",
        "    The last resynchronisations with replicas and masters, newest first: "
        "why, how long, how much.",
        NULL};
    cmd_help(c, "TANDEM", lines);
}
