/* BITFIELD and BITFIELD_RO: integers of 1 to 64 bits anywhere in a string value.
 *
 * Invariant: the whole request is understood before anything is read or written, and the string has its final length
 * before the first operation. Numbers are computed in 128 bits, where no operation can overflow, and then fitted. */
#include "base/alloc.h"
#include "base/bits.h"
#include "command/bitmap_cmd.h"
#include "command/handlers.h"

enum overflow { OVERFLOW_WRAP, OVERFLOW_SAT, OVERFLOW_FAIL };

struct op {
    enum { FIELD_GET, FIELD_SET, FIELD_INCRBY } what;
    enum overflow overflow;
    bool is_signed;
    int width;
    uint64_t offset;
    int64_t arg; /* the value of SET, the increment of INCRBY */
};

/* All operations of a request; no more than a third of its words. */
struct ops {
    struct op *at;
    int n, room;
    bool writes;
    uint64_t last_bit; /* the highest that is written */
};

/* --- parsing --- */

static bool parse_type(struct client *c, slice s, struct op *op) {
    int64_t width = 0;
    op->is_signed = s.n > 0 && s.p[0] == 'i';
    bool ok = s.n > 0 && (op->is_signed || s.p[0] == 'u') &&
              num_parse_i64((slice){s.p + 1, s.n - 1}, &width) && width >= 1 &&
              width <= (op->is_signed ? 64 : 63);
    op->width = (int)width;
    if (!ok)
        reply_error(&c->out, "ERR Invalid bitfield type. Use something like i16 u8. Note that u64 is not "
                             "supported but i64 is.");
    return ok;
}

static bool parse_overflow(struct client *c, slice s, enum overflow *o) {
    static const char *const words[] = {
        [OVERFLOW_WRAP] = "wrap", [OVERFLOW_SAT] = "sat", [OVERFLOW_FAIL] = "fail"};
    for (int i = OVERFLOW_WRAP; i <= OVERFLOW_FAIL; i++) {
        *o = (enum overflow)i;
        if (slice_is(s, words[i])) return true;
    }
    reply_error(&c->out, "ERR Invalid OVERFLOW type specified");
    return false;
}

/* argv is at the operation's word. Returns how many words it took; 0: an error has been replied. */
static int parse_op(struct client *c, const slice *argv, int left, struct op *op) {
    bool get = slice_is(argv[0], "get");
    if (get && left > 2) {
        op->what = FIELD_GET;
    } else if (left > 3 && (slice_is(argv[0], "set") || slice_is(argv[0], "incrby"))) {
        op->what = slice_is(argv[0], "set") ? FIELD_SET : FIELD_INCRBY;
    } else {
        cmd_syntax_error(c);
        return 0;
    }
    if (!parse_type(c, argv[1], op) || !bitmap_offset(c, argv[2], op->width, &op->offset)) return 0;
    if (get) return 3;
    return cmd_i64(c, argv[3], &op->arg, NULL) ? 4 : 0;
}

static bool parse_ops(struct client *c, const slice *argv, int argc, struct ops *ops) {
    enum overflow overflow = OVERFLOW_WRAP;
    for (int i = 2; i < argc;) {
        if (slice_is(argv[i], "overflow") && i + 1 < argc) {
            if (!parse_overflow(c, argv[i + 1], &overflow)) return false;
            i += 2;
            continue;
        }
        struct op *op = &ops->at[ops->n];
        int took = parse_op(c, argv + i, argc - i, op);
        if (took == 0) return false;
        i += took;
        ops->n++;
        op->overflow = overflow;
        if (op->what == FIELD_GET) continue;
        ops->writes = true;
        uint64_t last = op->offset + (uint64_t)op->width - 1;
        if (last > ops->last_bit) ops->last_bit = last;
    }
    return true;
}

/* --- computing --- */

static __int128 number_of(uint64_t raw, const struct op *op) {
    if (!op->is_signed) return raw;
    int unused = 64 - op->width;
    return (int64_t)(raw << unused) >> unused;
}

