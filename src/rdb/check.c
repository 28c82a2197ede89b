/* See check.h. The words in `doing` and the lines that are said are those of redis-check-rdb. */
#include "rdb/check.h"

#include "base/clock.h"
#include "rdb/codec.h"
#include "rdb/load_parts.h"
#include <ctype.h>
#include <stdio.h>

const char *rdb_type_name(int rdb_type) {
    static const char *const names[RDB_TYPES] = {"string",
                                                 "list-linked",
                                                 "set-hashtable",
                                                 "zset-v1",
                                                 "hash-hashtable",
                                                 "zset-v2",
                                                 "module-pre-release",
                                                 "module-value",
                                                 "",
                                                 "hash-zipmap",
                                                 "list-ziplist",
                                                 "set-intset",
                                                 "zset-ziplist",
                                                 "hash-ziplist",
                                                 "quicklist",
                                                 "stream",
                                                 "hash-listpack",
                                                 "zset-listpack",
                                                 "quicklist-v2",
                                                 "stream-v2",
                                                 "set-listpack",
                                                 "stream-v3"};
    return rdb_type >= 0 && rdb_type < RDB_TYPES ? names[rdb_type] : "unknown";
}

void rdb_check_init(struct rdb_check *c, void (*say)(uint64_t offset, const char *line)) {
    *c = (struct rdb_check){.say = say, .rdb_type = -1, .doing = "start"};
}

void rdb_check_free(struct rdb_check *c) {
    for (int i = 0; i < RDB_CHECK_BIGGEST; i++) sds_free(c->biggest[i].key);
    sds_free(c->key);
}

static bool check_header(struct rdb_check *c, struct rdb_reader *r) {
    const char *p = rdb_take(r, RDB_HEADER_BYTES);
    char line[80];
    if (!p) return false;
    if (memcmp(p, RDB_MAGIC, sizeof RDB_MAGIC - 1) != 0)
        return rdb_reader_fail(r, "Wrong signature trying to load DB from file");
    int version = 0;
    for (int i = (int)sizeof RDB_MAGIC - 1; i < RDB_HEADER_BYTES; i++)
        version = version * 10 + (isdigit((unsigned char)p[i]) ? p[i] - '0' : 1000);
    c->version = version;
    if (version >= 1 && version <= RDB_VERSION_MAX) return true;
    snprintf(line, sizeof line, "Can't handle RDB format version %d", version);
    c->say(rdb_reader_offset(r), line);
    return rdb_reader_fail(r, "%s", line);
}

/* Texts of the file may have any length: so much of them is shown. */
static int shown_bytes(slice s) {
    enum { SHOWN_MAX = 500 };
    return s.n < SHOWN_MAX ? (int)s.n : SHOWN_MAX;
}

static bool check_aux(struct rdb_check *c, struct rdb_reader *r) {
    slice name, value;
    sds hold = NULL, line = NULL;
    c->doing = "read-aux";
    bool ok = rdb_get_string(r, &name, &hold);
    if (ok) { /* at once: its bytes may go with the next call */
        line = sds_cat_printf(sds_empty(), "AUX FIELD %.*s", shown_bytes(name), name.p);
        ok = rdb_get_string(r, &value, &hold);
    }
    if (ok) {
        line = sds_cat_printf(line, " = '%.*s'", shown_bytes(value), value.p);
        c->say(rdb_reader_offset(r), line);
    }
    sds_free(line);
    sds_free(hold);
    return ok;
}

static void note_size(struct rdb_check *c, int db, int type, uint64_t bytes) {
    int at = RDB_CHECK_BIGGEST;
    c->types[type].keys++;
    c->types[type].bytes += bytes;
    while (at > 0 && (!c->biggest[at - 1].key || c->biggest[at - 1].bytes < bytes)) at--;
    if (at == RDB_CHECK_BIGGEST) return;
    sds_free(c->biggest[RDB_CHECK_BIGGEST - 1].key);
    memmove(&c->biggest[at + 1], &c->biggest[at],
            (size_t)(RDB_CHECK_BIGGEST - 1 - at) * sizeof c->biggest[0]);
    c->biggest[at].key = sds_dup(c->key);
    c->biggest[at].bytes = bytes;
    c->biggest[at].db = db;
    c->biggest[at].type = type;
}

