/* Directives with a form of their own, most of several words: save, bind, client-output-buffer-limit, replicaof,
 * oom-score-adj-values, latency-tracking-info-percentiles, dir, maxmemory-clients.
 *
 * Each setter takes the words of a file's line or the single argument of CONFIG SET, which it splits itself, and stores
 * nothing when it refuses. */
#include "server/config_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "aof/aof.h"
#include "base/alloc.h"
#include "base/log.h"
#include "base/num.h"
#include "client/client.h"
#include "repl/repl.h"
#include "server/memory_limit.h"

/* CONFIG SET hands over "a b c" as one argument: the words, to be given back with sds_free_words. */
static sds *split(const slice *argv, int argc, int *n) {
    sds joined = sds_empty();
    for (int i = 0; i < argc; i++) {
        if (i) joined = sds_cat(joined, " ", 1);
        joined = sds_cat(joined, argv[i].p, argv[i].n);
    }
    sds *words = sds_split_words(joined, sds_len(joined), n);
    sds_free(joined);
    return words;
}

/* --- save --- */

/* The first `save` line of a start replaces the defaults, later ones add to it (as lines of a file do). */
static bool save_is_standard = true;

static void save_add(int64_t seconds, uint64_t changes) {
    struct server_config *c = &server_config;
    int n = c->save_point_count;
    c->save_points = mem_resize(c->save_points, (size_t)n * sizeof *c->save_points,
                                (size_t)(n + 1) * sizeof *c->save_points);
    c->save_points[n] = (struct save_point){seconds, changes};
    c->save_point_count = n + 1;
}

static void save_clear(void) {
    mem_free(server_config.save_points,
             (size_t)server_config.save_point_count * sizeof *server_config.save_points);
    server_config.save_points = NULL;
    server_config.save_point_count = 0;
}

static bool save_words_ok(sds *words, int n) {
    if (n & 1) return false;
    for (int i = 0; i < n; i++) {
        int64_t v;
        if (!num_parse_i64(sds_slice(words[i]), &v) || v < (i & 1 ? 0 : 1) || v > INT_MAX) return false;
    }
    return true;
}

static const char *save_store(const slice *argv, int argc, bool add) {
    int n;
    sds *words = split(argv, argc, &n);
    if (!words || !save_words_ok(words, n)) {
        if (words) sds_free_words(words, n);
        return "Invalid save parameters";
    }
    if (!add || n == 0) save_clear();
    for (int i = 0; i < n; i += 2) {
        int64_t seconds, changes;
        num_parse_i64(sds_slice(words[i]), &seconds);
        num_parse_i64(sds_slice(words[i + 1]), &changes);
        save_add(seconds, (uint64_t)changes);
    }
    sds_free_words(words, n);
    return NULL;
}

const char *save_set(const slice *argv, int argc) {
    bool add = config_loading() && !save_is_standard;
    const char *err = save_store(argv, argc, add);
    if (!err && config_loading()) save_is_standard = false;
    return err;
}

sds save_get(sds out) {
    for (int i = 0; i < server_config.save_point_count; i++) {
        const struct save_point *p = &server_config.save_points[i];
        out = sds_cat_printf(out, "%s%lld %llu", i ? " " : "", (long long)p->seconds,
                             (unsigned long long)p->changes);
    }
    return out;
}

static bool save_points_are(const char *text) {
    sds now = save_get(sds_empty());
    bool same = strcmp(now, text) == 0;
    sds_free(now);
    return same;
}

void save_rewrite(struct rewrite *rw, const struct directive *d, bool all) {
    bool force = all || !save_points_are(d->standard);
    char line[64];
    if (server_config.save_point_count == 0) rewrite_line(rw, d, "\"\"", force);
    for (int i = 0; i < server_config.save_point_count; i++) {
        const struct save_point *p = &server_config.save_points[i];
        snprintf(line, sizeof line, "%lld %llu", (long long)p->seconds, (unsigned long long)p->changes);
        rewrite_line(rw, d, line, force);
    }
    rewrite_mark(rw, d);
}

/* --- bind --- */

enum { BIND_MAX = 16 };

const char *bind_set(const slice *argv, int argc) {
    struct server_config *c = &server_config;
    int n;
    sds *words = split(argv, argc, &n);
    if (!words) return "Unbalanced quotes in configuration line";
    if (n > BIND_MAX) {
        sds_free_words(words, n);
        return "Too many bind addresses specified.";
    }
    if (c->bind) sds_free_words(c->bind, c->bind_count);
    c->bind = words;
    c->bind_count = n;
    return NULL;
}

