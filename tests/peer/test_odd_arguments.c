/* Every data command with arguments that hardly anybody gives, beside the real redis-server: forms that are right, and the same
 * with words exchanged, left out, doubled or put in: numbers at every limit, options of other commands, keys of other types.
 * The data is made anew again and again, so that a form meets what it expects.
 *
 * Left out is what hangs on the clock or on chance, and SORT of numbers, where Redis looks at an errno that may be left from
 * before. By hand: TEST_SCALE=100 TEST_SEED=random for a million. */
#include "support/differential.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define COMMANDS 12000
#define ROUND    90 /* commands until the data is made anew */

static const char *const fill[] = {"FLUSHALL",
                                   "SET str hello",
                                   "SET int 12345",
                                   "SET float 1.5",
                                   "RPUSH list a b c 1 2 3",
                                   "SADD set a b c",
                                   "SADD iset 1 2 3",
                                   "HSET hash f v g 1 h 2.5",
                                   "ZADD zset 1 a 2 b 3 c",
                                   "ZADD lex 0 a 0 b 0 c",
                                   "XADD st 1-1 f v",
                                   "XADD st 2-1 f v",
                                   "XADD st 3-1 g w",
                                   "XGROUP CREATE st g 0",
                                   "XREADGROUP GROUP g al COUNT 2 STREAMS st >",
                                   "PFADD hll a b c",
                                   "PFADD hll2 d e",
                                   "GEOADD geo 13.361389 38.115556 p 15.087269 37.502669 c",
                                   "SET ttl x EX 100000"};

