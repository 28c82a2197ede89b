/* One append-only file into the key space: an RDB, commands, or an RDB with commands behind it.
 *
 * Commands are executed as they come, transactions when their EXEC does. Invariant: valid_bytes is how far the file
 * consists of whole commands (and marks) outside of a transaction; it is where a file that ends too early is cut off. Every
 * length is checked by the parser against bytes that are there: memory grows as bytes arrive, not as they are claimed.
 *
 * What the marks of our own files tell goes to repl, with the bytes behind them: they are the log again. */
#include "aof/internal.h"
#include "aof/marks.h"

#include "base/alloc.h"
#include "base/log.h"
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

enum { WINDOW_BYTES = 1 << 20, EVENTS_EVERY_COMMANDS = 1024 };

/* A window on the file: buf[start..filled) are bytes not parsed yet. */
struct window {
    int fd;
    char *buf;
    size_t start, filled, cap;
    uint64_t base; /* offset in the file of buf[0] */
    bool ended;
    int error_number;
};

struct file {
    struct aof_loading *l;
    const char *name;
    struct window w;
    struct resp_parser parser;
    struct resp_args args;
    uint64_t valid_bytes, transaction_at; /* transaction_at: log bytes of the open MULTI begin here */
    sds transaction;                      /* log bytes of the open MULTI, NULL: none */
    uint64_t progress_at;
    uint32_t commands;
    bool aside; /* the command or transaction under way is no part of the log */
};

static uint64_t offset_of(const struct file *f) {
    return f->w.base + f->w.start;
}

/* More bytes behind those that are there, which may move. false: the file has no more. */
static bool read_more(struct window *w) {
    if (w->ended) return false;
    if (w->start) {
        memmove(w->buf, w->buf + w->start, w->filled - w->start);
        w->base += w->start;
        w->filled -= w->start;
        w->start = 0;
    }
    if (w->filled == w->cap) {
        w->buf = mem_resize(w->buf, w->cap, w->cap * 2);
        w->cap *= 2;
    }
    ssize_t n;
    do n = read(w->fd, w->buf + w->filled, w->cap - w->filled);
    while (n < 0 && errno == EINTR);
    if (n < 0) w->error_number = errno;
    if (n <= 0) w->ended = true;
    if (n > 0) w->filled += (size_t)n;
    return n > 0;
}

/* --- endings --- */

static enum aof_load bad_format(const struct file *f) {
    log_warning("Bad file format reading the append only file %s: make a backup of your AOF file, then use "
                "./redis-check-aof --fix <filename.manifest>",
                f->name);
    log_warning("What stands at offset %llu of %s is no command; up to offset %llu the file is good",
                (unsigned long long)offset_of(f), f->name, (unsigned long long)f->valid_bytes);
    return AOF_LOAD_FAILED;
}

static enum aof_load ended_early(struct file *f, const char *path) {
    if (!aof_config.load_truncated) {
        log_warning(
            "Unexpected end of file reading the append only file %s. You can: 1) Make a backup of your AOF "
            "file, then use ./redis-check-aof --fix <filename.manifest>. 2) Alternatively you can set the "
            "'aof-load-truncated' configuration option to yes and restart the server.",
            f->name);
        log_warning("Up to offset %llu the file %s is good", (unsigned long long)f->valid_bytes, f->name);
        return AOF_LOAD_FAILED;
    }
    log_warning("!!! Warning: short read while loading the AOF file %s!!!", f->name);
    log_warning("!!! Truncating the AOF %s at offset %llu !!!", f->name, (unsigned long long)f->valid_bytes);
    if (truncate(path, (off_t)f->valid_bytes) != 0) {
        log_warning("Error truncating the AOF file %s: %s", f->name, strerror(errno));
        return AOF_LOAD_FAILED;
    }
    log_warning("AOF %s loaded anyway because aof-load-truncated is enabled", f->name);
    return AOF_LOAD_TRUNCATED;
}

static enum aof_load at_end(struct file *f, const char *path) {
    if (f->w.error_number) {
        log_warning("Unrecoverable error reading the append only file %s: %s", f->name,
                    strerror(f->w.error_number));
        return AOF_LOAD_FAILED;
    }
    if (f->l->c->flags & CLIENT_MULTI) {
        log_warning("Revert incomplete MULTI/EXEC transaction in AOF file %s", f->name);
        return ended_early(f, path);
    }
    return f->w.start < f->w.filled ? ended_early(f, path) : AOF_LOADED;
}

/* --- commands and marks --- */

/* The bytes of a command are history when it has been executed; those of a transaction all at once. */
static void count_bytes(struct file *f, slice raw) {
    if (f->aside) {
        if (!(f->l->c->flags & CLIENT_MULTI)) f->aside = false;
        return;
    }
    if (!f->l->known) return;
    if (f->l->c->flags & CLIENT_MULTI) {
        f->transaction = sds_cat(f->transaction ? f->transaction : sds_empty(), raw.p, raw.n);
        return;
    }
    if (f->transaction) {
        repl_recover_bytes(sds_slice(f->transaction));
        sds_free(f->transaction);
        f->transaction = NULL;
    }
    repl_recover_bytes(raw);
}

static bool execute(struct file *f, const struct resp_request_view *v) {
    const slice *argv = f->args.v + v->argv_index;
    slice raw = {f->w.buf + f->w.start, v->consumed};
    if (!aof_hooks.execute(f->l->c, argv, v->argc)) {
        log_warning("Unknown command '%.*s' reading the append only file %s",
                    (int)(argv[0].n < 128 ? argv[0].n : 128), argv[0].p, f->name);
        return false;
    }
    count_bytes(f, raw);
    return true;
}

