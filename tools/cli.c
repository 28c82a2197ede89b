/* tandem-cli: sends commands to a server and prints the replies as redis-cli does.
 *
 * A command stands on the command line, or commands come from standard input, one a line; other modes are in cli/modes.h.
 * Options, output, messages and exit codes are those of redis-cli 7.0 as far as they exist here; tests/peer/test_cli.c
 * compares the two. */
#include "cli/modes.h"
#include "cli/options.h"
#include "cli/print.h"
#include "base/alloc.h"
#include "base/clock.h"
#include "base/num.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define SLOW_COMMAND_MS 500 /* from here on the time is shown */

static struct session session = {.link.fd = -1};
static bool from_stdin; /* commands come from standard input */

static bool word_is(sds s, const char *word) {
    return slice_is(sds_slice(s), word);
}

/* Replies that are reports made for reading, line end and all: printed as they are. */
static bool is_report(const sds *argv, int argc) {
    static const char *const reports[][2] = {
        {"info", NULL},       {"lolwut", NULL},           {"debug", "htstats"}, {"debug", "htstats-key"},
        {"memory", "doctor"}, {"memory", "malloc-stats"}, {"cluster", "nodes"}, {"cluster", "info"},
        {"client", "list"},   {"client", "info"},         {"latency", "graph"}, {"latency", "doctor"},
    };
    for (size_t i = 0; i < sizeof(reports) / sizeof(reports[0]); i++) {
        if (!word_is(argv[0], reports[i][0])) continue;
        if (!reports[i][1] || (argc > 1 && word_is(argv[1], reports[i][1]))) return true;
    }
    return false;
}

static bool is_subscription(sds name) {
    return word_is(name, "subscribe") || word_is(name, "psubscribe") || word_is(name, "ssubscribe");
}

static void print_reply(const struct resp_value *reply, bool report) {
    sds out = sds_empty();
    if (report) {
        out = print_raw(out, reply, options.item_delimiter);
    } else {
        switch (options.output) {
        case OUTPUT_TTY: out = print_tty(out, reply); break;
        case OUTPUT_RAW:
            out = sds_cat_str(print_raw(out, reply, options.item_delimiter), options.reply_delimiter);
            break;
        case OUTPUT_CSV: out = sds_cat_str(print_csv(out, reply), "\n"); break;
        case OUTPUT_JSON: out = sds_cat_str(print_json(out, reply), "\n"); break;
        }
    }
    fwrite(out, 1, sds_len(out), stdout);
    fflush(stdout);
    sds_free(out);
}

enum outcome { DONE, FAILED, LOST };

static enum outcome read_reply(bool report, bool streaming) {
    const struct resp_value *reply;
    while ((reply = link_read(&session.link)) != NULL && reply->type == '>' && !streaming) {
        if (options.pushes) print_reply(reply, report);
    }
    if (!reply) return LOST;
    bool failed = reply_is_error(reply);
    if (failed && options.fail_on_error && !from_stdin) {
        fprintf(stderr, "%.*s\n", (int)reply->text.n, reply->text.p);
        return FAILED;
    }
    print_reply(reply, report);
    return failed ? FAILED : DONE;
}

/* Sends one command and prints its reply, or, for MONITOR and subscriptions, what follows until it ends. */
static enum outcome run_once(const sds *argv, int argc) {
    if (!link_send(&session.link, argv, argc)) return LOST;
    bool report = is_report(argv, argc);
    bool subscription = is_subscription(argv[0]);
    if (subscription && options.output != OUTPUT_RAW) {
        printf("Reading messages... (press Ctrl-C to quit)\n");
        fflush(stdout);
    }
    enum outcome outcome = read_reply(report, subscription);
    if (subscription || word_is(argv[0], "monitor")) {
        while (outcome == DONE) outcome = read_reply(report, true);
    }
    return outcome;
}

/* For the prompt only: as in redis-cli, a new connection begins with the options' database. */
static void note_selected_db(const sds *argv, int argc) {
    int64_t db;
    if (argc == 2 && word_is(argv[0], "select") && num_parse_i64(sds_slice(argv[1]), &db))
        session.db = (int)db;
    if (word_is(argv[0], "reset")) session.db = 0;
}

/* Runs a command `repeat` times (negative: for ever). LOST has been reported, and the connection closed. */
static enum outcome run(const sds *argv, int argc, long repeat) {
    if (session.link.fd < 0 && !session_open(&session)) return LOST;
    enum outcome outcome = DONE;
    while (repeat < 0 || repeat-- > 0) {
        outcome = run_once(argv, argc);
        if (outcome == LOST) {
            bool asked_for = word_is(argv[0], "shutdown") && strstr(session.link.error, "closed");
            if (!asked_for) fprintf(stderr, "Error: %s\n", session.link.error);
            link_close(&session.link);
            return asked_for ? DONE : LOST;
        }
        if (outcome == FAILED && options.fail_on_error && !from_stdin) return FAILED;
        if (outcome == DONE) note_selected_db(argv, argc);
        if (options.interval_us > 0) usleep((useconds_t)options.interval_us);
    }
    return outcome;
}

