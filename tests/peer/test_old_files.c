/* RDB files as older versions wrote them, made here byte by byte: ours and the real redis-server must read the same data out
 * of each. Every version gets the encodings that it had; 11, which 7.0.15 does not read, is compared with what the same
 * data gives from version 10. The unit tests of rdb/ say what of damaged ones. */
#include "base/digest.h"
#include "base/listpack.h"
#include "base/lzf.h"
#include "support/differential.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

/* --- writing --- */

static sds put_u8(sds s, unsigned v) {
    char c = (char)v;
    return sdscatlen(s, &c, 1);
}

static sds put_le(sds s, uint64_t v, int bytes) {
    for (int i = 0; i < bytes; i++) s = put_u8(s, (unsigned)(v >> 8 * i) & 255);
    return s;
}

static sds put_len(sds s, size_t n) {
    if (n < 64) return put_u8(s, (unsigned)n);
    if (n < 16384) return put_u8(put_u8(s, 0x40 | (unsigned)(n >> 8)), n & 255);
    s = put_u8(s, 0x80);
    for (int shift = 24; shift >= 0; shift -= 8) s = put_u8(s, (unsigned)(n >> shift) & 255);
    return s;
}

/* Compressed when that is worth it and chance wants it. */
static sds put_bytes(sds s, const void *p, size_t n) {
    char packed[4096];
    size_t m = n > 20 && n < sizeof packed && chance(50) ? lzf_compress(p, n, packed, n - 4) : 0;
    if (m > 0) return sdscatlen(put_len(put_len(put_u8(s, 0xC3), m), n), packed, m);
    return sdscatlen(put_len(s, n), p, n);
}

/* A string, in the short form of a number where it is one. */
static sds put_text(sds s, slice t) {
    int64_t v;
    if (num_parse_i64(t, &v) && v >= INT32_MIN && v <= INT32_MAX) {
        int form = v == (int8_t)v ? 0 : v == (int16_t)v ? 1 : 2;
        return put_le(put_u8(s, 0xC0 | (unsigned)form), (uint64_t)v, 1 << form);
    }
    return put_bytes(s, t.p, t.n);
}

/* --- the old blocks --- */

static sds add_ziplist_entry(sds z, slice t, size_t *previous) {
    size_t start = sdslen(z);
    int64_t v;
    z = *previous < 254 ? put_u8(z, (unsigned)*previous) : put_le(put_u8(z, 254), *previous, 4);
    if (t.n < 32 && num_parse_i64(t, &v)) {
        if (v >= 0 && v <= 12)
            z = put_u8(z, 0xF1 + (unsigned)v);
        else if (v == (int8_t)v)
            z = put_le(put_u8(z, 0xFE), (uint64_t)v, 1);
        else if (v == (int16_t)v)
            z = put_le(put_u8(z, 0xC0), (uint64_t)v, 2);
        else if (v >= -(1 << 23) && v < 1 << 23)
            z = put_le(put_u8(z, 0xF0), (uint64_t)v, 3);
        else if (v == (int32_t)v)
            z = put_le(put_u8(z, 0xD0), (uint64_t)v, 4);
        else
            z = put_le(put_u8(z, 0xE0), (uint64_t)v, 8);
    } else {
        z = t.n < 64 ? put_u8(z, (unsigned)t.n) : put_u8(put_u8(z, 0x40 | (unsigned)(t.n >> 8)), t.n & 255);
        z = sdscatlen(z, t.p, t.n);
    }
    *previous = sdslen(z) - start;
    return z;
}

static sds ziplist_of(const slice *texts, size_t n) {
    sds z = sdsempty();
    size_t previous = 0;
    for (size_t i = 0; i < n; i++) z = add_ziplist_entry(z, texts[i], &previous);
    sds head = put_le(put_le(put_le(sdsempty(), sdslen(z) + 11, 4), 10 + sdslen(z) - previous, 4), n, 2);
    head = put_u8(sdscatlen(head, z, sdslen(z)), 255);
    sdsfree(z);
    return head;
}

static sds zipmap_of(const slice *texts, size_t n) {
    sds z = put_u8(sdsempty(), n / 2 < 254 ? (unsigned)(n / 2) : 254);
    for (size_t i = 0; i < n; i++) {
        unsigned unused = i % 2 ? (unsigned)test_below(4) : 0;
        z = texts[i].n < 254 ? put_u8(z, (unsigned)texts[i].n) : put_le(put_u8(z, 254), texts[i].n, 4);
        if (i % 2) z = put_u8(z, unused);
        z = sdscatlen(sdscatlen(z, texts[i].p, texts[i].n), "xxxx", unused);
    }
    return put_u8(z, 255);
}

