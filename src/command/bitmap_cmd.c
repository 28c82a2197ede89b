/* Bitmap commands: SETBIT, GETBIT, BITCOUNT, BITPOS and BITOP on string values. BITFIELD has its own file; how bits are
 * counted, found and combined is base/bits.h's.
 *
 * Invariant: a string that is written to is "raw" afterwards (str_grow). A write that changes no bit and no length is
 * not signalled, notified or propagated. */
#include "command/bitmap_cmd.h"

#include "base/alloc.h"
#include "base/bits.h"
#include "base/sds.h"
#include "command/families.h"
#include "command/handlers.h"

/* --- shared by the family --- */

bool bitmap_offset(struct client *c, slice s, int width, uint64_t *offset) {
    bool times = width > 0 && s.n > 0 && s.p[0] == '#';
    int64_t v;
    if (times) s = (slice){s.p + 1, s.n - 1};
    bool ok = num_parse_i64(s, &v) && (!times || !__builtin_mul_overflow(v, width, &v)) && v >= 0;
    /* Commands of our master and of append-only files are obeyed whatever their size. */
    if (!ok ||
        (!(c->flags & (CLIENT_MASTER | CLIENT_FAKE)) && v >> 3 >= (int64_t)client_config.max_bulk_bytes)) {
        reply_error(&c->out, "ERR bit offset is not an integer or out of range");
        return false;
    }
    *offset = (uint64_t)v;
    return true;
}

bool bitmap_to_change(struct client *c, slice key, uint64_t last, struct bitmap *b) {
    struct db *db = client_db(c);
    struct entry *e = db_write(db, key, 0);
    if (!cmd_type_is(c, e, TYPE_STRING)) return false;
    size_t need = last / 8 + 1, old = e ? str_len(e) : 0;
    *b = (struct bitmap){.n = old > need ? old : need, .grown = need > old};
    if (!e) e = db_set_string(db, key, SLICE(""), NO_EXPIRE);
    b->bytes = str_grow(db, &e, b->n);
    return true;
}

/* The string at key, or an empty one. */
static bool bitmap_to_read(struct client *c, slice key, char scratch[NUM_INT_BYTES], slice *s) {
    struct entry *e = db_read(client_db(c), key, 0);
    if (!cmd_type_is(c, e, TYPE_STRING)) return false;
    *s = e ? str_get(e, scratch) : SLICE("");
    return true;
}

/* --- one bit --- */

void setbit_command(struct client *c, const slice *argv, int argc) {
    (void)argc;
    static const char not_a_bit[] = "ERR bit is not an integer or out of range";
    uint64_t offset;
    int64_t on;
    struct bitmap b;
    if (!bitmap_offset(c, argv[2], 0, &offset) || !cmd_int_in(c, argv[3], 0, 1, &on, not_a_bit)) return;
    if (!bitmap_to_change(c, argv[1], offset, &b)) return;
    int64_t was = (int64_t)bits_read((slice){b.bytes, b.n}, offset, 1);
    if (b.grown || was != on) {
        bits_write(b.bytes, offset, 1, (uint64_t)on);
        ks_dirty++;
        cmd_changed(c, argv[1], NOTIFY_STRING, "setbit");
    }
    reply_int(&c->out, was);
}

void getbit_command(struct client *c, const slice *argv, int argc) {
    (void)argc;
    char scratch[NUM_INT_BYTES];
    uint64_t offset;
    slice s;
    if (!bitmap_offset(c, argv[2], 0, &offset) || !bitmap_to_read(c, argv[1], scratch, &s)) return;
    reply_int(&c->out, (int64_t)bits_read(s, offset, 1));
}

/* --- ranges --- */

/* A range as a client gives it: in bytes or in bits, both ends included, negative from the end. */
struct range {
    int64_t start, end;
    bool bits;
};

static bool range_unit(struct client *c, slice s, bool *bits) {
    *bits = slice_is(s, "bit");
    if (*bits || slice_is(s, "byte")) return true;
    cmd_syntax_error(c);
    return false;
}

/* Makes it first and last bit of a string of n bytes; false: nothing is left. */
static bool range_in_bits(struct range *r, size_t n) {
    int64_t length = (int64_t)n * (r->bits ? 8 : 1);
    if (r->start < 0) r->start = r->start + length > 0 ? r->start + length : 0;
    if (r->end < 0) r->end = r->end + length > 0 ? r->end + length : 0;
    if (r->end >= length) r->end = length - 1;
    if (r->start > r->end) return false;
    if (!r->bits) {
        r->start *= 8;
        r->end = r->end * 8 + 7;
    }
    return true;
}

