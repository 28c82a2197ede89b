/* Aux fields (who made the file, when, and which replication history it continues), and skipping what we have no use for:
 * module aux data and function libraries, with a warning. Nothing here fails for an unknown name: only for bad form. */
#include "base/clock.h"
#include "base/log.h"
#include "base/num.h"
#include "rdb/codec.h"
#include "rdb/load_parts.h"
#include <ctype.h>

#define SHOWN_BYTES 64

/* The file's words for the log: cut, and without control characters that would forge lines. */
static const char *printable(slice s, char out[SHOWN_BYTES + 1]) {
    size_t n = s.n < SHOWN_BYTES ? s.n : SHOWN_BYTES;
    for (size_t i = 0; i < n; i++) out[i] = isprint((unsigned char)s.p[i]) ? s.p[i] : '?';
    out[n] = '\0';
    return out;
}

static bool is_replid(slice s) {
    for (size_t i = 0; i < s.n; i++)
        if (!isxdigit((unsigned char)s.p[i])) return false;
    return s.n == 40;
}

/* The replication identity is all or nothing: has_repl only when both the id and the offset were there. */
static void take_repl_field(struct rdb_info *info, slice name, slice value, int64_t number) {
    if (slice_is(name, "repl-stream-db")) {
        info->repl_stream_db = number >= 0 && number < ks_count() ? (int)number : -1;
    } else if (slice_is(name, "repl-id")) {
        if (!is_replid(value)) return;
        memcpy(info->repl_id, value.p, 40);
        info->repl_id[40] = '\0';
    } else if (slice_is(name, "repl-past")) {
        if (value.n >= sizeof info->repl_past || memchr(value.p, '\0', value.n)) return;
        memcpy(info->repl_past, value.p, value.n);
        info->repl_past[value.n] = '\0';
    } else if (slice_is(name, "repl-offset") && number >= 0) {
        info->repl_offset = number;
    }
    info->has_repl = info->repl_id[0] && info->repl_offset >= 0;
}

static void take_aux(slice name, slice value, struct rdb_info *info) {
    char text[SHOWN_BYTES + 1], label[SHOWN_BYTES + 1];
    int64_t number = -1;
    num_parse_i64(value, &number);
    if (slice_is(name, "redis-ver")) {
        log_notice("Loading RDB produced by version %s", printable(value, text));
    } else if (slice_is(name, "ctime")) {
        int64_t age_s = clock_wall_us() / 1000000 - number;
        log_notice("RDB age %ld seconds", (long)(age_s < 0 ? 0 : age_s));
    } else if (slice_is(name, "used-mem")) {
        if (number > 0) rdb_loading.used_mem_bytes = (uint64_t)number;
        log_notice("RDB memory usage when created %.2f Mb", (double)number / (1024 * 1024));
    } else if (slice_is(name, "aof-base")) {
        if (number == 1) log_notice("RDB is base AOF");
    } else if (name.n > 5 && memcmp(name.p, "repl-", 5) == 0) {
        if (info) take_repl_field(info, name, value, number);
    } else if (name.n > 0 && name.p[0] == '%') {
        log_notice("RDB '%s': %s", printable(name, label), printable(value, text));
    } else if (!slice_is(name, "redis-bits")) {
        log_debug("Unrecognized RDB AUX field: '%s' '%s'", printable(name, label), printable(value, text));
    }
}

bool rdb_load_aux(struct rdb_reader *r, struct rdb_info *info) { /* V12 */
    slice name, value;
    sds name_hold = NULL, value_hold = NULL;
    char kept[SHOWN_BYTES]; /* longer names are nobody's */
    bool ok = rdb_get_string(r, &name, &name_hold);
    if (ok) {
        name.n = name.n < sizeof kept ? name.n : sizeof kept;
        memcpy(kept, name.p, name.n);
        name.p = kept;
        ok = rdb_get_string(r, &value, &value_hold);
    }
    if (ok) take_aux(name, value, info);
    sds_free(name_hold);
    sds_free(value_hold);
    return ok;
}

/* A module type's id: nine characters of six bits, then ten bits of version. */
static void module_name(uint64_t id, char out[10]) {
    static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    out[9] = '\0';
    id >>= 10;
    for (int i = 8; i >= 0; i--, id >>= 6) out[i] = alphabet[id & 63];
}

bool rdb_skip_module_aux(struct rdb_reader *r) { /* V12 */
    uint64_t id, tag, number;
    char name[10];
    if (!rdb_get_len(r, &id)) return false;
    module_name(id, name);
    log_warning(
        "The RDB file contains AUX data of the module '%s', which is skipped: modules are not supported",
        name);
    for (;;) {
        bool ok = rdb_get_len(r, &tag);
        if (!ok || tag == RDB_MODULE_END) return ok;
        switch (tag) {
        case RDB_MODULE_SINT:
        case RDB_MODULE_UINT: ok = rdb_get_len(r, &number); break;
        case RDB_MODULE_FLOAT: ok = rdb_skip(r, sizeof(float)); break;
        case RDB_MODULE_DOUBLE: ok = rdb_skip(r, sizeof(double)); break;
        case RDB_MODULE_STRING: ok = rdb_skip_string(r); break;
        default: return rdb_reader_fail(r, "unknown tag %llu in a module's data", (unsigned long long)tag);
        }
        if (!ok) return false;
    }
}

bool rdb_skip_function(struct rdb_reader *r) {
    log_warning("The RDB file contains a function library, which is skipped: functions are not supported");
    return rdb_skip_string(r);
}
