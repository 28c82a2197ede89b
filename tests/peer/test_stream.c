/* What replicas are sent: the same commands to us and to the real redis-server must leave as the same stream, whoever follows.
 *
 * The test itself is the replica. Absolute times (13 digits) are the only words that may differ. */
#include "support/server.h"

#include <criterion/criterion.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { STREAM_BYTES_MAX = 1 << 16 };

/* A blank between words; "~" alone: wait until a TTL of a millisecond is over. */
static const char *const script[] = {
    "SET a 1", "set a 1 EX 100", "SET a 1 PXAT 99999999999999", "SET a 2 KEEPTTL", "SET a 2 NX",
    "SET a 3 XX GET", "SETEX c 100 v", "PSETEX c 100000 v", "SETNX c 1", "SETNX d 1", "GETSET d 2",
    "GETDEL d", "GETDEL d", "GETEX c", "GETEX c EX 100", "GETEX c PERSIST", "GETEX c PERSIST", "APPEND a xyz",
    "SETRANGE a 1 q", "INCR n", "DECRBY n 2", "INCRBYFLOAT n 1.5", "INCRBYFLOAT f 3.0e3", "MSET x 1 y 2",
    "MSETNX x 1 z 2", "MSETNX z1 1 z2 2", "EXPIRE a 100", "EXPIRE a 100 NX", "PEXPIRE a 100000",
    "EXPIREAT a 99999999999", "EXPIRE a -1", "EXPIRE nokey 10", "SET k1 v", "RENAME k1 k2", "RENAMENX k2 x",
    "COPY x xx", "COPY x xx", "COPY x xx DB 2 REPLACE", "MOVE xx 1", "DEL x x", "UNLINK y nokey", "DEL nokey",
    "SELECT 3", "SET in3 1", "SELECT 0", "SWAPDB 0 3", "SWAPDB 0 3", "MULTI", "SET m 1", "INCR m", "EXEC",
    "MULTI", "GET m", "EXEC", "MULTI", "SET m 1", "SELECT 5", "SET m 2", "EXEC", "SELECT 0", "MULTI", "EXEC",
    "MULTI", "SET q 1", "DISCARD", "FLUSHDB", "FLUSHDB ASYNC", "SET z 1", "FLUSHALL",
    /* keys that are over: who meets them tells the replicas first */
    "DEBUG SET-ACTIVE-EXPIRE 0", "SET t 1 PX 1", "~", "GET t", "SET t 1 PX 1", "~", "EXISTS t",
    "SET t 1 PX 1", "~", "INCR t", "DEL t", "SET t 1 PX 1", "~", "SET t 2", "SET t 1 PX 1", "~", "DEL t",
    "SET t 1 PX 1", "SET r v", "~", "RENAME r t", "SET t 1 PX 1", "~", "EXPIRE t 100", "SET t 1 PX 1", "~",
    "MULTI", "GET t", "SET o 1", "EXEC", "SET t 1 PX 1", "~", "MGET t o", "SET t 1 PX 1", "~", "KEYS *",
    "CONFIG SET lazyfree-lazy-expire yes", "SET t 1 PX 1", "~", "GET t",
    /* the other types: what depends on chance or waits leaves as its effect */
    "RPUSH l a b c", "LPUSHX no x", "LPOP l", "RPOP l 1", "LINSERT l BEFORE b q", "LREM l 0 nothing",
    "LTRIM l 0 0", "LMOVE l l2 LEFT RIGHT", "RPUSH bl 1 2 3 4", "BLPOP bl 0", "BLMOVE bl bl2 left right 0",
    "LMPOP 2 no bl LEFT COUNT 2", "HSET h f 1 g 2", "HSETNX h f 2", "HINCRBY h f 5", "HINCRBYFLOAT h f 1.25",
    "HDEL h nof", "SADD s a b c", "SADD s a", "SMOVE s s2 b", "SADD one x", "SPOP one", "SADD all 1 2 3",
    "SPOP all 5", "SUNIONSTORE d1 s s2", "SINTERSTORE d1 s s2", "ZADD zs 1 a 2 b 3 c", "ZADD zs XX 5 a",
    "ZADD zs INCR 1.5 a", "ZPOPMIN zs", "ZREM zs nob", "ZRANGESTORE zd zs 0 -1", "BZPOPMIN zs 0",
    "SET end marker", NULL};

static int follow(struct srv *p) {
    char text[512], *length;
    size_t used = 0;
    redisContext *c = srv_connect(p);
    int fd = dup(c->fd);
    redisFree(c);
    cr_assert_gt(dprintf(fd, "PSYNC ? -1\r\n"), 0);
    while (used < sizeof text - 1) { /* the snapshot is small: it comes within the first few hundred bytes */
        cr_assert_eq(recv(fd, text + used, 1, 0), 1);
        text[++used] = '\0';
        length = strchr(text, '$');
        if (!length || text[used - 1] != '\n') continue;
        for (long left = atol(length + 1); left > 0; left--) cr_assert_eq(recv(fd, text, 1, 0), 1);
        return fd;
    }
    cr_assert_fail("no snapshot came");
    return -1;
}

static void play(struct srv *p) {
    for (const char *const *line = script; *line; line++) {
        if (strcmp(*line, "~") == 0)
            usleep(5000);
        else
            srv_cmd(p, *line);
    }
}

/* The stream as lines, one word each, lengths left out. */
static void read_stream(int fd, char *out) {
    size_t used = 0;
    while (!strstr(out, "\r\nmarker\r\n")) {
        struct pollfd ready = {.fd = fd, .events = POLLIN};
        cr_assert_eq(poll(&ready, 1, WAIT_MS), 1);
        ssize_t n = recv(fd, out + used, STREAM_BYTES_MAX - 1 - used, 0);
        cr_assert_gt(n, 0);
        used += (size_t)n;
        out[used] = '\0';
    }
    char *to = out, *save = NULL;
    for (char *word = strtok_r(out, "\r\n", &save); word; word = strtok_r(NULL, "\r\n", &save)) {
        if (*word == '*') word = "--";
        if (*word == '$') continue;
        if (strcmp(word, "ping") ==
            0) { /* comes when its time is, on either side: not part of the comparison */
            to -= strlen("--\n");
            continue;
        }
        size_t n = strlen(word);
        if (n == 13 && strspn(word, "0123456789") == 13) word = "time", n = 4;
        memmove(to, word, n);
        to += n;
        *to++ = '\n';
    }
    *to = '\0';
    close(fd);
}

Test(stream, is_the_same_as_the_real_ones) {
    static char stream[2][STREAM_BYTES_MAX];
    for (int kind = TANDEM; kind <= REDIS; kind++) {
        struct srv *p = srv_start(
            kind, "--repl-diskless-sync no --repl-ping-replica-period 1000 --rdbcompression no");
        int fd = follow(p);
        play(p);
        read_stream(fd, stream[kind]);
        srv_free(p);
    }
    const char *ours = stream[TANDEM], *theirs = stream[REDIS];
    size_t same = 0;
    while (ours[same] && ours[same] == theirs[same]) same++;
    size_t from = same > 60 ? same - 60 : 0;
    cr_assert_str_eq(ours, theirs, "at byte %zu, ours: ...%.120s\ntheirs: ...%.120s", same, ours + from,
                     theirs + from);
}
