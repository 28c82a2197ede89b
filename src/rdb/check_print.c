/* What the file checkers print of an RDB. */
#include "rdb/check.h"

#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

enum { PROGRESS_BYTES = 16 << 20, KEY_SHOWN_BYTES = 64 };

static void say(uint64_t offset, const char *line) {
    printf("[offset %llu] %s\n", (unsigned long long)offset, line);
}

void rdb_check_show_progress(uint64_t at, uint64_t total) {
    if (total <= PROGRESS_BYTES || !isatty(STDERR_FILENO)) return;
    int percent = (int)(at * 100 / total), marks = percent / 2;
    fprintf(stderr, "\r[%.*s%*s] %3d%%", marks, "##################################################",
            50 - marks, "", percent);
    if (at >= total) fprintf(stderr, "\r%60s\r", "");
}

static void show_progress(struct rdb_reader *r) {
    rdb_check_show_progress(rdb_reader_offset(r), r->total_bytes);
}

static void print_counts(const struct rdb_check *c) {
    printf("[info] %llu keys read\n[info] %llu expires\n[info] %llu already expired\n",
           (unsigned long long)c->keys, (unsigned long long)c->expires,
           (unsigned long long)c->already_expired);
}

static void print_error(const struct rdb_check *c, const struct rdb_reader *r) {
    printf("--- RDB ERROR DETECTED ---\n");
    say(r->fail_offset, r->short_read ? "Unexpected EOF reading RDB file" : r->error);
    printf("[additional info] While doing: %s\n", c->doing);
    if (c->key) {
        sds shown = sds_cat_printf(sds_empty(), "%.*s", (int)sds_len(c->key), c->key);
        printf("[additional info] Reading key '%s'\n", shown);
        sds_free(shown);
    }
    if (c->rdb_type >= 0)
        printf("[additional info] Reading type %d (%s)\n", c->rdb_type, rdb_type_name(c->rdb_type));
}

static void print_summary(const struct rdb_check *c) {
    for (int t = 0; t < VALUE_TYPES; t++)
        if (c->types[t].keys)
            printf("[info] %s: %llu keys, %llu bytes\n", value_type_name((enum value_type)t),
                   (unsigned long long)c->types[t].keys, (unsigned long long)c->types[t].bytes);
    for (int i = 0; i < RDB_CHECK_BIGGEST && c->biggest[i].key; i++) {
        size_t n = sds_len(c->biggest[i].key);
        sds name = sds_cat_repr(sds_empty(), c->biggest[i].key, n < KEY_SHOWN_BYTES ? n : KEY_SHOWN_BYTES);
        printf("[info] biggest %d: %llu bytes, %s in DB %d, %s\n", i + 1,
               (unsigned long long)c->biggest[i].bytes, value_type_name((enum value_type)c->biggest[i].type),
               c->biggest[i].db, name);
        sds_free(name);
    }
}

bool rdb_check_print(int fd, const char *name, uint64_t *end) {
    struct rdb_check c;
    bool ok = rdb_check_file(&c, fd, name, end);
    rdb_check_free(&c);
    return ok;
}

bool rdb_check_file(struct rdb_check *c, int fd, const char *name, uint64_t *end) {
    struct rdb_reader r;
    struct stat st;
    char line[600];
    rdb_check_init(c, say);
    rdb_reader_fd(&r, fd);
    r.total_bytes = fstat(fd, &st) == 0 ? (uint64_t)st.st_size : 0;
    r.progress = show_progress;
    r.progress_every_bytes = r.progress_at = PROGRESS_BYTES;
    snprintf(line, sizeof line, "Checking RDB file %s", name);
    say(0, line);
    bool ok = rdb_check_stream(c, &r);
    *end = rdb_reader_offset(&r);
    rdb_check_show_progress(r.total_bytes, r.total_bytes);
    if (ok)
        say(*end, "\\o/ RDB looks OK! \\o/");
    else
        print_error(c, &r);
    print_counts(c);
    if (c->keys) print_summary(c);
    rdb_reader_free(&r);
    return ok;
}
