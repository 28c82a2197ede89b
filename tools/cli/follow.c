/* --rdb and --replica: the server takes us for a replica. It answers SYNC with a snapshot, then sends every write.
 *
 * The snapshot's form is "$LENGTH" or "$EOF:MARK", then the bytes; empty lines before it keep the connection alive.
 * We can't resume: after a cut it begins anew. --rdb never leaves a half file under the name that was asked for. */
#include "cli/modes.h"
#include "cli/options.h"
#include "cli/print.h"
#include "base/num.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define MARK_BYTES   40
#define INPUT_BYTES  (64 * 1024)
#define ACK_EVERY_MS 1000

/* What came from the socket and isn't used yet. */
struct input {
    int fd;
    size_t n;
    char bytes[INPUT_BYTES];
};

static bool fill(struct input *in) {
    ssize_t n;
    while ((n = read(in->fd, in->bytes + in->n, sizeof(in->bytes) - in->n)) < 0 && errno == EINTR) {}
    if (n <= 0)
        fprintf(stderr, "Error reading the snapshot: %s\n", n == 0 ? "connection closed" : strerror(errno));
    if (n > 0) in->n += (size_t)n;
    return n > 0;
}

static void drop(struct input *in, size_t n) {
    memmove(in->bytes, in->bytes + n, in->n - n);
    in->n -= n;
}

/* --- the snapshot --- */

struct snapshot {
    bool marked;
    char mark[MARK_BYTES];
    uint64_t bytes; /* announced, or, behind a mark, counted */
};

/* "$LENGTH" or "$EOF:MARK". */
static bool parse_announcement(struct snapshot *snapshot, slice line) {
    static const char eof[] = "$EOF:";
    size_t before = strlen(eof);
    int64_t length = 0;
    snapshot->marked = line.n == before + MARK_BYTES && memcmp(line.p, eof, before) == 0;
    if (snapshot->marked) {
        memcpy(snapshot->mark, line.p + before, MARK_BYTES);
    } else if (line.p[0] != '$' || !num_parse_i64((slice){line.p + 1, line.n - 1}, &length) || length < 0) {
        fprintf(stderr, "SYNC with master failed: %.*s\n", (int)line.n, line.p);
        return false;
    }
    snapshot->bytes = (uint64_t)length;
    return true;
}

/* Reads up to the line that announces the snapshot. False, and said: it is refused, or nothing we know. */
static bool read_announcement(struct input *in, struct snapshot *snapshot) {
    for (;;) {
        char *end = memchr(in->bytes, '\n', in->n);
        if (!end && in->n == sizeof(in->bytes)) {
            fprintf(stderr, "SYNC with master failed: that is no reply to SYNC\n");
            return false;
        }
        if (!end && !fill(in)) return false;
        if (!end) continue;
        slice line = {in->bytes, (size_t)(end - in->bytes)};
        size_t whole = line.n + 1;
        if (line.n > 0 && end[-1] == '\r') line.n--;
        bool empty = line.n == 0, ok = !empty && parse_announcement(snapshot, line);
        drop(in, whole);
        if (!empty) return ok;
    }
}

/* Writes the next n bytes; fd -1: nobody wants them. */
static bool pass(struct input *in, size_t n, int fd) {
    for (size_t done = 0; fd >= 0 && done < n;) {
        ssize_t k = write(fd, in->bytes + done, n - done);
        if (k < 0 && errno == EINTR) continue;
        if (k <= 0) {
            fprintf(stderr, "Error writing '%s': %s\n", options.file, strerror(errno));
            return false;
        }
        done += (size_t)k;
    }
    drop(in, n);
    return true;
}

static bool copy_counted(struct input *in, uint64_t left, int fd) {
    while (left > 0) {
        if (in->n == 0 && !fill(in)) return false;
        size_t n = in->n < left ? in->n : (size_t)left;
        if (!pass(in, n, fd)) return false;
        left -= n;
    }
    return true;
}

/* The mark may lie across two reads: what could be its beginning stays. */
static bool copy_marked(struct input *in, struct snapshot *snapshot, int fd) {
    for (;;) {
        char *mark = memmem(in->bytes, in->n, snapshot->mark, MARK_BYTES);
        size_t n = mark ? (size_t)(mark - in->bytes) : in->n >= MARK_BYTES ? in->n - (MARK_BYTES - 1) : 0;
        if (!pass(in, n, fd)) return false;
        snapshot->bytes += n;
        if (mark) {
            drop(in, MARK_BYTES);
            return true;
        }
        if (!fill(in)) return false;
    }
}

/* What a server refuses of this it may still answer SYNC for. False: the connection is lost. */
static bool introduce(struct session *s, const char *name, const char *value) {
    fprintf(stderr, "sending REPLCONF %s %s\n", name, value);
    const struct resp_value *reply = SESSION_ASK(s, "REPLCONF", name, value);
    if (reply && reply_is_error(reply))
        fprintf(stderr, "REPLCONF %s error: %.*s\n", name, (int)reply->text.n, reply->text.p);
    return reply != NULL;
}

