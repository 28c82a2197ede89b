/* Options as in redis-cli 7.0. One that redis-cli has and we have not is refused with a sentence that says so. */
#include "cli/options.h"
#include "cli/uri.h"
#include "base/alloc.h"
#include "server/server.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#define PASSWORD_BYTES_MAX 4096

struct options options = {
    .host = "127.0.0.1",
    .port = 6379,
    .repeat = 1,
    .item_delimiter = "\n",
    .reply_delimiter = "\n",
    .pipe_timeout_s = 30,
};

static bool password_is_visible; /* it stands on the command line */
static bool no_auth_warning, ask_password;

static const char help_text[] =
    "tandem-cli " TANDEM_VERSION " (redis-cli " REDIS_VERSION ")\n"
    "\n"
    "Usage: tandem-cli [OPTIONS] [command [argument ...]]\n"
    "Without a command, commands are read from standard input, one a line, with a prompt on a terminal.\n"
    "\n"
    "Which server\n"
    "  -h <host>          Server address (default 127.0.0.1)\n"
    "  -p <port>          Server port (default 6379)\n"
    "  -s <path>          Unix socket of the server, instead of address and port\n"
    "  -u <uri>           redis://[[user]:password@]host[:port][/db], all in one\n"
    "  -a, --pass <pw>    Password. The environment variable REDISCLI_AUTH hides it from other users.\n"
    "  --askpass          Ask for the password\n"
    "  --user <name>      User name that goes with the password\n"
    "  --no-auth-warning  Be silent about passwords on the command line\n"
    "  -n <db>            Database number\n"
    "  -2, -3             Speak RESP2 (default) or RESP3\n"
    "\n"
    "How commands run\n"
    "  -r <n>             Run the command n times, -1 for ever\n"
    "  -i <seconds>       Pause between repetitions, between lines of --stat, between steps of --scan;\n"
    "                     fractions allowed\n"
    "  -x                 The last argument is what standard input holds\n"
    "  -X <tag>           The argument that reads <tag> is what standard input holds\n"
    "  -e                 Exit with 1 when the command fails, error text to standard error\n"
    "\n"
    "How replies look\n"
    "  --raw, --no-raw    Plain replies (default unless on a terminal), or typed and quoted ones\n"
    "  --csv, --json      Replies as comma-separated values, or as JSON (which asks for RESP3)\n"
    "  -d <text>          Delimiter between elements of plain replies (default \\n)\n"
    "  -D <text>          Delimiter behind plain replies (default \\n)\n"
    "  --show-pushes <yn> Print RESP3 pushes (default on a terminal)\n"
    "\n"
    "Instead of commands\n"
    "  --stat             A line each second: keys, memory, clients, requests\n"
    "  --latency          Round trips of PING: on a terminal until stopped, otherwise for -i seconds (1)\n"
    "  --latency-history  The same, a new line every -i seconds (15)\n"
    "  --scan             Print the names of all keys\n"
    "  --pattern <glob>   Only these keys, with --scan\n"
    "  --pipe             Send standard input, which is in the protocol's form, as fast as the server takes "
    "it\n"
    "  --pipe-timeout <n> Seconds without a reply after which --pipe gives up (default 30, 0 for never)\n"
    "  --replica          Follow the server as a replica does and print the commands that it sends\n"
    "  --rdb <file>       Take a snapshot over the network into a file, - for standard output\n"
    "\n"
    "  -v, --version      Print the version\n"
    "  --help             Print this\n";

static void stop(const char *why) {
    fprintf(stderr, "%s\n", why);
    exit(1);
}

static bool is(const char *name, const char *option) {
    return strcmp(name, option) == 0;
}

static void set_protocol(char version) {
    if (options.protocol && options.protocol != version) stop("Options -2 and -3 are mutually exclusive.");
    options.protocol = version;
}

static bool take_mode(const char *name) {
    static const struct {
        const char *name;
        enum mode mode;
    } modes[] = {
        {"--stat", MODE_STAT},     {"--latency", MODE_LATENCY}, {"--latency-history", MODE_LATENCY},
        {"--scan", MODE_SCAN},     {"--pipe", MODE_PIPE},       {"--replica", MODE_REPLICA},
        {"--slave", MODE_REPLICA},
    };
    for (size_t i = 0; i < sizeof(modes) / sizeof(modes[0]); i++) {
        if (!is(name, modes[i].name)) continue;
        options.mode = modes[i].mode;
        options.history = is(name, "--latency-history");
        return true;
    }
    return false;
}

static bool take_flag(const char *name) {
    if (is(name, "-2") || is(name, "-3")) {
        set_protocol(name[1]);
    } else if (is(name, "-x")) {
        options.last_arg_from_stdin = true;
    } else if (is(name, "-e")) {
        options.fail_on_error = true;
    } else if (is(name, "--raw")) {
        options.output = OUTPUT_RAW;
    } else if (is(name, "--no-raw")) {
        options.output = OUTPUT_TTY;
    } else if (is(name, "--csv")) {
        options.output = OUTPUT_CSV;
    } else if (is(name, "--json")) {
        options.output = OUTPUT_JSON;
    } else if (is(name, "--no-auth-warning")) {
        no_auth_warning = true;
    } else if (is(name, "--askpass")) {
        ask_password = true;
    } else if (is(name, "-v") || is(name, "--version")) {
        printf("tandem-cli %s (redis-cli %s)\n", TANDEM_VERSION, REDIS_VERSION);
        exit(0);
    } else if (is(name, "--help") || is(name, "-h")) {
        fputs(help_text, stdout);
        exit(0);
    } else {
        return take_mode(name);
    }
    return true;
}

