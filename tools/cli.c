/* tandem-cli: sends commands to a server and prints the replies as redis-cli does.
 *
 * A command stands on the command line, or commands come from standard input, one a line. Options, output, messages
 * and exit codes are those of redis-cli 7.0 as far as they exist here; tests/peer/test_cli.c compares the two. */
#include "cli/link.h"
#include "cli/print.h"
#include "base/alloc.h"
#include "base/clock.h"
#include "base/num.h"
#include "server/server.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define SLOW_COMMAND_MS 500 /* from here on the time is shown */

static struct {
    const char *host, *socket;
    int port;
    const char *user, *password;
    bool password_from_argument, no_auth_warning;
    int db;
    char protocol; /* '2', '3', or 0 for the server's default */
    bool raw, last_arg_from_stdin, fail_on_error;
    long repeat;
    long interval_us;
    const char *item_delimiter, *reply_delimiter;
} options = {
    .host = "127.0.0.1",
    .port = 6379,
    .repeat = 1,
    .item_delimiter = "\n",
    .reply_delimiter = "\n",
};

static struct link server = {.fd = -1};
static int selected_db;     /* of the connection, as far as commands told */
static bool from_stdin;     /* commands come from standard input */
static bool pushes_visible; /* RESP3 pushes outside of subscriptions are printed */

static const char help_text[] =
    "tandem-cli " TANDEM_VERSION " (redis-cli " REDIS_VERSION ")\n"
    "\n"
    "Usage: tandem-cli [OPTIONS] [command [argument ...]]\n"
    "Without a command, commands are read from standard input, one a line.\n"
    "\n"
    "  -h <host>          Server address (default 127.0.0.1)\n"
    "  -p <port>          Server port (default 6379)\n"
    "  -s <path>          Unix socket of the server, instead of address and port\n"
    "  -a, --pass <pw>    Password. The environment variable REDISCLI_AUTH hides it from other users.\n"
    "  --user <name>      User name that goes with the password\n"
    "  --no-auth-warning  Be silent about passwords on the command line\n"
    "  -n <db>            Database number\n"
    "  -2, -3             Speak RESP2 (default) or RESP3\n"
    "  -r <n>             Run the command n times, -1 for ever\n"
    "  -i <seconds>       Pause between repetitions, fractions allowed\n"
    "  -x                 The last argument is what standard input holds\n"
    "  -e                 Exit with 1 when the command fails, error text to standard error\n"
    "  --raw, --no-raw    Plain replies (default unless on a terminal), or typed and quoted ones\n"
    "  -d <text>          Delimiter between elements of plain replies (default \\n)\n"
    "  -D <text>          Delimiter behind plain replies (default \\n)\n"
    "  -v, --version      Print the version\n"
    "  --help             Print this\n";

static int print_error(const struct resp_value *reply, const char *what) {
    return fprintf(stderr, "%s failed: %.*s\n", what, (int)reply->text.n, reply->text.p);
}

/* One step of the greeting. False: refused, or the connection is lost. */
static bool greet(const char *what, int argc, const char *const *words) {
    sds argv[3] = {NULL};
    for (int i = 0; i < argc; i++) argv[i] = sds_new(words[i]);
    const struct resp_value *reply = link_send(&server, argv, argc) ? link_read(&server) : NULL;
    for (int i = 0; i < argc; i++) sds_free(argv[i]);
    if (!reply) {
        fprintf(stderr, "Error: %s\n", server.error);
        link_close(&server);
        return false;
    }
    return reply->type == '-' ? (print_error(reply, what), false) : true;
}

/* Opens the connection and brings it into the state that the options ask for. What the server refuses is reported
 * and leaves the connection usable; false only when there is none. */