static bool check_key(struct rdb_check *c, struct rdb_reader *r, uint8_t type, int db, int64_t expire_ms) {
    uint64_t start = rdb_reader_offset(r);
    slice key;
    sds hold = NULL;
    struct value v;
    c->rdb_type = type;
    c->doing = "read-key";
    bool ok = rdb_get_key(r, &key, &hold);
    if (ok) {
        sds_free(c->key);
        c->key = sds_newlen(key.p, key.n);
        c->keys++;
        c->doing = "read-object-value";
        ok = rdb_load_value(r, type, &v, &hold);
        if (r->empty_value && !c->empty_is_sound) rdb_reader_fail(r, "a value without elements");
        if (ok) note_size(c, db, v.type, rdb_reader_offset(r) - start);
        value_free(&v);
        if (ok && c->is_first && !c->is_first(c->is_first_ctx, db, sds_slice(c->key))) {
            ok = rdb_reader_fail(r, "duplicated key");
            r->fail_offset = start - 1; /* of the type byte, as a load tells it */
        }
        ok = ok || (r->empty_value && c->empty_is_sound);
    }
    if (ok && expire_ms != NO_EXPIRE) {
        c->expires++;
        c->already_expired += expire_ms < clock_wall_us() / 1000;
    }
    sds_free(hold);
    return ok;
}

static bool check_trailer(struct rdb_check *c, struct rdb_reader *r) {
    uint64_t got, expected = rdb_reader_crc(r);
    c->doing = "check-sum";
    c->at_end = true;
    if (c->version < RDB_VERSION_CRC) return true;
    if (!rdb_get_u64le(r, &got)) return false;
    if (!r->checksum) return true;
    if (got != 0 && got != expected) return rdb_reader_fail(r, "RDB CRC error");
    c->say(rdb_reader_offset(r),
           got ? "Checksum OK" : "RDB file was saved with checksum disabled: no check performed.");
    return true;
}

struct place {
    int db;
    int64_t expire_ms;
};

/* An opcode that is not EOF, or a key. */
static bool check_item(struct rdb_check *c, struct rdb_reader *r, uint8_t op, struct place *at) {
    uint64_t n;
    uint32_t seconds;
    uint8_t byte;
    char line[64];
    switch (op) {
    case RDB_OP_EXPIRETIME:
        c->doing = "read-expire";
        if (!rdb_get_u32le(r, &seconds)) return false;
        at->expire_ms = (int64_t)(int32_t)seconds * 1000;
        return true;
    case RDB_OP_EXPIRETIME_MS:
        c->doing = "read-expire";
        if (!rdb_get_u64le(r, &n)) return false;
        at->expire_ms = (int64_t)n;
        return true;
    case RDB_OP_FREQ: return rdb_get_u8(r, &byte);
    case RDB_OP_IDLE: return rdb_get_len(r, &n);
    case RDB_OP_SELECTDB:
        c->doing = "read-len";
        if (!rdb_get_len(r, &n)) return false;
        at->db = (int)n;
        if (n >= c->databases) c->databases = n + (n < UINT64_MAX);
        snprintf(line, sizeof line, "Selecting DB ID %llu", (unsigned long long)n);
        c->say(rdb_reader_offset(r), line);
        return true;
    case RDB_OP_RESIZEDB: c->doing = "read-len"; return rdb_get_len(r, &n) && rdb_get_len(r, &n);
    case RDB_OP_AUX: return check_aux(c, r);
    case RDB_OP_MODULE_AUX: c->doing = "read-module-aux"; return rdb_skip_module_aux(r);
    case RDB_OP_FUNCTION2: c->doing = "read-function"; return rdb_skip_function(r);
    default: break;
    }
    int64_t expire_ms = at->expire_ms;
    at->expire_ms = NO_EXPIRE;
    return check_key(c, r, op, at->db, expire_ms);
}

/* These belong to the key that follows. */
static bool is_hint(uint8_t op) {
    return op == RDB_OP_EXPIRETIME || op == RDB_OP_EXPIRETIME_MS || op == RDB_OP_IDLE || op == RDB_OP_FREQ;
}

bool rdb_check_stream(struct rdb_check *c, struct rdb_reader *r) {
    struct place at = {.expire_ms = NO_EXPIRE};
    uint8_t op = RDB_OP_AUX;
    if (!check_header(c, r)) return false;
    for (;;) {
        if (!is_hint(op)) c->sound_end = rdb_reader_offset(r);
        c->doing = "read-type";
        rdb_reader_progress(r);
        if (!rdb_get_u8(r, &op)) return false;
        if (op == RDB_OP_EOF) return check_trailer(c, r);
        if (!check_item(c, r, op, &at)) return false;
    }
}