sds bind_get(sds out) {
    for (int i = 0; i < server_config.bind_count; i++) {
        if (i) out = sds_cat(out, " ", 1);
        out = sds_cat(out, server_config.bind[i], sds_len(server_config.bind[i]));
    }
    return out;
}

/* --- client-output-buffer-limit: class hard soft seconds, any number of such groups --- */

static const char *const limit_names[] = {"normal", "slave", "pubsub"};
enum { LIMIT_CLASSES = CLASS_PUBSUB + 1 };

static int limit_class(slice name) {
    if (slice_is(name, "replica")) return CLASS_REPLICA;
    for (int i = 0; i < LIMIT_CLASSES; i++) {
        if (slice_is(name, limit_names[i])) return i;
    }
    return -1;
}

static const char *limit_group(const sds *words, struct client_limit *limits) {
    int64_t seconds;
    int class = limit_class(sds_slice(words[0]));
    if (class < 0) return "Invalid client class specified in buffer limit configuration.";
    struct client_limit *l = &limits[class];
    if (!num_parse_bytes(sds_slice(words[1]), &l->hard_bytes) ||
        !num_parse_bytes(sds_slice(words[2]), &l->soft_bytes) ||
        !num_parse_i64(sds_slice(words[3]), &seconds) || seconds < 0) {
        return "Error in hard, soft or soft_seconds setting in buffer limit configuration.";
    }
    l->soft_s = seconds;
    return NULL;
}

const char *output_limit_set(const slice *argv, int argc) {
    struct client_limit limits[LIMIT_CLASSES];
    memcpy(limits, client_config.limits, sizeof limits);
    int n;
    sds *words = split(argv, argc, &n);
    const char *err = NULL;
    if (!words || n % 4) err = "Wrong number of arguments in buffer limit configuration.";
    for (int i = 0; !err && i < n; i += 4) err = limit_group(words + i, limits);
    if (words) sds_free_words(words, n);
    if (!err) memcpy(client_config.limits, limits, sizeof limits);
    return err;
}

sds output_limit_get(sds out) {
    for (int i = 0; i < LIMIT_CLASSES; i++) {
        const struct client_limit *l = &client_config.limits[i];
        out = sds_cat_printf(out, "%s%s %llu %llu %lld", i ? " " : "", limit_names[i],
                             (unsigned long long)l->hard_bytes, (unsigned long long)l->soft_bytes,
                             (long long)l->soft_s);
    }
    return out;
}

void output_limit_rewrite(struct rewrite *rw, const struct directive *d, bool all) {
    static const struct client_limit standard[LIMIT_CLASSES] = {
        [CLASS_REPLICA] = {256 << 20, 64 << 20, 60}, [CLASS_PUBSUB] = {32 << 20, 8 << 20, 60}};
    for (int i = 0; i < LIMIT_CLASSES; i++) {
        const struct client_limit *l = &client_config.limits[i], *s = &standard[i];
        bool changed = l->hard_bytes != s->hard_bytes || l->soft_bytes != s->soft_bytes ||
                       l->soft_s != s->soft_s;
        sds line = sds_new(i == CLASS_REPLICA ? "replica " : i == CLASS_PUBSUB ? "pubsub " : "normal ");
        line = rewrite_bytes(line, l->hard_bytes);
        line = rewrite_bytes(sds_cat(line, " ", 1), l->soft_bytes);
        line = sds_cat_printf(line, " %lld", (long long)l->soft_s);
        rewrite_line(rw, d, line, all || changed);
        sds_free(line);
    }
    rewrite_mark(rw, d);
}

/* --- replicaof --- */

const char *replicaof_set(const slice *argv, int argc) {
    int n;
    sds *words = split(argv, argc, &n);
    const char *err = NULL;
    int64_t port = 0;
    bool none = words && n == 2 && slice_is(sds_slice(words[0]), "no") &&
                slice_is(sds_slice(words[1]), "one");
    if (!words || (n != 2 && (n != 0 || config_loading()))) {
        err = "wrong number of arguments";
    } else if (n == 2 && !none && (!num_parse_i64(sds_slice(words[1]), &port) || port < 0 || port > 65535)) {
        err = "Invalid master port";
    } else {
        sds_free(server_config.replicaof_host);
        server_config.replicaof_host = n == 0 || none ? sds_empty() : sds_dup(words[0]);
        server_config.replicaof_port = (int)port;
    }
    if (words) sds_free_words(words, n);
    return err;
}

/* The truth while running is repl's: REPLICAOF changes it without passing here. */
sds replicaof_get(sds out) {
    if (!repl_is_replica()) return out;
    return sds_cat_printf(out, "%s %d", repl_master_host(), repl_master_port());
}

