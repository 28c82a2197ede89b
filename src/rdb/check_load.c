/* Would this file load? What a replica asks before it gives up its data for what its master sent: a file may be whole, and
 * its checksum right, and yet hold what this server cannot take in (a module's value, more databases, a key twice, a value
 * that was damaged in the master's memory). Costs the time to read and decode; nothing is kept but hashes of keys.
 *
 * A key that comes twice: each key's hash is noted. Where one comes again, which by chance is all but never, the file is
 * read once more and the keys of such hashes are compared. So the answer is exact for as many keys as HASHES_BYTES_MAX
 * holds the hashes of (25 millions); of what comes behind them, a key that repeats one of the first is still found, one
 * that repeats another of those behind is not. */
#include "rdb/check.h"

#include "base/dict.h"
#include "event/loop.h"
#include "rdb/key_hashes.h"
#include "rdb/rdb.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define HASHES_BYTES_MAX ((size_t)256 << 20)

enum { SUSPECTS_MAX = 32 /* hashes that came twice; more never do by chance */ };

struct look {
    struct key_hashes *seen; /* NULL: the second time */
    uint64_t suspects[SUSPECTS_MAX];
    int suspect_count;
    struct dict *names; /* the second time: sds, the database's number and a key whose hash is suspect */
};

static void say_nothing(uint64_t offset, const char *line) {
    (void)offset, (void)line;
}

/* Readers are served meanwhile, so they don't wait for long. */
static void take_turn(struct rdb_reader *r) {
    rdb_loading.loaded_bytes = rdb_reader_offset(r);
    ev_turn(0);
}

/* --- a key that comes twice --- */

static slice name_key(const void *name) {
    return sds_slice(name);
}

static void name_free(void *name) {
    sds_free(name);
}

static const struct dict_type names_type = {.key = name_key, .free_item = name_free};

static bool is_suspect(const struct look *l, uint64_t hash) {
    for (int i = 0; i < l->suspect_count; i++)
        if (l->suspects[i] == hash) return true;
    return false;
}

static bool note_hash(struct look *l, uint64_t hash) {
    if (key_hashes_add(l->seen, hash) || is_suspect(l, hash)) return true;
    if (l->suspect_count == SUSPECTS_MAX) return false;
    l->suspects[l->suspect_count++] = hash;
    return true;
}

static bool note_name(struct look *l, int db, slice key) {
    sds name = sds_cat(sds_newlen(&db, sizeof db), key.p, key.n);
    bool fresh = !dict_find(l->names, sds_slice(name));
    if (fresh)
        dict_insert(l->names, name);
    else
        sds_free(name);
    return fresh;
}

static bool is_first(void *ctx, int db, slice key) {
    struct look *l = ctx;
    uint64_t hash = db_hash(key) ^ (uint64_t)db * 0x9e3779b97f4a7c15u;
    if (l->seen) return note_hash(l, hash);
    return !is_suspect(l, hash) || note_name(l, db, key);
}

/* --- looking through --- */

static bool look_through(int fd, struct look *l, char *err, size_t err_cap) {
    struct stat st;
    struct rdb_reader r;
    struct rdb_check c;
    rdb_reader_fd(&r, fd);
    r.total_bytes = fstat(fd, &st) == 0 ? (uint64_t)st.st_size : 0;
    r.checksum = false;
    r.progress = take_turn;
    r.progress_every_bytes = RDB_TURN_BYTES;
    rdb_check_init(&c, say_nothing);
    c.empty_is_sound = true;
    c.is_first = is_first;
    c.is_first_ctx = l;
    rdb_loading_start(r.total_bytes, true);
    bool ok = rdb_check_stream(&c, &r);
    rdb_loading_stop(ok);
    if (!ok) {
        snprintf(err, err_cap, "%s at offset %llu", r.error, (unsigned long long)r.fail_offset);
    } else if (c.databases > (uint64_t)ks_count()) {
        snprintf(err, err_cap, "it has %llu databases, and we have %d", (unsigned long long)c.databases,
                 ks_count());
        ok = false;
    }
    rdb_check_free(&c);
    rdb_reader_free(&r);
    return ok;
}

static bool check_fd(int fd, char *err, size_t err_cap) {
    struct look l = {.seen = key_hashes_new(HASHES_BYTES_MAX)};
    bool ok = look_through(fd, &l, err, err_cap);
    key_hashes_free(l.seen);
    l.seen = NULL;
    if (!ok || l.suspect_count == 0) return ok;
    if (lseek(fd, 0, SEEK_SET) != 0) {
        snprintf(err, err_cap, "%s", strerror(errno));
        return false;
    }
    l.names = dict_new(&names_type);
    ok = look_through(fd, &l, err, err_cap);
    dict_free(l.names);
    return ok;
}

bool rdb_file_is_loadable(const char *path, char *err, size_t err_cap) {
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        snprintf(err, err_cap, "%s", strerror(errno));
        return false;
    }
    bool ok = check_fd(fd, err, err_cap);
    close(fd);
    return ok;
}
