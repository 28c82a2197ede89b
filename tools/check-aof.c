/* tandem-check-aof: tells whether append-only files are sound, cuts a bad end off (--fix), or everything from a moment on
 * (--truncate-to-timestamp). Output, usage and exit codes are redis-check-aof's.
 *
 * Given a manifest, all its files are checked in order; only the last may be cut. Given another file, that one. */
#include "check-aof/scan.h"

#include "aof/manifest.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/num.h"
#include "rdb/check.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

static bool fix;
static int64_t until_s; /* --truncate-to-timestamp; 0: not asked */

static void fail(const char *fmt, ...) __attribute__((noreturn, format(printf, 1, 2)));
static void fail(const char *fmt, ...) {
    va_list ap;
    va_start(ap, fmt);
    vprintf(fmt, ap);
    va_end(ap);
    exit(1);
}

enum verdict { VALID, EMPTY, CUT, CUT_TO_TIME, NOTHING_TO_CUT };

/* --- one file --- */

static void confirm(void) {
    char answer[2];
    printf("Continue? [y/N]: ");
    fflush(stdout);
    if (fgets(answer, sizeof answer, stdin) && strncasecmp(answer, "y", 1) == 0) return;
    printf("Aborting...\n");
    exit(1);
}

static enum verdict cut_bad_end(int fd, const char *name, const struct scan *s, bool is_last) {
    if (!is_last) fail("Failed to truncate AOF %s because it is not the last file\n", name);
    printf("This will shrink the AOF %s from %lld bytes, with %lld bytes, to %lld bytes\n", name,
           (long long)s->n, (long long)(s->n - s->valid), (long long)s->valid);
    confirm();
    if (ftruncate(fd, (off_t)s->valid) != 0) fail("Failed to truncate AOF %s\n", name);
    return CUT;
}

static enum verdict cut_to_time(int fd, const char *name, const char *path, const struct scan *s,
                                bool is_last) {
    if (s->later_at == 0)
        fail("AOF %s has nothing before timestamp %lld, aborting...\n", path, (long long)until_s);
    if (!is_last) {
        printf(
            "Failed to truncate AOF %s to timestamp %lld to offset %lld because it is not the last file.\n",
            name, (long long)until_s, (long long)s->later_at);
        printf("If you insist, please delete all files after this file according to the manifest file and "
               "delete the corresponding records in manifest file manually. Then re-run redis-check-aof.\n");
        exit(1);
    }
    if (ftruncate(fd, (off_t)s->later_at) != 0)
        fail("Failed to truncate AOF %s to timestamp %lld\n", name, (long long)until_s);
    return CUT_TO_TIME;
}

static void report(const struct scan *s, const char *name) {
    if (s->error[0]) printf("0x%16llx: %s\n", (unsigned long long)s->error_at, s->error);
    if (s->format_error) printf("AOF %s format error\n", name);
    printf("AOF analyzed: filename=%s, size=%lld, ok_up_to=%lld, ok_up_to_line=%lld, diff=%lld\n", name,
           (long long)s->n, (long long)s->valid, (long long)s->line, (long long)(s->n - s->valid));
}

static void show_progress(size_t at, size_t n) {
    rdb_check_show_progress(at, n);
}

static uint64_t check_preamble(int fd, const char *name) {
    uint64_t end;
    if (!rdb_check_print(fd, name, &end)) {
        printf("RDB preamble of AOF file is not sane, aborting.\n");
        exit(1);
    }
    printf("RDB preamble is OK, proceeding with AOF tail...\n");
    return end;
}

static bool starts_with(const struct scan *s, const char *word) {
    return s->n >= strlen(word) && memcmp(s->p, word, strlen(word)) == 0;
}

static enum verdict check_file(const char *name, const char *path, bool is_last) {
    struct stat st;
    int fd = open(path, fix || until_s ? O_RDWR | O_CLOEXEC : O_RDONLY | O_CLOEXEC);
    if (fd < 0 || fstat(fd, &st) != 0) fail("Cannot open file %s: %s\n", path, strerror(errno));
    if (st.st_size == 0) {
        close(fd);
        return EMPTY;
    }
    struct scan s = {
        .n = (size_t)st.st_size, .until_s = until_s, .summary = summary_new(), .progress = show_progress};
    s.p = mmap(NULL, s.n, PROT_READ, MAP_PRIVATE, fd, 0);
    if (s.p == MAP_FAILED) fail("Cannot read file %s: %s\n", path, strerror(errno));
    if (starts_with(&s, "REDIS")) s.at = s.valid = check_preamble(fd, name);
    scan_file(&s, name);
    show_progress(s.n, s.n);
    enum verdict v = until_s ? NOTHING_TO_CUT : VALID;
    if (s.later) {
        v = cut_to_time(fd, name, path, &s, is_last);
    } else {
        if (!until_s || s.valid < s.n) {
            report(&s, name);
            summary_print(s.summary);
        }
        if (s.valid < s.n) {
            if (!fix) fail("AOF %s is not valid. Use the --fix option to try fixing it.\n", name);
            v = cut_bad_end(fd, name, &s, is_last);
        }
    }
    summary_free(s.summary);
    munmap((void *)(uintptr_t)s.p, s.n);
    close(fd);
    return v;
}