void replicaof_rewrite(struct rewrite *rw, const struct directive *d, bool all) {
    (void)all;
    sds now = replicaof_get(sds_empty());
    if (sds_len(now)) rewrite_line(rw, d, now, true);
    rewrite_mark(rw, d);
    sds_free(now);
}

/* --- oom-score-adj-values: of a master, a replica, a forked child --- */

const char *oom_values_set(const slice *argv, int argc) {
    int n;
    int64_t values[3] = {0};
    sds *words = split(argv, argc, &n);
    const char *err = words && n == 3 ? NULL : "wrong number of arguments";
    for (int i = 0; i < 3 && !err; i++)
        if (!num_parse_i64(sds_slice(words[i]), &values[i]) || values[i] < -2000 || values[i] > 2000)
            err = "Invalid oom-score-adj-values, elements must be between -2000 and 2000.";
    if (words) sds_free_words(words, n);
    if (err) return err;
    if (values[1] < values[0] || values[2] < values[1])
        log_warning(
            "The oom-score-adj-values configuration may not work for non-privileged processes! Please "
            "consult the documentation.");
    for (int i = 0; i < 3; i++) server_config.oom_score_adj_values[i] = (int)values[i];
    return NULL;
}

sds oom_values_get(sds out) {
    const int *v = server_config.oom_score_adj_values;
    return sds_cat_printf(out, "%d %d %d", v[0], v[1], v[2]);
}

/* --- latency-tracking-info-percentiles --- */

const char *percentiles_set(const slice *argv, int argc) {
    struct server_config *c = &server_config;
    int n;
    sds *words = split(argv, argc, &n);
    double *values = mem_alloc((size_t)n * sizeof *values);
    const char *err = words ? NULL : "Invalid latency-tracking-info-percentiles parameters";
    for (int i = 0; i < n && !err; i++) {
        if (!num_parse_double(sds_slice(words[i]), &values[i]))
            err = "Invalid latency-tracking-info-percentiles parameters";
        else if (values[i] < 0 || values[i] > 100)
            err = "latency-tracking-info-percentiles parameters should sit between [0.0,100.0]";
    }
    if (words) sds_free_words(words, n);
    if (err) {
        mem_free(values, (size_t)n * sizeof *values);
        return err;
    }
    mem_free(c->percentiles, (size_t)c->percentile_count * sizeof *values);
    c->percentiles = values;
    c->percentile_count = n;
    return NULL;
}

sds percentiles_get(sds out) {
    for (int i = 0; i < server_config.percentile_count; i++)
        out = sds_cat_printf(out, i ? " %.15g" : "%.15g", server_config.percentiles[i]);
    return out;
}

/* --- dir: the process's own working directory is the value --- */

static bool is_same_dir(const char *path) {
    struct stat there, here;
    return stat(path, &there) == 0 && stat(".", &here) == 0 && there.st_dev == here.st_dev &&
           there.st_ino == here.st_ino;
}

const char *dir_set(const slice *argv, int argc) {
    (void)argc;
    char path[PATH_MAX];
    if (argv[0].n >= sizeof path) return "File name too long";
    memcpy(path, argv[0].p, argv[0].n);
    path[argv[0].n] = '\0';
    if (is_same_dir(path)) return NULL;
    int fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC); /* leaving ends a rewrite: not for a wrong name */
    if (fd < 0) return config_errorf("%s", strerror(errno));
    aof_leave_dir();
    const char *err = fchdir(fd) == 0 ? NULL : config_errorf("%s", strerror(errno));
    close(fd);
    if (!err) aof_enter_dir();
    return err;
}

sds dir_get(sds out) {
    char path[PATH_MAX];
    return sds_cat_str(out, getcwd(path, sizeof path) ? path : "");
}

/* --- maxmemory-clients: bytes, or a part of maxmemory --- */

const char *clients_limit_set(const slice *argv, int argc) {
    (void)argc;
    slice v = argv[0];
    uint64_t bytes = 0;
    int64_t percent = 0;
    bool is_percent = v.n > 1 && v.p[v.n - 1] == '%';
    bool good = is_percent ? num_parse_i64((slice){v.p, v.n - 1}, &percent) && percent >= 0
                           : num_parse_bytes(v, &bytes);
    if (!good) return "argument must be a memory or percent value";
    if (percent > 100) return "percentage argument must be less or equal to 100";
    memory_limit_config.clients_bytes = bytes;
    memory_limit_config.clients_percent = (int)percent;
    return NULL;
}

sds clients_limit_get(sds out) {
    const struct memory_limit_config *l = &memory_limit_config;
    if (l->clients_percent) return sds_cat_printf(out, "%d%%", l->clients_percent);
    return sds_cat_printf(out, "%llu", (unsigned long long)l->clients_bytes);
}