static const char *const forms[] = {
    "LPOS list a RANK 1 COUNT 0 MAXLEN 0", "LMPOP 2 none list LEFT COUNT 2", "LMOVE list list LEFT RIGHT",
    "LINSERT list BEFORE b x", "LPOP list 2", "LSET list 0 z", "LRANGE list 0 -1", "LTRIM list 1 -2",
    "LREM list -1 a", "RPOPLPUSH list none", "LPUSHX list a", "BLMPOP 0.1 2 none list RIGHT COUNT 2",
    "BLPOP none list 0.1", "BLMOVE list none LEFT RIGHT 0.1", "BRPOPLPUSH list none 0.1",
    "BZMPOP 0.1 2 none zset MAX COUNT 2", "BZPOPMIN none zset 0.1",
    "XREAD COUNT 2 BLOCK 10 STREAMS st none 0 $", "XREADGROUP GROUP g al COUNT 2 BLOCK 10 NOACK STREAMS st >",
    "XREADGROUP GROUP g al STREAMS st 0", "HSET hash a 1 b 2", "HINCRBY hash g 5", "HINCRBYFLOAT hash h 1.25",
    "HSCAN hash 0 MATCH * COUNT 10", "HMGET hash f z", "HSETNX hash z 1", "HSTRLEN hash f",
    "HRANDFIELD hash 2 WITHVALUES", "SSCAN set 0 MATCH * COUNT 10", "SINTERCARD 2 set iset LIMIT 1",
    "SINTERSTORE none set iset", "SMOVE set iset a", "SMISMEMBER set a z", "SINTER set iset",
    "SRANDMEMBER set -5", "ZADD zset NX CH 5 d 6 e", "ZADD zset XX GT CH 9 a", "ZADD zset LT INCR 1 a",
    "ZADD zset GT LT 1 a", "ZRANGE zset 0 -1 WITHSCORES", "ZRANGE zset 1 3 BYSCORE LIMIT 0 2 WITHSCORES",
    "ZRANGE zset (3 (1 BYSCORE REV LIMIT 0 2", "ZRANGE lex [a [c BYLEX LIMIT 1 1", "ZRANGE lex + - BYLEX REV",
    "ZRANGESTORE none zset 0 -1 REV", "ZRANGESTORE none zset -inf +inf BYSCORE LIMIT 0 1",
    "ZRANGEBYSCORE zset -inf (3 WITHSCORES LIMIT 0 2", "ZREVRANGEBYSCORE zset 3 1 LIMIT 0 2 WITHSCORES",
    "ZRANGEBYLEX lex - (c LIMIT 0 1", "ZREVRANGEBYLEX lex [c - LIMIT 0 1", "ZREMRANGEBYSCORE zset (1 2",
    "ZREMRANGEBYLEX lex [a (b", "ZREMRANGEBYRANK zset 0 0", "ZCOUNT zset (1 +inf", "ZLEXCOUNT lex - +",
    "ZINCRBY zset 1.5 a", "ZMPOP 2 none zset MIN COUNT 2", "ZPOPMAX zset 2", "ZRANDMEMBER zset 2 WITHSCORES",
    "ZUNIONSTORE none 2 zset set WEIGHTS 1 2 AGGREGATE MAX",
    "ZINTERSTORE none 2 zset lex WEIGHTS 2 0.5 AGGREGATE SUM", "ZDIFFSTORE none 2 zset lex",
    "ZUNION 2 zset lex WEIGHTS 1 2 AGGREGATE MIN WITHSCORES", "ZINTER 2 zset lex WITHSCORES",
    "ZDIFF 2 zset lex WITHSCORES", "ZINTERCARD 2 zset lex LIMIT 1", "ZMSCORE zset a z", "ZRANK zset a",
    "ZSCAN zset 0 MATCH * COUNT 10", "XADD st NOMKSTREAM MAXLEN ~ 2 LIMIT 10 9-1 f v",
    "XADD st MINID = 2 9-* f v g w", "XADD none MAXLEN 2 5-5 f v", "XTRIM st MAXLEN ~ 1 LIMIT 100",
    "XTRIM st MINID 2-1", "XRANGE st (1-1 + COUNT 2", "XREVRANGE st + - COUNT 2", "XACK st g 1-1 2-1",
    "XPENDING st g", "XGROUP CREATE st h $ MKSTREAM ENTRIESREAD 2", "XGROUP SETID st g 1-1 ENTRIESREAD 1",
    "XGROUP DESTROY st g", "XGROUP CREATECONSUMER st g zoe", "XGROUP DELCONSUMER st g al",
    "XSETID st 9-9 ENTRIESADDED 10 MAXDELETEDID 2-0", "XDEL st 1-1", "XINFO GROUPS st", "XLEN st",
    "SETBIT str 7 1", "GETBIT str 7", "BITCOUNT str 0 -1 BIT", "BITPOS str 1 0 -1 BIT",
    "BITOP AND none str int", "BITFIELD str SET u8 #0 200 OVERFLOW SAT INCRBY i5 100 3 GET u4 0",
    "BITFIELD str OVERFLOW FAIL INCRBY u8 0 255", "BITFIELD_RO str GET u8 0 GET i16 #1", "GETRANGE str 1 3",
    "SETRANGE str 3 xyz", "PFADD hll x y", "PFMERGE none hll hll2", "PFCOUNT hll hll2",
    "GEOADD geo NX CH 13.5 38 q", "GEOADD geo XX 13.5 38 p", "GEOPOS geo p none", "GEODIST geo p c km",
    "GEOHASH geo p c",
    "GEOSEARCH geo FROMMEMBER p BYRADIUS 200 km ASC COUNT 2 ANY WITHCOORD WITHDIST WITHHASH",
    "GEOSEARCH geo FROMLONLAT 15 37 BYBOX 400 400 km DESC COUNT 1",
    "GEOSEARCHSTORE none geo FROMLONLAT 15 37 BYBOX 400 400 km ASC COUNT 5 STOREDIST",
    "GEORADIUS geo 15 37 200 km WITHDIST WITHCOORD COUNT 2 ASC", "GEORADIUS geo 15 37 200 km STORE none",
    "GEORADIUSBYMEMBER geo p 200 km WITHDIST STOREDIST none",
    "GEORADIUSBYMEMBER_RO geo p 200 km COUNT 1 DESC", "SORT list LIMIT 0 2 GET # GET h*->f DESC ALPHA",
    "SORT_RO zset ALPHA", "COPY str none DB 0 REPLACE", "RENAME str none", "RENAMENX str none", "MOVE str 5",
    "PERSIST ttl", "GETSET str v", "INCRBY int 5", "DECRBY int 5", "INCRBYFLOAT float 1.5", "APPEND str x",
    "LCS str float IDX MINMATCHLEN 2 WITHMATCHLEN", "LCS str float LEN", "MSET str 1 none 2",
    "MSETNX none 1 none2 2", "DUMP int", "TYPE str", "OBJECT ENCODING str", "OBJECT FREQ str",
    "EXISTS str none", "TOUCH str none", "DEL str", "KEYS h*", "MIGRATE h x none 0 0 COPY REPLACE KEYS none2",
    /* from here on words that are times: see rule_form */
    "EXPIRE str 100000 NX", "PEXPIRE ttl 90000000 LT", "EXPIREAT str 33177117420 XX",
    "PEXPIREAT ttl 33177117420000 LT", "GETEX str EX 100000", "GETEX ttl PERSIST",
    "GETEX str PXAT 33177117420000", "SET str v EX 100000 NX GET", "SET str v KEEPTTL XX",
    "SET none v PXAT 33177117420000 GET", "SETEX str 100000 v", "PSETEX none 100000000 v",
    "RESTORE none 0 x REPLACE ABSTTL IDLETIME 5", "RESTORE none 0 x FREQ 5",
    "XCLAIM st g bob 0 1-1 2-1 IDLE 5 RETRYCOUNT 7 FORCE JUSTID", "XCLAIM st g bob 0 3-1 LASTID 3-1 FORCE",
    "XAUTOCLAIM st g bob 0 0 COUNT 2 JUSTID"};