void bitcount_command(struct client *c, const slice *argv, int argc) {
    struct entry *e = db_read(client_db(c), argv[1], 0);
    struct range r = {.end = -1};
    char scratch[NUM_INT_BYTES];
    if (!e) { /* before the syntax is looked at, as in Redis */
        reply_int(&c->out, 0);
        return;
    }
    if (!cmd_type_is(c, e, TYPE_STRING)) return;
    if (argc == 3 || argc > 5) {
        cmd_syntax_error(c);
        return;
    }
    if (argc >= 4) {
        if (!cmd_i64(c, argv[2], &r.start, NULL) || !cmd_i64(c, argv[3], &r.end, NULL)) return;
        if (r.start < 0 && r.end < 0 && r.start > r.end) { /* decided before clamping, and before the unit */
            reply_int(&c->out, 0);
            return;
        }
        if (argc == 5 && !range_unit(c, argv[4], &r.bits)) return;
    }
    slice s = str_get(e, scratch);
    bool some = range_in_bits(&r, s.n);
    reply_int(&c->out, some ? (int64_t)bits_count(s, (uint64_t)r.start, (uint64_t)r.end) : 0);
}

static bool bitpos_range(struct client *c, const slice *argv, int argc, struct range *r) {
    *r = (struct range){.end = -1};
    if (argc > 6) {
        cmd_syntax_error(c);
        return false;
    }
    if (argc > 3 && !cmd_i64(c, argv[3], &r->start, NULL)) return false;
    if (argc > 5 && !range_unit(c, argv[5], &r->bits)) return false;
    return argc < 5 || cmd_i64(c, argv[4], &r->end, NULL);
}

void bitpos_command(struct client *c, const slice *argv, int argc) {
    char scratch[NUM_INT_BYTES];
    struct range r;
    int64_t bit, at = -1;
    if (!cmd_i64(c, argv[2], &bit, NULL)) return;
    if (bit != 0 && bit != 1) {
        reply_error(&c->out, "ERR The bit argument must be 1 or 0.");
        return;
    }
    struct entry *e = db_read(client_db(c), argv[1], 0);
    if (!e) { /* endless zeros, whatever the range */
        reply_int(&c->out, bit ? -1 : 0);
        return;
    }
    if (!cmd_type_is(c, e, TYPE_STRING) || !bitpos_range(c, argv, argc, &r)) return;
    slice s = str_get(e, scratch);
    if (range_in_bits(&r, s.n)) {
        at = bits_find(s, bit, (uint64_t)r.start, (uint64_t)r.end);
        /* Without an end, zeros follow the string. */
        if (at < 0 && bit == 0 && argc < 5) at = (int64_t)s.n * 8;
    }
    reply_int(&c->out, at);
}

/* --- BITOP --- */

struct source {
    slice s;
    char scratch[NUM_INT_BYTES];
};

static bool bitop_by_name(struct client *c, slice name, int n_sources, enum bits_op *op, bool *invert) {
    static const char *const names[] = {[BITS_AND] = "and", [BITS_OR] = "or", [BITS_XOR] = "xor"};
    *invert = slice_is(name, "not");
    *op = BITS_OR;
    if (*invert && n_sources != 1) {
        reply_error(&c->out, "ERR BITOP NOT must be called with a single source key.");
        return false;
    }
    if (*invert) return true;
    for (int i = BITS_AND; i <= BITS_XOR; i++) {
        *op = (enum bits_op)i;
        if (slice_is(name, names[i])) return true;
    }
    cmd_syntax_error(c);
    return false;
}

/* Shorter sources go on with zeros. */
static sds combined(enum bits_op op, bool invert, const struct source *src, int n, size_t length) {
    sds out = sds_grow_zero(sds_newlen(src[0].s.p, src[0].s.n), length);
    for (int i = 1; i < n; i++) {
        bits_combine(op, out, src[i].s.p, src[i].s.n);
        if (op == BITS_AND) memset(out + src[i].s.n, 0, length - src[i].s.n);
    }
    if (invert) bits_invert(out, length);
    return out;
}

static void bitop_store(struct client *c, slice key, sds bytes) {
    if (bytes) {
        struct value v = {.type = TYPE_STRING, .encoding = VALUE_RAW, .ptr = bytes};
        db_set(client_db(c), key, &v, NO_EXPIRE);
        ks_dirty++;
        cmd_changed(c, key, NOTIFY_STRING, "set");
    } else {
        cmd_store_nothing(c, key);
    }
}

void bitop_command(struct client *c, const slice *argv, int argc) {
    int n = argc - 3;
    enum bits_op op;
    bool invert, ok = true;
    size_t length = 0, bytes = (size_t)n * sizeof(struct source);
    if (!bitop_by_name(c, argv[1], n, &op, &invert)) return;
    struct source *src = mem_alloc(bytes);
    for (int i = 0; ok && i < n; i++) {
        ok = bitmap_to_read(c, argv[3 + i], src[i].scratch, &src[i].s);
        if (ok && src[i].s.n > length) length = src[i].s.n;
    }
    if (ok) {
        bitop_store(c, argv[2], length ? combined(op, invert, src, n, length) : NULL);
        reply_int(&c->out, (int64_t)length);
    }
    mem_free(src, bytes);
}
