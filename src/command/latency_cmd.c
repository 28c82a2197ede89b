/* LATENCY: spikes of events (base/latency.h) and the times of commands as histograms; INFO latencystats. What DOCTOR says is in
 * latency_doctor.c. */
#include "command/latency.h"

#include <stdio.h>
#include "base/latency.h"
#include "base/ticks.h"
#include "command/handlers.h"
#include "server/config.h"
#include "server/info.h"

void latency_latest_command(struct client *c, const slice *argv, int argc) {
    const struct latency_event *e;
    int n = 0;
    (void)argv, (void)argc;
    while (latency_at(n)) n++;
    reply_array(&c->out, n);
    for (int i = 0; (e = latency_at(i)); i++) {
        const struct latency_sample *last = latency_last(e);
        reply_array(&c->out, 4);
        reply_bulk_str(&c->out, e->name);
        reply_int(&c->out, last->time_s);
        reply_int(&c->out, last->ms);
        reply_int(&c->out, e->worst_ms);
    }
}

void latency_history_command(struct client *c, const slice *argv, int argc) {
    (void)argc;
    const struct latency_event *e = latency_find(argv[2]);
    const struct latency_sample *p;
    int n = 0;
    while (e && latency_sample_at(e, n)) n++;
    reply_array(&c->out, n);
    for (int i = 0; e && (p = latency_sample_at(e, i)); i++) {
        reply_array(&c->out, 2);
        reply_int(&c->out, p->time_s);
        reply_int(&c->out, p->ms);
    }
}

void latency_reset_command(struct client *c, const slice *argv, int argc) {
    int n = argc == 2 ? latency_forget_all() : 0;
    for (int i = 2; i < argc; i++) n += latency_forget(argv[i]);
    reply_int(&c->out, n);
}

/* --- GRAPH: a column a sample, oldest first, as high as its share of the range; below it how long ago it was --- */

enum { GRAPH_ROWS = 4, AGE_BYTES = 8 };

static void format_age(char age[AGE_BYTES], int64_t s) {
    static const struct {
        int64_t seconds;
        char unit;
    } units[] = {{24 * 3600, 'd'}, {3600, 'h'}, {60, 'm'}, {1, 's'}};
    int i = 0;
    while (i < 3 && s < units[i].seconds) i++;
    snprintf(age, AGE_BYTES, "%u%c", (unsigned)(s / units[i].seconds) % 10000, units[i].unit);
}

/* Three heights a row, drawn _ - # from the bottom up. */
static char cell(double height, int row_from_bottom) {
    static const char marks[] = {'_', 'o', '#'};
    int steps = (int)(height * (GRAPH_ROWS * 3 - 1)) - row_from_bottom * 3;
    return steps < 0 ? ' ' : steps > 2 ? '|' : marks[steps];
}

static sds draw(sds out, const struct latency_event *e, const struct latency_summary *s, int64_t now_s) {
    char ages[LATENCY_SAMPLES][AGE_BYTES];
    const struct latency_sample *p;
    size_t longest = 0;
    double range = s->max_ms > s->min_ms ? s->max_ms - s->min_ms : 1;
    for (int i = 0; (p = latency_sample_at(e, i)); i++) {
        format_age(ages[i], now_s - p->time_s);
        if (strlen(ages[i]) > longest) longest = strlen(ages[i]);
    }
    for (int row = GRAPH_ROWS - 1; row >= 0; row--) {
        for (int i = 0; (p = latency_sample_at(e, i)); i++) {
            char mark = cell((p->ms - s->min_ms) / range, row);
            out = sds_cat(out, &mark, 1);
        }
        out = sds_cat(out, "\n", 1);
    }
    out = sds_cat(out, "\n", 1);
    for (size_t at = 0; at < longest; at++) {
        for (int i = 0; i < s->samples; i++) out = sds_cat(out, at < strlen(ages[i]) ? &ages[i][at] : " ", 1);
        out = sds_cat(out, "\n", 1);
    }
    return out;
}

void latency_graph_command(struct client *c, const slice *argv, int argc) {
    (void)argc;
    const struct latency_event *e = latency_find(argv[2]);
    if (!e) {
        reply_errorf(&c->out, "ERR No samples available for event '%.*s'",
                     (int)(argv[2].n < 128 ? argv[2].n : 128), argv[2].p);
        return;
    }
    int64_t now_s = clock_wall_us() / 1000000;
    struct latency_summary s = latency_summarize(e, now_s);
    sds out = sds_cat_printf(sds_empty(), "%s - high %u ms, low %u ms (all time high %u ms)\n", e->name,
                             s.max_ms, s.min_ms, s.all_time_ms);
    for (int i = 0; i < 80; i++) out = sds_cat(out, "-", 1);
    out = draw(sds_cat(out, "\n", 1), e, &s, now_s);
    reply_verbatim(&c->out, "txt", out, sds_len(out));
    sds_free(out);
}

