/* --stat, --latency and --scan: one command again and again, and what its replies say. */
#include "cli/modes.h"
#include "cli/options.h"
#include "base/clock.h"
#include "base/num.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define STAT_LINES_PER_HEADER 20
#define SECOND_US             1000000
#define PING_EVERY_US         10000
#define HISTORY_US            (15 * SECOND_US)

static int failed(const char *before, const struct resp_value *reply) {
    fprintf(stderr, "%s%.*s\n", before, (int)reply->text.n, reply->text.p);
    return 1;
}

/* --- stat --- */

/* The number behind the first `name` of an INFO text; 0 when it isn't there. */
static int64_t number_in(const char *info, const char *name) {
    const char *at = strstr(info, name);
    return at ? strtoll(at + strlen(name), NULL, 10) : 0;
}

static int64_t count_keys(const char *info) {
    int64_t sum = 0;
    for (const char *at = info; (at = strstr(at, ":keys=")) != NULL; at++)
        sum += strtoll(at + strlen(":keys="), NULL, 10);
    return sum;
}

static const char *child_of(const char *info) {
    if (number_in(info, "\nloading:")) return "LOAD";
    bool save = number_in(info, "\nrdb_bgsave_in_progress:");
    bool aof = number_in(info, "\naof_rewrite_in_progress:");
    return save && aof ? "SAVE+AOF" : save ? "SAVE" : aof ? "AOF" : "";
}

static void print_stat(const char *info, int64_t *requests_before) {
    char memory[32], requests[64];
    int64_t total = number_in(info, "\ntotal_commands_processed:");
    memory[num_format_bytes_human(memory, sizeof(memory) - 1, (uint64_t)number_in(info, "\nused_memory:"))] =
        '\0';
    snprintf(requests, sizeof(requests), "%" PRId64 " (+%" PRId64 ")", total,
             *requests_before < 0 ? 0 : total - *requests_before);
    *requests_before = total;
    printf("%-10" PRId64 " %-8s %-7" PRId64 " %-7" PRId64 " %-19s %-12" PRId64 "%s\n", count_keys(info),
           memory, number_in(info, "\nconnected_clients:"), number_in(info, "\nblocked_clients:"), requests,
           number_in(info, "\ntotal_connections_received:"), child_of(info));
    fflush(stdout);
}

int stat_run(struct session *s) {
    int64_t requests = -1;
    long pause_us = options.interval_us > 0 ? options.interval_us : SECOND_US;
    for (int line = 0;; line++) {
        if (s->link.fd < 0 && !(session_open(s) && s->as_asked)) return 1;
        const struct resp_value *reply = SESSION_ASK(s, "INFO");
        if (reply && reply_is_error(reply)) return failed("ERROR: ", reply);
        if (reply) {
            sds info = sds_newlen(reply->text.p, reply->text.n);
            if (line % STAT_LINES_PER_HEADER == 0)
                puts("------- data ------ --------------------- load -------------------- - child -\n"
                     "keys       mem      clients blocked requests            connections          ");
            print_stat(info, &requests);
            sds_free(info);
        }
        usleep((useconds_t)pause_us);
    }
}

/* --- latency --- */

struct latency {
    uint64_t count, min_us, max_us, sum_us;
};

static void add_sample(struct latency *l, uint64_t us) {
    if (l->count == 0 || us < l->min_us) l->min_us = us;
    if (us > l->max_us) l->max_us = us;
    l->sum_us += us;
    l->count++;
}

static void print_latency(const struct latency *l) {
    static const char *const forms[] = {
        [OUTPUT_TTY] = "min: %" PRIu64 ", max: %" PRIu64 ", avg: %.2f (%" PRIu64 " samples)",
        [OUTPUT_RAW] = "%" PRIu64 " %" PRIu64 " %.2f %" PRIu64 "\n",
        [OUTPUT_CSV] = "%" PRIu64 ",%" PRIu64 ",%.2f,%" PRIu64 "\n",
        [OUTPUT_JSON] = "{\"min\": %" PRIu64 ", \"max\": %" PRIu64 ", \"avg\": %.2f, \"count\": %" PRIu64
                        "}\n",
    };
    printf(forms[options.output], l->min_us / 1000, l->max_us / 1000,
           (double)l->sum_us / (double)l->count / 1000, l->count);
}

int latency_run(struct session *s) {
    struct latency l = {0};
    bool live = options.output == OUTPUT_TTY;
    uint64_t window_us = options.interval_us > 0 ? (uint64_t)options.interval_us
                         : options.history       ? HISTORY_US
                                                 : SECOND_US;
    for (uint64_t start_us = clock_mono_us();; usleep(PING_EVERY_US)) {
        uint64_t sent_us = clock_mono_us();
        const struct resp_value *reply = SESSION_ASK(s, "PING");
        if (!reply) return 1;
        if (reply_is_error(reply)) return failed("ERROR: ", reply);
        uint64_t now_us = clock_mono_us();
        add_sample(&l, now_us - sent_us);
        if (live) {
            printf("\x1b[0G\x1b[2K"); /* to the start of the line, and clear it */
            print_latency(&l);
        }
        bool over = now_us - start_us > window_us;
        if (over && !live) print_latency(&l);
        if (over && !live && !options.history) return 0;
        if (over && options.history) {
            if (live) printf(" -- %.2f seconds range\n", (double)(now_us - start_us) / SECOND_US);
            start_us = now_us;
            l = (struct latency){0};
        }
        fflush(stdout);
    }
}

/* --- scan --- */

static void print_key(slice name) {
    if (options.output == OUTPUT_TTY) {
        sds quoted = sds_cat_repr(sds_empty(), name.p, name.n);
        puts(quoted);
        sds_free(quoted);
    } else {
        if (name.n > 0) fwrite(name.p, 1, name.n, stdout);
        putchar('\n');
    }
}

static const struct resp_value *scan_step(struct session *s, const char *cursor) {
    return options.pattern ? SESSION_ASK(s, "SCAN", cursor, "MATCH", options.pattern)
                           : SESSION_ASK(s, "SCAN", cursor);
}

int scan_run(struct session *s) {
    char cursor[32] = "0";
    do {
        const struct resp_value *reply = scan_step(s, cursor);
        if (!reply) return 1;
        if (reply_is_error(reply)) return failed("SCAN error: ", reply);
        if (reply->count != 2 || reply->items[0].text.n >= sizeof(cursor)) {
            fprintf(stderr, "SCAN error: that is no reply to SCAN\n");
            return 1;
        }
        snprintf(cursor, sizeof(cursor), "%.*s", (int)reply->items[0].text.n, reply->items[0].text.p);
        const struct resp_value *names = &reply->items[1];
        for (size_t i = 0; i < names->count; i++) print_key(names->items[i].text);
        fflush(stdout);
        if (options.interval_us > 0) usleep((useconds_t)options.interval_us);
    } while (strcmp(cursor, "0") != 0);
    return 0;
}