enum { FILL = sizeof fill / sizeof *fill, FORMS = sizeof forms / sizeof *forms, TIMED = 17 };

static const char *any_key(void) {
    return PICK("str", "int", "float", "list", "set", "iset", "hash", "zset", "lex", "st", "hll", "hll2",
                "geo", "ttl", "none", "none2", "");
}

static const char *any_option(void) {
    return PICK("NX", "XX", "GT", "LT", "CH", "INCR", "COUNT", "LIMIT", "WITHSCORES", "WITHVALUES", "BYSCORE",
                "BYLEX", "REV", "RANK", "MAXLEN", "MINID", "LEFT", "right", "MIN", "max", "WEIGHTS",
                "AGGREGATE", "STORE", "STOREDIST", "ASC", "DESC", "ANY", "ALPHA", "GET", "REPLACE", "DB",
                "MATCH", "STREAMS", "GROUP", "NOACK", "JUSTID", "FORCE", "IDLE", "KEEPTTL", "PERSIST", "BIT",
                "BYTE", "OVERFLOW", "SAT", "MKSTREAM", "EX", "ABSTTL", "FREQ", "KEYS");
}

static const char *any_number(bool timed) {
    if (timed)
        return PICK("0", "-1", "100000", "200000000", "33177117420000", "9223372036854775808",
                    "-9223372036854775808", "1.5", "x", "", " 1", "+1", "01", "-0");
    return PICK("0", "1", "-1", "2", "-2", "3", "10", "-50", "9223372036854775807", "9223372036854775808",
                "18446744073709551615", "18446744073709551616", "4294967296", "2147483648", "-2147483649",
                "1.5", "inf", "-inf", "nan", "", " 1", "+1", "01", "-0", "0x10", "1e3", "abc");
}

static const char *any_word(bool timed) {
    if (chance(25)) return any_option();
    if (chance(30)) return any_key();
    if (timed || chance(50)) return any_number(timed);
    return PICK("a", "b", "f", "p", "al", "-", "+", "$", ">", "=", "~", "(", "[", "(a", "[a", "(1", "[c",
                "0-0", "1-1", "2-1", "3-1", "5-5", "1-1-1", "18446744073709551615-18446744073709551615", "#",
                "u8", "i16", "u64", "#1", "13.5", "200", "km", "ft");
}

static void add_words(struct cmd *c, const char *line) {
    char copy[CMD_ARG_BYTES];
    snprintf(copy, sizeof copy, "%s", line);
    for (char *w = strtok(copy, " "); w; w = strtok(NULL, " ")) add(c, w);
}

static void put_word(struct cmd *c, int i, const char *w) {
    c->len[i] = strlen(w);
    memcpy(c->argv[i], w, c->len[i]);
}

static void move_words(struct cmd *c, int to, int from, int n) {
    memmove(c->argv[to], c->argv[from], (size_t)n * sizeof c->argv[0]);
    memmove(&c->len[to], &c->len[from], (size_t)n * sizeof c->len[0]);
}

/* One word behind the name is exchanged, goes, comes, or comes twice. */
static void change(struct cmd *c, bool timed) {
    if (c->argc < 2) return;
    int i = 1 + (int)test_below((uint64_t)c->argc - 1), how = (int)test_below(100);
    if (how < 60) {
        put_word(c, i, any_word(timed));
    } else if (how < 75) {
        move_words(c, i, i + 1, c->argc - i - 1);
        c->argc--;
    } else if (c->argc < CMD_ARGS_MAX) {
        move_words(c, i + 1, i, c->argc - i);
        c->argc++;
        if (how < 90) put_word(c, i, any_word(timed));
    }
}

static void put_payload(struct cmd *c) {
    static const char five[] = "\x00\x05hello\n\x00"
                               "cr\xdfve4 \n";
    c->len[3] = sizeof five - 1;
    memcpy(c->argv[3], five, c->len[3]);
}

