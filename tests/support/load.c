/* Commands are written as texts with places: @l is a list's key, @m a member, and so on (see expand). */
#include "support/load.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define WORDS_MAX  16
#define WORD_BYTES 6000

static const char *const texts[] = {
    "SET @t @v",
    "SET @t @i EX 1000",
    "SET @t @v PX @p",
    "APPEND @t @v",
    "INCRBY @n @i",
    "INCRBYFLOAT @n @f",
    "SETRANGE @t @i @m",
    "GETEX @t PX @p",
    "GETDEL @t",
    "MSET @t @v @t @v",
    "RPUSH @l @v @m @i",
    "LPUSH @l @m",
    "RPUSH @l @m @m @m @m @m",
    "LPOP @l",
    "RPOP @l 3",
    "LSET @l 1 @v",
    "LREM @l 2 @m",
    "LINSERT @l BEFORE @m @m",
    "LTRIM @l 1 200",
    "LMOVE @l @l LEFT RIGHT",
    "LMPOP 2 @l @l RIGHT COUNT 2",
    "BLPOP @l @l 0.001",
    "HSET @h @m @v @m @i",
    "HSET @h @m @m",
    "HDEL @h @m @m",
    "HINCRBY @h @c @i",
    "HINCRBYFLOAT @h @c @f",
    "HSETNX @h @m @v",
    "SADD @s @m @m @m",
    "SADD @s @i @i",
    "SREM @s @m @i",
    "SPOP @s",
    "SPOP @s 3",
    "SMOVE @s @s @m",
    "SUNIONSTORE @s @s @s",
    "SINTERSTORE @s @s @s",
    "SDIFFSTORE @s @s @s",
    "ZADD @z @f @m @i @m",
    "ZADD @z INCR @f @m",
    "ZADD @z GT CH @i @m",
    "ZINCRBY @z @f @m",
    "ZREM @z @m @m",
    "ZPOPMIN @z",
    "ZPOPMAX @z 2",
    "ZREMRANGEBYRANK @z 0 1",
    "ZREMRANGEBYSCORE @z 5 7",
    "ZUNIONSTORE @z 2 @z @z WEIGHTS 0.5 0.25",
    "ZINTERSTORE @z 2 @z @z AGGREGATE MAX",
    "ZRANGESTORE @z @z 0 50",
    "XADD @x * @m @v",
    "XADD @x MAXLEN ~ 100 * @m @v @m @i",
    "XADD @x MINID 1 * f @v",
    "XGROUP CREATE @x g 0 MKSTREAM",
    "XREADGROUP GROUP g @m COUNT 3 STREAMS @x >",
    "XREADGROUP GROUP g @m COUNT 2 NOACK STREAMS @x >",
    "XAUTOCLAIM @x g @m 0 0 COUNT 2",
    "XTRIM @x MAXLEN 50",
    "XGROUP DELCONSUMER @x g @m",
    "SETBIT @b @i 1",
    "SETBIT @b @i 0",
    "BITOP XOR @b @b @b",
    "BITFIELD @b INCRBY u7 @i @i SET i13 #2 @i",
    "PFADD @y @m @v @i",
    "PFMERGE @y @y @y",
    "GEOADD @g @i.@c 12.@c @m",
    "GEOSEARCHSTORE @z @g FROMMEMBER @m BYRADIUS 9000 km",
    "SORT @l ALPHA STORE @l",
    "DEL @a",
    "UNLINK @a @a",
    "EXPIRE @a 1000",
    "PEXPIRE @a @p",
    "PERSIST @a",
    "RENAME @a @a",
    "COPY @a @a REPLACE",
    "MOVE @a 3",
    "MULTI",
    "EXEC",
    "SELECT 0",
    "SELECT 3",
};

static size_t add_text(char *out, const char *s) {
    return (size_t)snprintf(out, 64, "%s", s);
}

static size_t key_of(char *out, char type) {
    return (size_t)snprintf(out, 64, "%c:%d", type, (int)test_below(12));
}

static size_t value(char *out) {
    size_t n = test_below(50) == 0 ? 1000 + test_below(4500) : test_below(90);
    for (size_t i = 0; i < n; i++) out[i] = (char)test_below(256);
    return n;
}

static size_t expand(char *out, char place) {
    switch (place) {
    case 'a': return key_of(out, "tnlhszxbyg"[test_below(10)]);
    case 'v': return value(out);
    case 'm': return (size_t)snprintf(out, 64, "member:%d", (int)test_below(200));
    case 'c': return (size_t)snprintf(out, 64, "%d", (int)test_below(9));
    case 'i': return (size_t)snprintf(out, 64, "%d", (int)test_below(80));
    case 'f': return (size_t)snprintf(out, 64, "%d.%d", (int)test_below(99) - 50, (int)test_below(1000));
    case 'p': return (size_t)snprintf(out, 64, "%d", 1 + (int)test_below(3000));
    default: return key_of(out, place);
    }
}

static void append_command(redisContext *c, const char *text) {
    static char words[WORDS_MAX][WORD_BYTES];
    const char *argv[WORDS_MAX];
    size_t len[WORDS_MAX];
    int argc = 0;
    for (const char *p = text; *p != '\0'; argc++) {
        cr_assert_lt(argc, WORDS_MAX);
        argv[argc] = words[argc];
        len[argc] = 0;
        for (; *p != '\0' && *p != ' '; p++) {
            char *end = words[argc] + len[argc], plain[2] = {*p, '\0'};
            len[argc] += *p == '@' ? expand(end, *++p) : add_text(end, plain);
        }
        while (*p == ' ') p++;
    }
    redisAppendCommandArgv(c, argc, argv, len);
}

void load_all_types(struct srv *primary, int n) {
    redisContext *c = srv_connect(primary);
    for (int i = 0; i < n; i++) append_command(c, texts[test_below(sizeof texts / sizeof *texts)]);
    redisAppendCommand(c, "EXEC");
    for (int i = 0; i <= n; i++) {
        redisReply *r = NULL;
        cr_assert(redisGetReply(c, (void **)&r) == REDIS_OK, "load of all types: %s", c->errstr);
        freeReplyObject(r);
    }
    redisFree(c);
}