static bool connect_to_server(void) {
    link_close(&server);
    bool open = options.socket ? link_open_unix(&server, options.socket)
                               : link_open_tcp(&server, options.host, options.port);
    if (!open && options.socket) {
        fprintf(stderr, "Could not connect to Redis at %s: %s\n", options.socket, server.error);
    } else if (!open) {
        fprintf(stderr, "Could not connect to Redis at %s:%d: %s\n", options.host, options.port,
                server.error);
    }
    if (!open) return false;

    selected_db = options.db;
    bool ok = true;
    if (options.password && options.user) {
        ok = greet("AUTH", 3, (const char *const[]){"AUTH", options.user, options.password});
    } else if (options.password) {
        ok = greet("AUTH", 2, (const char *const[]){"AUTH", options.password});
    }
    if (ok && options.db != 0) {
        char number[16], what[32];
        snprintf(number, sizeof(number), "%d", options.db);
        snprintf(what, sizeof(what), "SELECT %d", options.db);
        ok = greet(what, 2, (const char *const[]){"SELECT", number});
    }
    if (ok && options.protocol == '3') greet("HELLO 3", 2, (const char *const[]){"HELLO", "3"});
    return server.fd >= 0;
}

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

enum form { FORM_TTY, FORM_RAW, FORM_REPORT };

static void print_reply(const struct resp_value *reply, enum form form) {
    sds out = sds_empty();
    if (form == FORM_TTY) {
        out = print_tty(out, reply);
    } else {
        out = print_raw(out, reply, options.item_delimiter);
        if (form == FORM_RAW) out = sds_cat_str(out, options.reply_delimiter);
    }
    fwrite(out, 1, sds_len(out), stdout);
    fflush(stdout);
    sds_free(out);
}

enum outcome { DONE, FAILED, LOST };

static enum outcome read_reply(enum form form, bool streaming) {
    const struct resp_value *reply;
    while ((reply = link_read(&server)) != NULL && reply->type == '>' && !streaming) {
        if (pushes_visible) print_reply(reply, form);
    }
    if (!reply) return LOST;
    bool failed = reply->type == '-' || reply->type == '!';
    if (failed && options.fail_on_error && !from_stdin) {
        fprintf(stderr, "%.*s\n", (int)reply->text.n, reply->text.p);
        return FAILED;
    }
    print_reply(reply, form);
    return failed ? FAILED : DONE;
}

/* Sends one command and prints its reply, or, for MONITOR and subscriptions, what follows until it ends. */
static enum outcome run_once(const sds *argv, int argc) {
    if (!link_send(&server, argv, argc)) return LOST;
    enum form form = is_report(argv, argc) ? FORM_REPORT : options.raw ? FORM_RAW : FORM_TTY;
    bool subscription = is_subscription(argv[0]);
    if (subscription && !options.raw) {
        printf("Reading messages... (press Ctrl-C to quit)\n");
        fflush(stdout);
    }
    enum outcome outcome = read_reply(form, subscription);
    if (subscription || word_is(argv[0], "monitor")) {
        while (outcome == DONE) outcome = read_reply(form, true);
    }
    return outcome;
}

/* For the prompt only: as in redis-cli, a new connection begins with the options' database. */
static void note_selected_db(const sds *argv, int argc) {
    int64_t db;
    if (argc == 2 && word_is(argv[0], "select") && num_parse_i64(sds_slice(argv[1]), &db))
        selected_db = (int)db;
    if (word_is(argv[0], "reset")) selected_db = 0;
}

/* Runs a command `repeat` times (negative: for ever). LOST has been reported, and the connection closed. */
static enum outcome run(const sds *argv, int argc, long repeat) {
    if (server.fd < 0 && !connect_to_server()) return LOST;
    enum outcome outcome = DONE;
    while (repeat < 0 || repeat-- > 0) {
        outcome = run_once(argv, argc);
        if (outcome == LOST) {
            bool asked_for = word_is(argv[0], "shutdown") && strstr(server.error, "closed");
            if (!asked_for) fprintf(stderr, "Error: %s\n", server.error);
            link_close(&server);
            return asked_for ? DONE : LOST;
        }
        if (outcome == FAILED && options.fail_on_error && !from_stdin) return FAILED;
        if (outcome == DONE) note_selected_db(argv, argc);
        if (options.interval_us > 0) usleep((useconds_t)options.interval_us);
    }
    return outcome;
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
    if (argc > 0 && !stop) {
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
        if (took_ms >= SLOW_COMMAND_MS && !options.raw) printf("(%.2fs)\n", (double)took_ms / 1000);
        fflush(stdout);
    }
    sds_free_words(argv, argc);
    return !stop;
}

