/* The command line of tandem-cli. Set once at the start; everything else reads it. */
#ifndef TANDEM_TOOLS_OPTIONS_H
#define TANDEM_TOOLS_OPTIONS_H

#include "base/sds.h"

#include <stdbool.h>

enum output { OUTPUT_TTY, OUTPUT_RAW, OUTPUT_CSV, OUTPUT_JSON };

/* What is done instead of running commands. */
enum mode { MODE_COMMANDS, MODE_STAT, MODE_LATENCY, MODE_SCAN, MODE_PIPE, MODE_REPLICA, MODE_RDB };

struct options {
    const char *host, *socket; /* socket: instead of host and port */
    int port;
    const char *user, *password; /* NULL: none */
    int db;
    char protocol; /* '2', '3', or 0 for the server's default */
    enum output output;
    bool pushes; /* RESP3 pushes outside of subscriptions are printed */
    bool fail_on_error;
    long repeat; /* negative: for ever */
    long interval_us;
    bool last_arg_from_stdin; /* -x */
    const char *stdin_tag;    /* -X, or NULL */
    const char *item_delimiter, *reply_delimiter;
    enum mode mode;
    bool history;       /* --latency-history */
    sds pattern;        /* --scan; NULL: all */
    const char *file;   /* --rdb; "-": standard output */
    int pipe_timeout_s; /* 0: none */
};

extern struct options options;

/* Fills `options`; returns the index of the command's first word. What is wrong is said on standard error and ends
 * the program with 1; --help and --version end it with 0. */
int options_parse(int argc, char **argv);

#endif