static sds listpack_of(const slice *texts, size_t n) {
    uint8_t *lp = lp_new();
    for (size_t i = 0; i < n; i++) lp = lp_append(lp, texts[i]);
    sds s = sdsnewlen(lp, lp_bytes(lp));
    lp_free(lp);
    return s;
}

static sds intset_of(const int64_t *v, size_t n, int width) {
    sds s = put_le(put_le(sdsempty(), (uint64_t)width, 4), n, 4);
    for (size_t i = 0; i < n; i++) s = put_le(s, (uint64_t)v[i], width);
    return s;
}

/* --- content: distinct texts --- */

#define TEXTS_MAX 400
static char store[TEXTS_MAX][600];
static slice texts[TEXTS_MAX];

/* Every other one may be a value: it needs not be distinct, and may be a score. */
static size_t make_texts(size_t most, bool pairs, bool scores) {
    size_t n = 2 + 2 * test_below(most / 2);
    for (size_t i = 0; i < n; i++) {
        static const int64_t edges[] = {0,       12,        13,        -1,         127,       -128,
                                        128,     32767,     -32768,    32768,      8388607,   -8388608,
                                        8388608, INT32_MAX, INT32_MIN, 2147483648, INT64_MAX, INT64_MIN};
        bool free_choice = pairs && i % 2;
        int len;
        if (free_choice && scores) {
            len = snprintf(store[i], sizeof store[i], "%.17g", ((double)test_below(2000000) - 1000000) / 8);
        } else if (i < 18 && (!pairs || free_choice)) {
            len = snprintf(store[i], sizeof store[i], "%lld", (long long)edges[i]);
        } else {
            len = snprintf(store[i], sizeof store[i], chance(50) ? "%d" : "e%d", 1000000 + (int)i * 3);
            if (chance(10)) { /* long ones */
                size_t more = 40 + test_below(400);
                memset(store[i] + len, 'a' + (int)test_below(26), more);
                len += (int)more;
            }
        }
        texts[i] = (slice){store[i], (size_t)len};
    }
    return n;
}

/* --- values, each with its type byte and key --- */

static sds put_named(sds f, unsigned type, const char *key) {
    return sdscatlen(put_len(put_u8(f, type), strlen(key)), key, strlen(key));
}

static sds put_key(sds f, unsigned type, int number) {
    char key[32];
    snprintf(key, sizeof key, "k:%u:%d", type, number);
    return put_named(f, type, key);
}

static sds put_block(sds f, sds block) {
    f = put_bytes(f, block, sdslen(block));
    sdsfree(block);
    return f;
}

static sds put_old_double(sds f, slice text, size_t i) {
    static const unsigned specials[] = {254, 255};
    if (i % 50 == 1) return put_u8(f, specials[i / 50 % 2]);
    return sdscatlen(put_u8(f, (unsigned)text.n), text.p, text.n);
}

static sds put_collection(sds f, unsigned type, int number) {
    bool pairs = type == 4 || type == 3 || type == 5;
    size_t n = make_texts(60, pairs, type == 3 || type == 5);
    f = put_len(put_key(f, type, number), pairs ? n / 2 : n);
    for (size_t i = 0; i < n; i++) {
        if (type == 3 && i % 2) {
            f = put_old_double(f, texts[i], i);
        } else if (type == 5 && i % 2) {
            double d;
            uint64_t bits;
            num_parse_double(texts[i], &d);
            memcpy(&bits, &d, sizeof bits);
            f = put_le(f, bits, 8);
        } else {
            f = put_text(f, texts[i]);
        }
    }
    return f;
}

static sds put_string(sds f, int number) {
    size_t n = make_texts(6, false, false);
    return put_text(put_key(f, 0, number), texts[(size_t)number % n]);
}

static sds put_intset(sds f, int number) {
    static const int widths[] = {2, 4, 8};
    int64_t v[200];
    size_t n = 1 + test_below(200);
    int width = widths[number % 3];
    int64_t at = width == 2 ? -30000 : width == 4 ? INT32_MIN : INT64_MIN, most = width == 2 ? 250 : 10000000;
    for (size_t i = 0; i < n; i++) v[i] = at += 1 + (int64_t)test_below((uint64_t)most);
    return put_block(put_key(f, 11, number), intset_of(v, n, width));
}

