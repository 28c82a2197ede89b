/* The command line: [file] [--directive value ...] [-], and the options that answer and end.
 *
 * Options become configuration lines after the file's, so that both are judged alike. A word with "--" in front opens a
 * directive unless the one before it still waits for its first value (`--requirepass --x` sets "--x"); values are quoted
 * as they stand. `--save` followed by another option or by nothing means `save ""`. */
#include "server/config_internal.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "server/server.h"

static sds file_path;

const char *config_file(void) {
    return file_path;
}

static void print_version(void) {
    /* Tools look for "v=" and take the reference's version from it. */
    printf("Tandem %s (Redis server v=%s) malloc=tandem bits=%zu\n", TANDEM_VERSION, REDIS_VERSION,
           sizeof(void *) * 8);
    exit(0);
}

static void print_help(void) {
    fputs("Usage: tandem-server [/path/to/redis.conf] [--directive value ...] [-]\n"
          "\n"
          "  /path/to/redis.conf   read the configuration from a file\n"
          "  --directive value     any directive of the file, after it and stronger than it\n"
          "  -                     (last) read further lines from standard input\n"
          "  -v, --version         print the version and end\n"
          "  -h, --help            print this and end\n"
          "\n"
          "Examples:\n"
          "  tandem-server\n"
          "  tandem-server /etc/redis/6379.conf\n"
          "  tandem-server --port 7777 --replicaof 127.0.0.1 8888\n"
          "  tandem-server /etc/redis/6379.conf --loglevel verbose\n"
          "  echo 'maxclients 100' | tandem-server -\n",
          stderr);
    exit(1);
}

static void answer_and_end(int argc, char **argv) {
    const char *first = argv[1];
    if (strcmp(first, "-v") == 0 || strcmp(first, "--version") == 0) print_version();
    if (strcmp(first, "-h") == 0 || strcmp(first, "--help") == 0) print_help();
    if (strcmp(first, "--test-memory") == 0) {
        fprintf(stderr,
                "tandem-server has no memory test: use memtester or memtest86+ instead of "
                "--test-memory%s%s.\n",
                argc > 2 ? " " : "", argc > 2 ? argv[2] : "");
        exit(1);
    }
    if (strcmp(first, "--sentinel") == 0) {
        fputs("tandem-server has no Sentinel mode yet: run redis-sentinel, which can monitor it.\n", stderr);
        exit(1);
    }
}

static sds absolute_path(const char *path) {
    char cwd[PATH_MAX];
    if (path[0] == '/' || !getcwd(cwd, sizeof cwd)) return sds_new(path);
    sds s = sds_cat_printf(sds_empty(), "%s/", strcmp(cwd, "/") == 0 ? "" : cwd);
    while (path[0] == '.' && (path[1] == '/' || (path[1] == '.' && path[2] == '/'))) {
        if (path[1] == '/') {
            path += 2;
            continue;
        }
        path += 3;
        size_t n = sds_len(s);
        while (n > 1 && s[n - 2] != '/') n--; /* drop the last component of "/a/b/" */
        if (n > 1) sds_set_len(s, n - 1);
    }
    return sds_cat_str(s, path);
}

static bool opens_directive(const char *arg) {
    return arg[0] == '-' && arg[1] == '-';
}

/* "--port" or "--port 6380" in one word: the latter has its value already. */
static bool has_value(const char *arg) {
    int n;
    sds *words = sds_split_words(arg, strlen(arg), &n);
    if (words) sds_free_words(words, n);
    return n > 1;
}

static sds add_option(sds options, char **argv, int argc, int i, bool *complete) {
    if (sds_len(options)) options = sds_cat(options, "\n", 1);
    options = sds_cat_str(options, argv[i] + 2);
    options = sds_cat(options, " ", 1);
    *complete = has_value(argv[i]);
    bool last = i == argc - 1;
    if (strcasecmp(argv[i], "--save") == 0 && (last || opens_directive(argv[i + 1]))) {
        options = sds_cat(options, "\"\"", 2);
        *complete = true;
    }
    return options;
}

void config_load_args(int argc, char **argv) {
    if (argc > 1) answer_and_end(argc, argv);
    int i = 1;
    if (argc > 1 && argv[1][0] != '-') {
        sds_free(file_path);
        file_path = absolute_path(argv[1]);
        i = 2;
    }
    bool from_stdin = false, complete = true;
    sds options = sds_empty();
    for (; i < argc; i++) {
        if (i == argc - 1 && strcmp(argv[i], "-") == 0) {
            from_stdin = true;
        } else if (complete && opens_directive(argv[i])) {
            options = add_option(options, argv, argc, i, &complete);
        } else {
            options = sds_cat_repr(options, argv[i], strlen(argv[i]));
            options = sds_cat(options, " ", 1);
            complete = true;
        }
    }
    config_load_start(file_path, from_stdin, options);
    sds_free(options);
}