/* v as a number of that width. False: it doesn't fit, and FAIL was asked for. */
static bool fit(const struct op *op, __int128 *v) {
    __int128 min = op->is_signed ? -((__int128)1 << (op->width - 1)) : 0;
    __int128 max = ((__int128)1 << (op->is_signed ? op->width - 1 : op->width)) - 1;
    if (*v >= min && *v <= max) return true;
    /* SET of a signed number so low that its distance to max is beyond 64 bits counts as too high, as in Redis. */
    bool high = *v > max || (op->what == FIELD_SET && op->is_signed && max - *v > INT64_MAX);
    if (op->overflow == OVERFLOW_SAT) *v = high ? max : min;
    if (op->overflow == OVERFLOW_WRAP) *v = number_of((uint64_t)*v & (~(uint64_t)0 >> (64 - op->width)), op);
    return op->overflow != OVERFLOW_FAIL;
}

/* Replies what the operation returns; true when it wrote something else than what was there. */
static bool run_op(struct client *c, const struct op *op, slice s, char *bytes, bool *wrote) {
    __int128 old = number_of(bits_read(s, op->offset, op->width), op), v = old;
    *wrote = false;
    if (op->what == FIELD_GET) {
        reply_int(&c->out, (int64_t)old);
        return false;
    }
    if (op->what == FIELD_INCRBY)
        v += op->arg;
    else /* a negative number for an unsigned field is a huge one */
        v = op->is_signed ? (__int128)op->arg : (__int128)(uint64_t)op->arg;
    if (!fit(op, &v)) {
        reply_null(&c->out);
        return false;
    }
    reply_int(&c->out, (int64_t)(op->what == FIELD_SET ? old : v));
    bits_write(bytes, op->offset, op->width, (uint64_t)v);
    *wrote = true;
    return v != old;
}

static void run_reads(struct client *c, slice key, const struct ops *ops) {
    struct entry *e = db_read(client_db(c), key, 0);
    char scratch[NUM_INT_BYTES];
    bool wrote;
    if (!cmd_type_is(c, e, TYPE_STRING)) return;
    slice s = e ? str_get(e, scratch) : SLICE("");
    reply_array(&c->out, ops->n);
    for (int i = 0; i < ops->n; i++) run_op(c, &ops->at[i], s, NULL, &wrote);
}

static void run_writes(struct client *c, slice key, const struct ops *ops) {
    struct bitmap b;
    uint64_t changes = 0;
    if (!bitmap_to_change(c, key, ops->last_bit, &b)) return;
    reply_array(&c->out, ops->n);
    for (int i = 0; i < ops->n; i++) {
        bool wrote, differs = run_op(c, &ops->at[i], (slice){b.bytes, b.n}, b.bytes, &wrote);
        changes += differs || (b.grown && wrote);
    }
    if (changes) {
        ks_dirty += changes;
        cmd_changed(c, key, NOTIFY_STRING, "setbit");
    } else if (b.grown) {
        /* Every operation failed, yet the string has grown. Redis tells nobody; our replicas are to have the same bytes. */
        ks_dirty++;
        db_modified(client_db(c), key);
    }
}

static void bitfield(struct client *c, const slice *argv, int argc, bool read_only) {
    struct ops ops = {.room = argc / 3 + 1};
    size_t bytes = (size_t)ops.room * sizeof *ops.at;
    ops.at = mem_alloc(bytes);
    if (parse_ops(c, argv, argc, &ops)) {
        if (!ops.writes)
            run_reads(c, argv[1], &ops);
        else if (read_only)
            reply_error(&c->out, "ERR BITFIELD_RO only supports the GET subcommand");
        else
            run_writes(c, argv[1], &ops);
    }
    mem_free(ops.at, bytes);
}

void bitfield_command(struct client *c, const slice *argv, int argc) {
    bitfield(c, argv, argc, false);
}

void bitfield_ro_command(struct client *c, const slice *argv, int argc) {
    bitfield(c, argv, argc, true);
}