static void advance(struct file *f, size_t n) {
    f->w.start += n;
    if (!(f->l->c->flags & CLIENT_MULTI)) f->valid_bytes = offset_of(f);
    if (rdb_config.loading_events_interval_bytes <= 0) return;
    if (offset_of(f) < f->progress_at && f->commands < EVENTS_EVERY_COMMANDS) return;
    f->commands = 0;
    f->progress_at = offset_of(f) + (uint64_t)rdb_config.loading_events_interval_bytes;
    rdb_loading_progress(f->l->before + offset_of(f));
}

static void take_mark(struct file *f, slice line) {
    struct repl_history h;
    if (f->l->c->flags & CLIENT_MULTI) return;
    f->aside = line.n == sizeof MARK_ASIDE - 1 && memcmp(line.p, MARK_ASIDE, line.n) == 0;
    if (!f->l->recover || !mark_parse(line, &h)) return;
    repl_recover(&h);
    f->l->known = true;
}

enum step { STEP_ON, STEP_MORE, STEP_BAD, STEP_FAILED };

static enum step step_annotation(struct file *f) {
    const char *p = f->w.buf + f->w.start;
    size_t n = f->w.filled - f->w.start;
    const char *end = memchr(p, '\n', n);
    if (!end) return n >= MARK_LINE_MAX ? STEP_BAD : STEP_MORE;
    size_t line = (size_t)(end - p);
    take_mark(f, (slice){p, line && p[line - 1] == '\r' ? line - 1 : line});
    advance(f, line + 1);
    return STEP_ON;
}

static enum step step_command(struct file *f) {
    static const struct resp_limits limits = {.max_bulk_bytes = INT64_MAX, .authenticated = true};
    struct resp_request_view v;
    f->args.n = 0;
    switch (resp_parse(&f->parser, &limits, f->w.buf + f->w.start, f->w.filled - f->w.start, &f->args, &v)) {
    case RESP_MORE: return STEP_MORE;
    case RESP_OK: break;
    default: return STEP_BAD; /* "*0" is no command either */
    }
    if (!execute(f, &v)) return STEP_FAILED;
    f->commands++; /* few bytes may be much work */
    if (rdb_config.key_load_delay_us > 0) usleep((useconds_t)rdb_config.key_load_delay_us);
    advance(f, v.consumed);
    return STEP_ON;
}

static enum step next_step(struct file *f) {
    if (f->w.start == f->w.filled) return STEP_MORE;
    char first = f->w.buf[f->w.start];
    if (first == '#') return step_annotation(f);
    return first == '*' ? step_command(f) : STEP_BAD;
}

static enum aof_load load_commands(struct file *f, const char *path) {
    for (;;) {
        switch (next_step(f)) {
        case STEP_ON: break;
        case STEP_MORE:
            if (!read_more(&f->w)) return at_end(f, path);
            break;
        case STEP_BAD: return bad_format(f);
        case STEP_FAILED: return AOF_LOAD_FAILED;
        }
    }
}

/* --- the RDB in front --- */

static bool starts_as_rdb(int fd) {
    char magic[5];
    return pread(fd, magic, sizeof magic, 0) == (ssize_t)sizeof magic && memcmp(magic, "REDIS", 5) == 0;
}

/* Behind it, the window goes on where the RDB ended. */
static bool load_preamble(struct file *f) {
    bool old_style = strcmp(f->name, aof_config.filename) == 0;
    struct rdb_reader r;
    struct rdb_load_options options = {.replica = true};
    log_notice(old_style ? "Reading RDB preamble from AOF file..."
                         : "Reading RDB base file on AOF loading...");
    rdb_reader_fd(&r, f->w.fd);
    bool ok = rdb_load_stream(&r, &options, NULL);
    f->w.base = f->valid_bytes = rdb_reader_offset(&r);
    if (ok) ok = lseek(f->w.fd, (off_t)f->w.base, SEEK_SET) >= 0;
    rdb_reader_free(&r);
    if (!ok) {
        log_warning(old_style ? "Error reading the RDB preamble of the AOF file %s, AOF loading aborted"
                              : "Error reading the RDB base file %s, AOF loading aborted",
                    f->name);
    } else if (old_style) {
        log_notice("Reading the remaining AOF tail...");
    }
    return ok;
}

static int open_file(const char *path, const char *name, enum aof_load *why) {
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd >= 0) return fd;
    *why = errno == ENOENT ? AOF_LOAD_MISSING : AOF_LOAD_FAILED;
    if (errno == ENOENT)
        log_warning("The append log file %s doesn't exist: %s", name, strerror(errno));
    else
        log_warning("Fatal error: can't open the append log file %s for reading: %s", name, strerror(errno));
    return -1;
}

enum aof_load aof_load_file(struct aof_loading *l, const char *path, const char *name) {
    enum aof_load result = AOF_LOAD_FAILED;
    struct file f = {.l = l, .name = name, .w = {.cap = WINDOW_BYTES}};
    f.w.fd = open_file(path, name, &result);
    if (f.w.fd < 0) return result;
    posix_fadvise(f.w.fd, 0, 0, POSIX_FADV_SEQUENTIAL);
    f.progress_at = (uint64_t)rdb_config.loading_events_interval_bytes;
    f.w.buf = mem_alloc(f.w.cap);
    if (lseek(f.w.fd, 0, SEEK_END) == 0)
        result = AOF_LOAD_EMPTY;
    else if (lseek(f.w.fd, 0, SEEK_SET) == 0 && (!starts_as_rdb(f.w.fd) || load_preamble(&f)))
        result = load_commands(&f, path);
    mem_free(f.w.buf, f.w.cap);
    sds_free(f.transaction);
    resp_args_free(&f.args);
    resp_parser_free(&f.parser);
    close(f.w.fd);
    return result;
}