/* --- HISTOGRAM: how many calls took at most 1, 2, 4, 8, 16, 33 ... microseconds --- */

/* The limits are those of the reference's histogram, whose buckets' ends are a little above the powers of two. */
static double limit_ns(int i) {
    uint64_t power = (uint64_t)1024 << i;
    return (double)(power + (power >> 7) - 1);
}

static void reply_histogram(struct reply_buf *b, const struct histogram *h) {
    double ns_per_tick = 1000 / ticks_per_us();
    uint64_t total = histogram_total(h), sum = 0, shown = 0;
    unsigned at = 0;
    int pairs = 0;
    reply_map(b, 2);
    reply_bulk_str(b, "calls");
    reply_int(b, (int64_t)total);
    reply_bulk_str(b, "histogram_usec");
    struct reply_mark m = reply_defer(b);
    for (int i = 0; shown < total; i++) {
        while (at < HISTOGRAM_BUCKETS && histogram_middle(at) * ns_per_tick <= limit_ns(i))
            sum += h->counts[at++];
        if (sum == shown) continue;
        reply_int(b, (int64_t)(limit_ns(i) / 1000));
        reply_int(b, (int64_t)sum);
        shown = sum;
        pairs++;
    }
    reply_defer_map(b, m, pairs);
}

static int reply_command_times(struct reply_buf *b, const struct command *cmd) {
    int n = 0;
    if (cmd->stats.times) {
        reply_bulk_str(b, cmd->name);
        reply_histogram(b, cmd->stats.times);
        n++;
    }
    for (const struct command *s = cmd->subcommands; s && s->name; s++) n += reply_command_times(b, s);
    return n;
}

void latency_histogram_command(struct client *c, const slice *argv, int argc) {
    const struct command *cmd;
    struct reply_mark m = reply_defer(&c->out);
    int n = 0;
    if (argc == 2)
        for (int i = 0; (cmd = command_at(i)); i++) n += reply_command_times(&c->out, cmd);
    for (int i = 2; i < argc; i++)
        if ((cmd = command_lookup_full(argv[i]))) n += reply_command_times(&c->out, cmd);
    reply_defer_map(&c->out, m, n);
}

/* --- INFO latencystats --- */

static sds describe_times(sds out, const struct command *cmd) {
    if (cmd->stats.times) {
        double per_us = ticks_per_us();
        out = sds_cat_printf(out, "latency_percentiles_usec_%s:", cmd->name);
        for (int i = 0; i < server_config.percentile_count; i++) {
            double p = server_config.percentiles[i];
            out = sds_cat_printf(out, "%sp%.15g=%.3f", i ? "," : "", p,
                                 histogram_percentile(cmd->stats.times, p) / per_us);
        }
        out = sds_cat_str(out, "\r\n");
    }
    for (const struct command *s = cmd->subcommands; s && s->name; s++) out = describe_times(out, s);
    return out;
}

static sds info_latencystats(sds out) {
    const struct command *cmd;
    if (!server_config.latency_tracking) return out;
    for (int i = 0; (cmd = command_at(i)); i++) out = describe_times(out, cmd);
    return out;
}

void latency_init(void) {
    info_register("latencystats", "Latencystats", INFO_ORDER_LATENCYSTATS, INFO_ALL_ONLY, info_latencystats);
}

void latency_help_command(struct client *c, const slice *argv, int argc) {
    static const char *const lines[] = {"DOCTOR",
                                        "    What the spikes of all events suggest, in words.",
                                        "GRAPH <event>",
                                        "    The spikes of an event, drawn.",
                                        "HISTORY <event>",
                                        "    The spikes of an event: pairs of time (Unix) and milliseconds.",
                                        "LATEST",
                                        "    Of each event the last spike and the worst.",
                                        "RESET [<event> ...]",
                                        "    Forget the spikes of these events, or of all.",
                                        "HISTOGRAM [COMMAND ...]",
                                        "    How many calls of a command, or of each, took how long.",
                                        NULL};
    (void)argv, (void)argc;
    cmd_help(c, "LATENCY", lines);
}