/* kind: "BASE ", "INCR " or "". */
static void conclude(enum verdict v, const char *kind, const char *name) {
    switch (v) {
    case EMPTY: printf("%sAOF %s is empty\n", kind, name); break;
    case CUT: printf("Successfully truncated AOF %s\n", name); break;
    case CUT_TO_TIME:
        printf("Successfully truncated AOF %s to timestamp %lld\n", name, (long long)until_s);
        break;
    case NOTHING_TO_CUT:
        printf("Truncate nothing in AOF %s to timestamp %lld\n", name, (long long)until_s); /* fall through */
    case VALID: printf("%sAOF %s is valid\n", kind, name); break;
    }
}

/* --- a manifest --- */

static sds read_text(const char *path) {
    sds text = sds_empty();
    FILE *f = fopen(path, "r");
    if (!f) fail("Cannot open file %s: %s\n", path, strerror(errno));
    for (size_t got; text = sds_reserve(text, 4096), (got = fread(text + sds_len(text), 1, 4096, f)) > 0;)
        sds_set_len(text, sds_len(text) + got);
    fclose(f);
    return text;
}

static bool is_manifest(const char *path) {
    char line[1024];
    FILE *f = fopen(path, "r");
    if (!f) fail("Cannot open file %s: %s\n", path, strerror(errno));
    bool is = false;
    while (!is && fgets(line, sizeof line, f)) {
        if (line[0] == '#') continue;
        is = strncmp(line, "file", 4) == 0;
        break;
    }
    fclose(f);
    return is;
}

static void path_beside(char out[PATH_MAX], const char *manifest, const char *name) {
    const char *slash = strrchr(manifest, '/');
    snprintf(out, PATH_MAX, "%.*s/%s", slash ? (int)(slash - manifest) : 1, slash ? manifest : ".", name);
}

static void check_named(const struct aof_file *f, const char *manifest, bool is_last) {
    char path[PATH_MAX];
    path_beside(path, manifest, f->name);
    conclude(check_file(f->name, path, is_last), f->type == AOF_FILE_BASE ? "BASE " : "INCR ", f->name);
}

static const char *format_of(const struct aof_file *f, const char *manifest) {
    char path[PATH_MAX], magic[5] = "";
    path_beside(path, manifest, f->name);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) fail("Cannot open file %s: %s\n", path, strerror(errno));
    bool rdb = read(fd, magic, sizeof magic) == (ssize_t)sizeof magic && memcmp(magic, "REDIS", 5) == 0;
    close(fd);
    return rdb ? "RDB" : "AOF";
}

static void check_manifest(const char *path) {
    struct aof_manifest m = {0};
    int line_number;
    slice line;
    printf("Start checking Multi Part AOF\n");
    sds text = read_text(path);
    const char *err = manifest_parse(&m, sds_slice(text), &line_number, &line);
    if (err) {
        fprintf(stderr, "Line %d of %s: %s\n", line_number, path, err);
        exit(1);
    }
    sds_free(text);
    const struct aof_file *base = manifest_base(&m), *last = manifest_last_incr(&m);
    if (base) {
        printf("Start to check BASE AOF (%s format).\n", format_of(base, path));
        check_named(base, path, !last);
    }
    if (last) printf("Start to check INCR files.\n");
    for (int i = 0; i < m.n; i++)
        if (m.files[i].type == AOF_FILE_INCR) check_named(&m.files[i], path, &m.files[i] == last);
    manifest_free(&m);
    printf("All AOF files and manifest are valid\n");
}

static const char *parse_args(int argc, char **argv) {
    if (argc == 2) return argv[1];
    if (argc == 3 && strcmp(argv[1], "--fix") == 0) {
        fix = true;
        return argv[2];
    }
    if (argc == 4 && strcmp(argv[1], "--truncate-to-timestamp") == 0) {
        if (!num_parse_i64(slice_of(argv[2]), &until_s)) fail("Invalid timestamp, aborting...\n");
        return argv[3];
    }
    printf("Usage: %s [--fix|--truncate-to-timestamp $timestamp] <file.manifest|file.aof>\n", argv[0]);
    exit(1);
}

int main(int argc, char **argv) {
    const char *path = parse_args(argc, argv);
    log_set_level(LOG_LEVEL_NOTHING);
    clock_update();
    if (is_manifest(path)) {
        check_manifest(path);
        return 0;
    }
    printf("Start checking Old-Style AOF\n");
    conclude(check_file(path, path, true), "", path);
    return 0;
}