/* Nobody may really wait. */
static bool waits(const char *form) {
    return (form[0] == 'B' && form[1] != 'I') || strncmp(form, "XREAD", 5) == 0;
}

/* Random elements by the billion; or Redis's memory, which it asks for in advance, decides whether that works. */
static bool asks_for_too_many(const struct cmd *c) {
    static const char *const names[] = {"SRANDMEMBER", "HRANDFIELD", "ZRANDMEMBER", "XAUTOCLAIM"};
    for (size_t k = 0; k < sizeof names / sizeof *names; k++)
        for (int i = 2; is_command(c, names[k]) && i < c->argc; i++)
            if (c->len[i] > 4 && (c->argv[i][0] == '-' || (k == 3 && c->argv[i][0] <= '9'))) return true;
    return false;
}

static void rule_form(struct cmd *c) {
    static int step, ending;
    if (ending) { /* what would wait travels inside MULTI and EXEC */
        ending = 0;
        add(c, "EXEC");
        return;
    }
    static struct cmd held;
    if (held.argc) {
        *c = held;
        held.argc = 0;
        ending = 1;
        return;
    }
    int at = step++ % ROUND;
    if (at < FILL) {
        add_words(c, fill[at]);
        return;
    }
    size_t which = test_below(FORMS);
    bool timed = which >= FORMS - TIMED;
    do {
        c->argc = 0;
        add_words(c, forms[which]);
        if (is_command(c, "RESTORE")) put_payload(c);
        for (int n = (int)test_below(4); n > 0; n--) change(c, timed);
    } while (asks_for_too_many(c));
    if (!waits(forms[which])) return;
    held = *c;
    c->argc = 0;
    add(c, "MULTI");
}

static const struct rule rules[] = {{1, rule_form}};

/* Counts of XAUTOCLAIM that take Redis more memory than any machine has, or are no counts. */
static const char *const too_many[] = {"XADD st 1-1 f v",
                                       "XGROUP CREATE st g 0",
                                       "XREADGROUP GROUP g al STREAMS st >",
                                       "XAUTOCLAIM st g bob 0 0 COUNT 8796093022208",
                                       "XAUTOCLAIM st g bob 0 0 COUNT 576460752303423487",
                                       "XAUTOCLAIM st g bob 0 0 COUNT 576460752303423488",
                                       "XAUTOCLAIM none g bob 0 0 COUNT 576460752303423487",
                                       "XAUTOCLAIM st g bob 0 0 COUNT 1000"};

/* Whether a time is later than another that was set a moment ago is for each server's clock to say. */
static bool compares_times(const struct cmd *c) {
    if (!is_command(c, "EXPIRE") && !is_command(c, "PEXPIRE")) return false;
    for (int i = 3; i < c->argc; i++)
        if (c->len[i] == 2 && (c->argv[i][1] | 32) == 't') return true;
    return false;
}

/* What chance, the clock or the order of a table decides is compared by its kind. */
static bool same(const struct cmd *c, redisReply *a, redisReply *b) {
    static const char *const free_ones[] = {"SRANDMEMBER", "HRANDFIELD", "ZRANDMEMBER", "XPENDING", "XCLAIM",
                                            "XAUTOCLAIM",  "SSCAN",      "HSCAN",       "ZSCAN",    "DUMP"};
    for (size_t i = 0; i < sizeof free_ones / sizeof *free_ones; i++)
        if (is_command(c, free_ones[i]) && a->type != REDIS_REPLY_ERROR)
            return a->type == b->type && a->elements == b->elements;
    if (compares_times(c) && a->type == b->type) return true;
    if (is_command(c, "SINTER") || is_command(c, "KEYS")) {
        sort_reply(a);
        sort_reply(b);
    }
    return same_text(a, b);
}

Test(odd_arguments, are_answered_alike) {
    static const struct differential d = {rules, 1, COMMANDS, same};
    struct srv *ours = srv_start(TANDEM, "--proto-max-bulk-len 1mb --rdbcompression no"),
               *real = srv_start(REDIS, "--proto-max-bulk-len 1mb --rdbcompression no");
    EXPECT(ours, "OK", "DEBUG SET-ACTIVE-EXPIRE 0");
    EXPECT(real, "OK", "DEBUG SET-ACTIVE-EXPIRE 0");
    for (size_t i = 0; i < sizeof too_many / sizeof *too_many; i++) {
        const char *want = srv_cmd(real, too_many[i]);
        EXPECT(ours, want, too_many[i]);
    }
    differential_run(ours, real, &d);
    srv_free(ours);
    srv_free(real);
}