static const char prompt_help[] = "A line is a command and its arguments, with \"...\" around what has "
                                  "blanks; a number in front repeats it.\n"
                                  "COMMAND LIST names all commands, COMMAND DOCS <name> describes one.\n"
                                  "Of the prompt itself: connect <host> <port>, clear, help, quit. The "
                                  "program's options: tandem-cli --help\n";

/* What the prompt does by itself. False: the line is for the server. */
static bool run_own_command(const sds *argv, int argc) {
    if (argc == 1 && word_is(argv[0], "clear")) {
        printf("\x1b[H\x1b[2J"); /* to the corner of the screen, and erase it */
        return true;
    }
    if (argc == 1 && word_is(argv[0], "help")) {
        fputs(prompt_help, stdout);
        return true;
    }
    if (argc != 3 || !word_is(argv[0], "connect")) return false;
    static char host[256]; /* options point to it */
    snprintf(host, sizeof(host), "%s", argv[1]);
    options.host = host;
    options.port = atoi(argv[2]);
    options.socket = NULL;
    session_open(&session);
    return true;
}

/* A line of standard input: [repeat] command arguments. False: it asks to stop. */
static bool run_line(const char *line, size_t n) {
    int argc;
    sds *argv = sds_split_words(line, n, &argc);
    if (!argv) {
        printf("Invalid argument(s)\n");
        return true;
    }
    bool stop = argc > 0 && (word_is(argv[0], "quit") || word_is(argv[0], "exit"));
    if (argc > 0 && !stop && !run_own_command(argv, argc)) {
        char *end;
        long repeat = argc > 1 ? strtol(argv[0], &end, 10) : 1;
        bool counted = argc > 1 && *end == '\0';
        uint64_t start_ms = clock_mono_ms();
        if (counted && repeat <= 0) {
            printf("Invalid redis-cli repeat command option value.\n");
        } else {
            run(argv + counted, argc - counted, counted ? repeat : 1);
        }
        uint64_t took_ms = clock_mono_ms() - start_ms;
        if (took_ms >= SLOW_COMMAND_MS && options.output == OUTPUT_TTY)
            printf("(%.2fs)\n", (double)took_ms / 1000);
        fflush(stdout);
    }
    sds_free_words(argv, argc);
    return !stop;
}

static void prompt(void) {
    if (!isatty(STDIN_FILENO)) return;
    if (session.link.fd < 0) {
        printf("not connected> ");
    } else if (options.socket) {
        printf("redis %s", options.socket);
    } else {
        printf("%s:%d", options.host, options.port);
    }
    if (session.link.fd >= 0 && session.db != 0) printf("[%d]", session.db);
    if (session.link.fd >= 0) printf("> ");
    fflush(stdout);
}

static int run_stdin(void) {
    char *line = NULL;
    size_t cap = 0;
    ssize_t n;
    from_stdin = true;
    session_open(&session);
    for (prompt(); (n = getline(&line, &cap, stdin)) >= 0; prompt()) {
        if (!run_line(line, (size_t)n)) break;
    }
    free(line); /* getline's */
    return 0;
}

static sds read_stdin(void) {
    char buf[16384];
    size_t n;
    sds all = sds_empty();
    while ((n = fread(buf, 1, sizeof(buf), stdin)) > 0) all = sds_cat(all, buf, n);
    return all;
}

static void free_words(sds *argv, int argc) {
    for (int i = 0; i < argc; i++) sds_free(argv[i]);
    mem_free(argv, (size_t)argc * sizeof(*argv));
}

/* The command's words, with what standard input holds behind them or in the place of the tag. NULL, and said: no tag. */
static sds *command_words(char **words, int count, int *argc) {
    bool tagged = false;
    *argc = count + options.last_arg_from_stdin;
    sds *argv = mem_alloc((size_t)*argc * sizeof(*argv));
    for (int i = 0; i < count; i++) {
        bool here = options.stdin_tag && !tagged && strcmp(words[i], options.stdin_tag) == 0;
        argv[i] = here ? read_stdin() : sds_new(words[i]);
        tagged |= here;
    }
    if (options.last_arg_from_stdin) argv[count] = read_stdin();
    if (!options.stdin_tag || tagged) return argv;
    fputs("Using -X option but stdin tag not match.\n", stderr);
    free_words(argv, *argc);
    return NULL;
}

static int run_arguments(char **words, int count) {
    int argc;
    sds *argv = command_words(words, count, &argc);
    if (!argv) return 1;
    enum outcome outcome = session_open(&session) ? run(argv, argc, options.repeat) : LOST;
    free_words(argv, argc);
    return outcome == LOST || (outcome == FAILED && options.fail_on_error);
}

static int run_mode(void) {
    static int (*const runs[])(struct session *) = {
        [MODE_STAT] = stat_run, [MODE_LATENCY] = latency_run, [MODE_SCAN] = scan_run,
        [MODE_PIPE] = pipe_run, [MODE_REPLICA] = replica_run, [MODE_RDB] = rdb_run,
    };
    return session_open(&session) && session.as_asked ? runs[options.mode](&session) : 1;
}

int main(int argc, char **argv) {
    int first = options_parse(argc, argv), status;
    if (options.mode != MODE_COMMANDS) {
        status = run_mode();
    } else {
        status = first < argc ? run_arguments(argv + first, argc - first) : run_stdin();
    }
    link_close(&session.link);
    return status;
}
