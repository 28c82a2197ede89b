/* A look at the head of an RDB file, without loading it: what its server used of memory, and whether there is any key.
 *
 * Aux fields and function libraries come before the keys; the first thing that is neither decides. A file that can't be
 * understood so far is not judged: whoever loads it will. */
#include "base/num.h"
#include "rdb/codec.h"
#include "rdb/format.h"
#include "rdb/rdb.h"
#include <fcntl.h>
#include <unistd.h>

static bool peek_aux(struct rdb_reader *r, struct rdb_peek *out) {
    slice name, value;
    sds hold = NULL;
    int64_t number;
    bool ok = rdb_get_string(r, &name, &hold), used_mem = ok && slice_is(name, "used-mem");
    ok = ok && rdb_get_string(r, &value, &hold);
    if (ok && used_mem && num_parse_i64(value, &number) && number > 0) out->used_mem_bytes = (uint64_t)number;
    sds_free(hold);
    return ok;
}

static bool peek_items(struct rdb_reader *r, struct rdb_peek *out) {
    uint8_t op;
    uint64_t n;
    while (rdb_get_u8(r, &op)) {
        switch (op) {
        case RDB_OP_AUX:
            if (!peek_aux(r, out)) return false;
            break;
        case RDB_OP_SELECTDB:
            if (!rdb_get_len(r, &n)) return false;
            break;
        case RDB_OP_RESIZEDB:
            if (!rdb_get_len(r, &n) || !rdb_get_len(r, &n)) return false;
            break;
        case RDB_OP_FUNCTION2:
            if (!rdb_skip_string(r)) return false;
            break;
        case RDB_OP_MODULE_AUX: out->has_keys = true; return true; /* somebody's data */
        default: out->has_keys = op != RDB_OP_EOF; return true;
        }
    }
    return false;
}

bool rdb_peek(const char *path, struct rdb_peek *out) {
    struct rdb_reader r;
    *out = (struct rdb_peek){0};
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) return false;
    rdb_reader_fd(&r, fd);
    bool ok = rdb_skip(&r, RDB_HEADER_BYTES) && peek_items(&r, out);
    rdb_reader_free(&r);
    close(fd);
    return ok;
}