static bool request_snapshot(struct session *s, struct input *in, struct snapshot *snapshot) {
    sds sync = sds_new("SYNC");
    bool sent = link_send(&s->link, &sync, 1);
    sds_free(sync);
    in->fd = s->link.fd;
    return sent && read_announcement(in, snapshot);
}

static bool copy(struct input *in, struct snapshot *snapshot, int fd) {
    return snapshot->marked ? copy_marked(in, snapshot, fd) : copy_counted(in, snapshot->bytes, fd);
}

static struct input input;

/* --- --rdb --- */

/* A file is written beside its name and renamed when it is whole; a device or pipe is written as it is. */
static int open_target(sds *temporary) {
    struct stat st;
    *temporary = NULL;
    if (strcmp(options.file, "-") == 0) return STDOUT_FILENO;
    bool special = stat(options.file, &st) == 0 && !S_ISREG(st.st_mode);
    if (!special) *temporary = sds_cat_printf(sds_empty(), "%s.%d.part", options.file, (int)getpid());
    int fd = open(special ? options.file : *temporary, O_CREAT | O_WRONLY | O_TRUNC, 0644);
    if (fd < 0) fprintf(stderr, "Error opening '%s': %s\n", options.file, strerror(errno));
    return fd;
}

static bool finish(int fd, sds temporary) {
    if (!temporary) return true;
    bool ok = fsync(fd) == 0 && rename(temporary, options.file) == 0;
    if (!ok) fprintf(stderr, "Error writing '%s': %s\n", options.file, strerror(errno));
    return ok;
}

int rdb_run(struct session *s) {
    struct snapshot snapshot;
    sds temporary;
    bool ok = introduce(s, "capa", "eof") && introduce(s, "rdb-only", "1") &&
              request_snapshot(s, &input, &snapshot);
    if (!ok) return 1;
    if (snapshot.marked)
        fprintf(stderr, "SYNC sent to master, writing bytes of bulk transfer until EOF marker to '%s'\n",
                options.file);
    else
        fprintf(stderr, "SYNC sent to master, writing %llu bytes to '%s'\n",
                (unsigned long long)snapshot.bytes, options.file);
    int fd = open_target(&temporary);
    if (fd < 0) return 1;
    ok = copy(&input, &snapshot, fd);
    if (ok && snapshot.bytes == 0) fprintf(stderr, "The snapshot is empty.\n");
    ok = ok && snapshot.bytes > 0 && finish(fd, temporary);
    if (!ok && temporary) unlink(temporary);
    sds_free(temporary);
    if (ok)
        fprintf(stderr, "Transfer finished with success after %llu bytes\n",
                (unsigned long long)snapshot.bytes);
    return !ok;
}

/* --- --replica --- */

static void print_command(const struct resp_value *v) {
    sds line = sds_cat_str(print_csv(sds_empty(), v), "\n");
    fwrite(line, 1, sds_len(line), stdout);
    fflush(stdout);
    sds_free(line);
}

static void acknowledge(struct link *l) {
    sds ack[] = {sds_new("REPLCONF"), sds_new("ACK"), sds_new("0")};
    link_send(l, ack, 3);
    for (int i = 0; i < 3; i++) sds_free(ack[i]);
}

/* Behind a marked snapshot the server waits for an acknowledgement before it sends more, and may not yet listen for one:
 * so in each second of silence we say it again. NULL: see the link's error. */
static const struct resp_value *next_command(struct link *l, bool acknowledging) {
    struct pollfd fd = {.fd = l->fd, .events = POLLIN};
    const struct resp_value *command;
    while (!(command = link_take(l)) && !l->error[0]) {
        if (acknowledging && poll(&fd, 1, ACK_EVERY_MS) == 0) {
            acknowledge(l);
        } else if (!link_receive(l)) {
            break;
        }
    }
    return command;
}

int replica_run(struct session *s) {
    struct snapshot snapshot;
    /* Of a snapshot that is thrown away, the least possible: no keys, no functions. */
    bool ok = introduce(s, "capa", "eof") && introduce(s, "rdb-filter-only", "") &&
              request_snapshot(s, &input, &snapshot);
    if (!ok) return 1;
    if (snapshot.marked)
        fprintf(stderr, "SYNC with master, discarding bytes of bulk transfer until EOF marker...\n");
    else
        fprintf(stderr, "SYNC with master, discarding %llu bytes of bulk transfer...\n",
                (unsigned long long)snapshot.bytes);
    if (!copy(&input, &snapshot, -1)) return 1;
    fprintf(stderr, "SYNC done. Logging commands from master.\n");
    if (snapshot.marked) acknowledge(&s->link);
    resp_reader_feed(&s->link.in, input.bytes, input.n);
    const struct resp_value *command;
    while ((command = next_command(&s->link, snapshot.marked)) != NULL) print_command(command);
    fprintf(stderr, "Error: %s\n", s->link.error);
    return 1;
}