static sds put_scored(sds f, unsigned type, int number) { /* by score, as they stand in a block */
    size_t n = make_texts(60, true, true);
    for (size_t i = 1; i < n; i += 2)
        texts[i].n = (size_t)snprintf(store[i], sizeof store[i], "%d", (int)i * 7 - 100);
    return put_block(put_key(f, type, number), type == 12 ? ziplist_of(texts, n) : listpack_of(texts, n));
}

static sds put_nodes(sds f, unsigned type, int number) {
    int nodes = 1 + (int)test_below(4);
    f = put_len(put_key(f, type, number), (size_t)nodes);
    for (int i = 0; i < nodes; i++) {
        size_t n = make_texts(40, false, false);
        if (type == 14) {
            f = put_block(f, ziplist_of(texts, n));
        } else if (chance(30)) {
            f = put_bytes(put_len(f, 1), texts[n - 1].p, texts[n - 1].n);
        } else {
            f = put_block(put_len(f, 2), listpack_of(texts, n));
        }
    }
    return f;
}

/* Entries 1-1 (a 1 b x), 1-2 deleted, 2-0 (c 300), as redis-server 7.0.15 writes them; a group with two consumers. */
static sds put_stream(sds f, unsigned type, int number) {
#define ID_1_1 "\0\0\0\0\0\0\0\1\0\0\0\0\0\0\0\1"
#define ID_2_0 "\0\0\0\0\0\0\0\2\0\0\0\0\0\0\0\0"
    static const char nodes[] = "\x01\x10" ID_1_1
                                "\x40\x40\x40\x00\x00\x00\x19\x00\x02\x01\x01\x01\x02\x01\x81"
                                "a\x02\x81"
                                "b\x02\x00\x01\x02\x01\x00\x01\x00\x01\x01\x01\x81"
                                "x\x02\x05\x01\x03\x01\x00\x01\x01\x01\x02\x01\x81"
                                "y\x02\x05\x01\x00\x01\x01\x01\xdf\xff\x02\x01\x01\x81"
                                "c\x02\xc1,\x02\x06\x01\xff\x02\x02\x00";
    static const char facts[] = "\x01\x01\x01\x02\x03", group[] = "\x01\x01g\x01\x01";
    static const char pending[] = "\x02" ID_1_1 "\xe8\x03\0\0\0\0\0\0\x03" ID_2_0
                                  "\xd0\x07\0\0\0\0\0\0\x01\x02";
    static const char seen[] = "\xfe\x07\xfc\xf8\xa1\x01\0\0";
    static const struct {
        const char *name, *id;
    } consumers[] = {{"\x02"
                      "al",
                      ID_1_1},
                     {"\x02"
                      "bo",
                      ID_2_0}};
    f = sdscatlen(put_key(f, type, number), nodes, sizeof nodes - 1);
    if (type > 15) f = sdscatlen(f, facts, sizeof facts - 1);
    f = sdscatlen(f, group, sizeof group - 1);
    if (type > 15) f = put_len(f, 1); /* entries read */
    f = sdscatlen(f, pending, sizeof pending - 1);
    for (int i = 0; i < 2; i++) {
        f = sdscatlen(sdscatlen(f, consumers[i].name, 3), seen, 8);
        if (type == 21) f = sdscatlen(f, seen, 8);
        f = sdscatlen(put_len(f, 1), consumers[i].id, 16);
    }
    return f;
}

static sds put_value(sds f, unsigned type, int number) {
    size_t n;
    switch (type) {
    case 0: return put_string(f, number);
    case 1:
    case 2:
    case 3:
    case 4:
    case 5: return put_collection(f, type, number);
    case 9: n = make_texts(60, true, false); return put_block(put_key(f, type, number), zipmap_of(texts, n));
    case 10:
        n = make_texts(60, false, false);
        return put_block(put_key(f, type, number), ziplist_of(texts, n));
    case 13:
        n = make_texts(60, true, false);
        return put_block(put_key(f, type, number), ziplist_of(texts, n));
    case 16:
        n = make_texts(60, true, false);
        return put_block(put_key(f, type, number), listpack_of(texts, n));
    case 20:
        n = make_texts(60, false, false);
        return put_block(put_key(f, type, number), listpack_of(texts, n));
    case 11: return put_intset(f, number);
    case 12:
    case 17: return put_scored(f, type, number);
    case 14:
    case 18: return put_nodes(f, type, number);
    default: return put_stream(f, type, number);
    }
}

/* --- files --- */

static const struct {
    unsigned type;
    int since;
} types[] = {{0, 1},  {1, 1},  {2, 1}, {3, 1},  {4, 1},   {9, 2},   {10, 2},  {11, 2}, {12, 2},
             {13, 4}, {14, 7}, {5, 8}, {15, 9}, {16, 10}, {17, 10}, {18, 10}, {19, 10}};

