/* Start-up configuration: files, standard input and command-line options, all as lines of one form.
 *
 * A bad line ends the process with Redis's report: the error, the line's number and text. Later lines win. The options
 * of the command line are lines that follow the file's, as Redis numbers them. Nothing here runs after start-up. */
#include "server/config_internal.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/log.h"
#include "server/acl.h"
#include "server/file.h"
#include "server/server.h"

const char *(*config_rename_command)(slice from, slice to);

static bool loading;

bool config_loading(void) {
    return loading;
}

static void fatal(int line_number, slice line, const char *err) {
    fprintf(stderr, "\n*** FATAL CONFIG FILE ERROR (Redis %s) ***\n", REDIS_VERSION);
    if (line_number > 0) {
        fprintf(stderr, "Reading the configuration file, at line %d\n", line_number);
        fprintf(stderr, ">>> '%.*s'\n", SLICE_ARGS(line));
    }
    fprintf(stderr, "%s\n", err);
    exit(1);
}

static const char *declare_user(sds *words, int n) {
    slice *v = mem_alloc((size_t)n * sizeof *v);
    for (int i = 0; i < n; i++) v[i] = sds_slice(words[i]);
    const char *err = acl_declare(v, n);
    mem_free(v, (size_t)n * sizeof *v);
    return err;
}

enum { VALUE_WORDS_MAX = 64 };

static const char *load_words(sds *words, int n) {
    slice name = sds_slice(words[0]);
    const struct directive *d = directive_find(name);
    if (d) {
        slice v[VALUE_WORDS_MAX];
        if (n == 1 || n - 1 > VALUE_WORDS_MAX) return "wrong number of arguments";
        for (int i = 1; i < n; i++) v[i - 1] = sds_slice(words[i]);
        return directive_set(d, v, n - 1);
    }
    if (slice_is(name, "include") && n == 2) {
        config_load_file(words[1]);
        return NULL;
    }
    if (slice_is(name, "rename-command") && n == 3)
        return config_rename_command(sds_slice(words[1]), sds_slice(words[2]));
    if (slice_is(name, "user") && n >= 2) return declare_user(words + 1, n - 1);
    if (directive_unsupported(name)) return directive_refusal(name);
    return "Bad directive or wrong number of arguments";
}

void config_load_text(const char *text, size_t n) {
    bool outer = loading;
    loading = true;
    int number = 0;
    for (size_t at = 0; at <= n; number++) {
        const char *end = memchr(text + at, '\n', n - at);
        size_t length = end ? (size_t)(end - (text + at)) : n - at;
        slice line = slice_trim((slice){text + at, length}, " \t\r\n");
        at += length + 1;
        if (line.n == 0 || line.p[0] == '#') continue;
        int count;
        sds *words = sds_split_words(line.p, line.n, &count);
        if (!words) fatal(number + 1, line, "Unbalanced quotes in configuration line");
        const char *err = count ? load_words(words, count) : NULL;
        if (err) fatal(number + 1, line, err);
        sds_free_words(words, count);
    }
    loading = outer;
}

static sds read_file(sds text, const char *path) {
    int err;
    text = file_read(text, path, &err);
    if (err) {
        log_warning("Fatal error, can't open config file '%s': %s", path, strerror(err));
        exit(1);
    }
    return text;
}

static void load_one(const char *path) {
    sds text = read_file(sds_empty(), path);
    config_load_text(text, sds_len(text));
    sds_free(text);
}

static bool is_pattern(const char *path) {
    return strpbrk(path, "*?[") != NULL;
}

/* A pattern that matches nothing is fine: a directory of optional files. */
void config_load_file(const char *path) {
    glob_t found = {0};
    if (!is_pattern(path)) {
        load_one(path);
        return;
    }
    if (glob(path, 0, NULL, &found) == 0)
        for (size_t i = 0; i < found.gl_pathc; i++) load_one(found.gl_pathv[i]);
    globfree(&found);
}

/* What cannot be said by one line: that the log can be written, that bounds hold that Redis corrects silently. */
static void check_whole(void) {
    if (server_config.logfile[0]) {
        int fd = open(server_config.logfile, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0644);
        if (fd < 0) fatal(0, (slice){"", 0}, config_errorf("Can't open the log file: %s", strerror(errno)));
        close(fd);
    }
    apply_hz();
    limit_watchdog();
    apply_policy();
    apply_slow_command();
}

void config_load_start(const char *file, bool from_stdin, const char *options) {
    sds text = sds_empty();
    if (file && is_pattern(file))
        config_load_file(file);
    else if (file)
        text = read_file(text, file);
    if (from_stdin) {
        log_warning("Reading config from stdin");
        int err;
        text = file_read_fd(text, STDIN_FILENO, &err);
    }
    if (options) {
        text = sds_cat_str(text, "\n");
        text = sds_cat_str(text, options);
    }
    config_load_text(text, sds_len(text));
    sds_free(text);
    check_whole();
}