static void take_uri(const char *text) {
    struct uri uri;
    const char *problem = uri_parse(&uri, text);
    if (problem) stop(problem);
    if (uri.password) {
        options.user = uri.user;
        options.password = uri.password;
        password_is_visible = true;
    }
    if (uri.host) options.host = uri.host;
    if (uri.port) options.port = uri.port;
    if (uri.db >= 0) options.db = uri.db;
}

static bool yes_or_no(const char *value) {
    if (strcasecmp(value, "y") == 0 || strcasecmp(value, "yes") == 0) return true;
    if (strcasecmp(value, "n") == 0 || strcasecmp(value, "no") == 0) return false;
    fprintf(stderr, "Unknown --show-pushes value '%s' (valid: '[y]es', '[n]o')\n", value);
    exit(1);
}

static bool take_option(const char *name, char *value) {
    if (is(name, "-h")) {
        options.host = value;
    } else if (is(name, "-p")) {
        options.port = atoi(value);
    } else if (is(name, "-s")) {
        options.socket = value;
    } else if (is(name, "-u")) {
        take_uri(value);
    } else if (is(name, "-a") || is(name, "--pass")) {
        options.password = value;
        password_is_visible = true;
    } else if (is(name, "--user")) {
        options.user = value;
    } else if (is(name, "-n")) {
        options.db = atoi(value);
    } else if (is(name, "-r")) {
        options.repeat = strtol(value, NULL, 10);
    } else if (is(name, "-i")) {
        options.interval_us = (long)(strtod(value, NULL) * 1000000);
    } else if (is(name, "-X")) {
        options.stdin_tag = value;
    } else if (is(name, "-d")) {
        options.item_delimiter = value;
    } else if (is(name, "-D")) {
        options.reply_delimiter = value;
    } else if (is(name, "--show-pushes")) {
        options.pushes = yes_or_no(value);
    } else if (is(name, "--pattern")) {
        options.pattern = sds_new(value);
    } else if (is(name, "--pipe-timeout")) {
        options.pipe_timeout_s = atoi(value);
    } else if (is(name, "--rdb")) {
        options.mode = MODE_RDB;
        options.file = value;
    } else {
        return false;
    }
    return true;
}

static bool only_redis_cli_has(const char *name) {
    static const char *const names[] = {
        "-c",
        "--tls",
        "--sni",
        "--cacert",
        "--cacertdir",
        "--insecure",
        "--cert",
        "--key",
        "--eval",
        "--ldb",
        "--ldb-sync-mode",
        "--cluster",
        "--bigkeys",
        "--memkeys",
        "--memkeys-samples",
        "--hotkeys",
        "--lru-test",
        "--functions-rdb",
        "--latency-dist",
        "--intrinsic-latency",
        "--quoted-json",
        "--quoted-input",
        "--quoted-pattern",
        "--verbose",
        "--tls-ciphers",
        "--tls-ciphersuites",
    };
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        if (is(name, names[i])) return true;
    return false;
}

static void refuse(const char *name) {
    if (only_redis_cli_has(name))
        fprintf(stderr, "tandem-cli has no '%s'; Redis's own redis-cli has.\n", name);
    else
        fprintf(stderr, "Unrecognized option or bad number of args for: '%s'\n", name);
    exit(1);
}

/* Without echo on a terminal; otherwise the first line of standard input. */
static const char *read_password(void) {
    static char line[PASSWORD_BYTES_MAX];
    struct termios before, silent;
    bool terminal = tcgetattr(STDIN_FILENO, &before) == 0;
    if (terminal) {
        fputs("Please input password: ", stderr);
        silent = before;
        silent.c_lflag &= ~(tcflag_t)ECHO;
        tcsetattr(STDIN_FILENO, TCSAFLUSH, &silent);
    }
    if (!fgets(line, sizeof(line), stdin)) line[0] = '\0';
    line[strcspn(line, "\r\n")] = '\0';
    if (terminal) {
        tcsetattr(STDIN_FILENO, TCSAFLUSH, &before);
        fputc('\n', stderr);
    }
    return line;
}

int options_parse(int argc, char **argv) {
    options.password = getenv("REDISCLI_AUTH");
    options.output = isatty(STDOUT_FILENO) || getenv("FAKETTY") ? OUTPUT_TTY : OUTPUT_RAW;
    options.pushes = isatty(STDOUT_FILENO);
    int i = 1;
    for (; i < argc && argv[i][0] == '-'; i++) {
        if (i + 1 < argc && take_option(argv[i], argv[i + 1])) {
            i++;
        } else if (!take_flag(argv[i])) {
            refuse(argv[i]);
        }
    }
    if (options.last_arg_from_stdin && options.stdin_tag) stop("Options -x and -X are mutually exclusive.");
    if (password_is_visible && !no_auth_warning) {
        fputs("Warning: Using a password with '-a' or '-u' option on the command line interface may not be "
              "safe.\n",
              stderr);
    }
    if (ask_password) options.password = read_password();
    return i;
}