static sds put_expiry(sds f, int version) {
    if (!chance(30)) return f;
    uint64_t when_s = 4000000000u + test_below(1000);
    if (version < 3) return put_le(put_u8(f, 0xFD), 2100000000u, 4);
    return put_le(put_u8(f, 0xFC), when_s * 1000, 8);
}

static sds begin_file(int version) {
    sds f = sdscatprintf(sdsempty(), "REDIS%04d", version);
    if (version < 7) return f;
    return sdscatlen(f,
                     "\xfa\x09redis-ver\x05"
                     "3.2.0\xfa\x0aredis-bits\xc0\x40",
                     31);
}

static sds end_file(sds f, int version) {
    f = put_u8(f, 0xFF);
    return version < 5 ? f : put_le(f, crc64(0, f, sdslen(f)), 8);
}

static sds make_file(int version) {
    sds f = begin_file(version);
    for (int db = 0; db < 3; db++) {
        f = put_len(put_u8(f, 0xFE), (size_t)db * 5);
        if (version >= 7) f = put_len(put_len(put_u8(f, 0xFB), 100), 30);
        for (size_t t = 0; t < sizeof types / sizeof *types; t++)
            for (int i = 0; types[t].since <= version && i < 4; i++)
                f = put_value(put_expiry(f, version), types[t].type, i);
    }
    return end_file(f, version);
}

static void load(struct srv *s, sds file) {
    char path[200];
    snprintf(path, sizeof path, "%s/dump.rdb", s->dir);
    FILE *to = fopen(path, "w");
    cr_assert(to && fwrite(file, 1, sdslen(file), to) == sdslen(file) && fclose(to) == 0);
    EXPECT(s, "OK", "DEBUG RELOAD NOSAVE");
}

Test(old_files, are_read_as_the_real_one_reads_them) {
    struct srv *ours = srv_start(TANDEM, " "), *real = srv_start(REDIS, " ");
    test_seed();
    for (int round = 0; round < test_scale(); round++)
        for (int version = 1; version <= 10; version++) {
            sds f = make_file(version);
            load(ours, f);
            load(real, f);
            cr_assert(srv_int(ours, "DBSIZE") >= 20);
            if (!srv_same_data(ours, real)) differential_report(ours, real);
            cr_assert(srv_same_data(ours, real), "version %d, TEST_SEED=%llu", version,
                      (unsigned long long)test_seed());
            char want[2000];
            if (version >= 9) {
                snprintf(want, sizeof want, "%s", srv_cmd(real, "XINFO GROUPS k:15:0"));
                EXPECT(ours, want, "XINFO GROUPS k:15:0");
            }
            snprintf(want, sizeof want, "%s", srv_cmd(real, "PEXPIRETIME k:1:0"));
            EXPECT(ours, want, "PEXPIRETIME k:1:0");
            sdsfree(f);
        }
    differential_exchange_files(ours, real);
    srv_free(ours);
    srv_free(real);
}

/* Version 11 has sets as listpacks, and streams whose consumers tell when they were active. */
Test(old_files, version_11_is_read) {
    struct srv *s = srv_start(TANDEM, " "), *real = srv_start(REDIS, " ");
    sds f[2];
    char digest[2][64];
    for (int i = 0; i < 2; i++) {
        f[i] = put_len(put_u8(begin_file(11 - i), 0xFE), 0);
        static const slice set[] = {{"a", 1}, {"12", 2}, {"bb", 2}, {"-5", 2}};
        f[i] = put_named(f[i], i == 0 ? 20 : 2, "set");
        if (i == 0) {
            f[i] = put_block(f[i], listpack_of(set, 4));
        } else {
            f[i] = put_len(f[i], 4);
            for (int k = 0; k < 4; k++) f[i] = put_text(f[i], set[k]);
        }
        f[i] = put_stream(f[i], i == 0 ? 21 : 19, 0);
        f[i] = end_file(f[i], 11 - i);
        load(s, f[i]);
        snprintf(digest[i], sizeof digest[i], "%s", srv_cmd(s, "DEBUG DIGEST-VALUE set"));
        EXPECT(s, "(integer) 4", "SCARD set");
        EXPECT(s, "(integer) 2", "XLEN k:%d:0", i == 0 ? 21 : 19);
    }
    cr_assert_str_eq(digest[0], digest[1]);
    load(real, f[1]);
    EXPECT(real, digest[0], "DEBUG DIGEST-VALUE set");
    for (int i = 0; i < 2; i++) sdsfree(f[i]);
    srv_free(s);
    srv_free(real);
}