static void prompt(void) {
    if (!isatty(STDIN_FILENO)) return;
    if (server.fd < 0) {
        printf("not connected> ");
    } else if (options.socket) {
        printf("redis %s", options.socket);
    } else {
        printf("%s:%d", options.host, options.port);
    }
    if (server.fd >= 0 && selected_db != 0) printf("[%d]", selected_db);
    if (server.fd >= 0) printf("> ");
    fflush(stdout);
}

static int run_stdin(void) {
    char *line = NULL;
    size_t cap = 0;
    ssize_t n;
    from_stdin = true;
    connect_to_server();
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

static int run_arguments(char **words, int count) {
    int argc = count + options.last_arg_from_stdin;
    sds *argv = mem_alloc((size_t)argc * sizeof(*argv));
    for (int i = 0; i < count; i++) argv[i] = sds_new(words[i]);
    if (options.last_arg_from_stdin) argv[count] = read_stdin();
    enum outcome outcome = connect_to_server() ? run(argv, argc, options.repeat) : LOST;
    for (int i = 0; i < argc; i++) sds_free(argv[i]);
    mem_free(argv, (size_t)argc * sizeof(*argv));
    return outcome == LOST || (outcome == FAILED && options.fail_on_error);
}

/* Options without a value. */
static bool take_flag(const char *name) {
    if (!strcmp(name, "-2") || !strcmp(name, "-3")) {
        if (options.protocol && options.protocol != name[1]) {
            fputs("Options -2 and -3 are mutually exclusive.\n", stderr);
            exit(1);
        }
        options.protocol = name[1];
    } else if (!strcmp(name, "-x")) {
        options.last_arg_from_stdin = true;
    } else if (!strcmp(name, "-e")) {
        options.fail_on_error = true;
    } else if (!strcmp(name, "--raw") || !strcmp(name, "--no-raw")) {
        options.raw = name[2] == 'r';
    } else if (!strcmp(name, "--no-auth-warning")) {
        options.no_auth_warning = true;
    } else if (!strcmp(name, "-v") || !strcmp(name, "--version")) {
        printf("tandem-cli %s (redis-cli %s)\n", TANDEM_VERSION, REDIS_VERSION);
        exit(0);
    } else if (!strcmp(name, "--help") || !strcmp(name, "-h")) {
        fputs(help_text, stdout);
        exit(0);
    } else {
        return false;
    }
    return true;
}

static bool take_option(const char *name, char *value) {
    if (!strcmp(name, "-h")) {
        options.host = value;
    } else if (!strcmp(name, "-p")) {
        options.port = atoi(value);
    } else if (!strcmp(name, "-s")) {
        options.socket = value;
    } else if (!strcmp(name, "-a") || !strcmp(name, "--pass")) {
        options.password = value;
        options.password_from_argument = true;
    } else if (!strcmp(name, "--user")) {
        options.user = value;
    } else if (!strcmp(name, "-n")) {
        options.db = atoi(value);
    } else if (!strcmp(name, "-r")) {
        options.repeat = strtol(value, NULL, 10);
    } else if (!strcmp(name, "-i")) {
        options.interval_us = (long)(strtod(value, NULL) * 1000000);
    } else if (!strcmp(name, "-d")) {
        options.item_delimiter = value;
    } else if (!strcmp(name, "-D")) {
        options.reply_delimiter = value;
    } else {
        return false;
    }
    return true;
}

/* Returns the index of the command's first word. */
static int parse_options(int argc, char **argv) {
    options.password = getenv("REDISCLI_AUTH");
    options.raw = !isatty(STDOUT_FILENO) && !getenv("FAKETTY");
    int i = 1;
    for (; i < argc && argv[i][0] == '-'; i++) {
        if (i + 1 < argc && take_option(argv[i], argv[i + 1])) {
            i++;
        } else if (!take_flag(argv[i])) {
            fprintf(stderr, "Unrecognized option or bad number of args for: '%s'\n", argv[i]);
            exit(1);
        }
    }
    if (options.password_from_argument && !options.no_auth_warning) {
        fputs("Warning: Using a password with '-a' or '-u' option on the command line interface may not be "
              "safe.\n",
              stderr);
    }
    return i;
}

int main(int argc, char **argv) {
    int first = parse_options(argc, argv);
    signal(SIGPIPE, SIG_IGN);
    pushes_visible = isatty(STDOUT_FILENO);
    int status = first < argc ? run_arguments(argv + first, argc - first) : run_stdin();
    link_close(&server);
    return status;
}
