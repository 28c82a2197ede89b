/* The expected digests were printed by redis-server 7.0.15 (DEBUG DIGEST, DEBUG DIGEST-VALUE) for the same data. */
#include "unit/keyspace/keyspace_support.h"

#include <criterion/criterion.h>

#include "base/alloc.h"
#include "keyspace/digest.h"

TestSuite(ks_digest, .init = ks_test_init, .fini = ks_test_fini);

static void assert_dataset(const char *want) {
    uint8_t d[SHA1_BYTES];
    char hex[2 * SHA1_BYTES + 1] = {0};
    ks_digest(d);
    hex_encode(hex, d, sizeof d);
    cr_assert_str_eq(hex, want);
}

static void assert_value(slice key, const char *want) {
    uint8_t d[SHA1_BYTES];
    char hex[2 * SHA1_BYTES + 1] = {0};
    entry_digest(db_read(ks_db(0), key, LOOKUP_NOEFFECTS), d);
    hex_encode(hex, d, sizeof d);
    cr_assert_str_eq(hex, want);
}

static void set(int dbid, slice key, slice value, int64_t expire_ms) {
    db_set_string(ks_db(dbid), key, value, expire_ms);
}

Test(ks_digest, strings) {
    assert_dataset("0000000000000000000000000000000000000000");
    set(0, SLICE("foo"), SLICE("bar"), NO_EXPIRE);
    assert_dataset("d2ab4820c1be0580ea28efbfe8bfa1dc05bb802a");
    assert_value(SLICE("foo"), "68467c70ae30376e7ce005bcc8827f5ba7fd67dc");
    set(0, SLICE("n"), SLICE("12345"), NO_EXPIRE);
    set(0, SLICE("neg"), SLICE("-9223372036854775808"), NO_EXPIRE);
    set(0, SLICE("empty"), SLICE(""), NO_EXPIRE);
    set(0, SLICE(""), SLICE("emptykey"), NO_EXPIRE);
    assert_dataset("cd4615018dc11c0a5698f2630820c8a48acce588");
    assert_value(SLICE("n"), "e1cf90774e995ae03de66e8109dc5cb9d9c2dc83");
    assert_value(SLICE("neg"), "4191566616a6d8b974bba999f8e82b3f2c8dcce0");
    assert_value(SLICE("empty"), "8b3447c33a834b810e3e181b6fd6a2ee1020921c");
    assert_value(SLICE(""), "12cb119005c42499fabca39f050e2e847cbded0e");

    char big[5000];
    memset(big, 'x', sizeof big);
    set(0, SLICE("big"), (slice){big, sizeof big}, NO_EXPIRE);
    set(0, SLICE("t"), SLICE("v"), T0 + 100000000);
    set(0, SLICE("bin"), SLICE("a\0b\xff"), NO_EXPIRE);
    assert_dataset("eed71533170abeec2ea6971d7054b111a28872c0");
    assert_value(SLICE("big"), "e89a55262642bff99285a1e3f178ccdbef1d0651");
    assert_value(SLICE("t"), "311b17018163335616e089f6b951c82c477335ac");
    assert_value(SLICE("bin"), "8116e10ae61145685ef845f5b3b34822b09dd5ef");
    set(9, SLICE("foo"), SLICE("bar"), NO_EXPIRE);
    assert_dataset("6d0b4e4733c22947df6449763f3eaa4471f6862e");
}

Test(ks_digest, the_database_number_counts) {
    set(1, SLICE("foo"), SLICE("bar"), NO_EXPIRE);
    assert_dataset("ca1ca3c163c25b0650d3afe1417fd35e01ab7498");
}

/* How the other types will mix, with vectors of RPUSH l a b a; SADD s x y z; ZADD z 1.5 a -3 b; HSET h f v g w; XADD st 1-1 a b. */
static void mix_all(uint8_t *d, const char *const *words) {
    for (; *words; words++) digest_mix(d, *words, strlen(*words));
}

static void list_digest(unsigned encoding, const void *ptr, uint8_t *d) {
    (void)encoding, (void)ptr;
    mix_all(d, (const char *const[]){"a", "b", "a", NULL});
}

static void set_digest(unsigned encoding, const void *ptr, uint8_t *d) {
    (void)encoding, (void)ptr;
    for (const char *p = "yzx"; *p; p++) digest_xor(d, p, 1);
}

static void xor_pair(uint8_t *d, const char *a, const char *b) {
    uint8_t pair[SHA1_BYTES] = {0};
    mix_all(pair, (const char *const[]){a, b, NULL});
    digest_xor(d, pair, sizeof pair);
}

static void zset_digest(unsigned encoding, const void *ptr, uint8_t *d) {
    (void)encoding, (void)ptr;
    xor_pair(d, "a", "1.5");
    xor_pair(d, "b", "-3");
}

static void hash_digest(unsigned encoding, const void *ptr, uint8_t *d) {
    (void)encoding, (void)ptr;
    xor_pair(d, "g", "w");
    xor_pair(d, "f", "v");
}

static void stream_digest(unsigned encoding, const void *ptr, uint8_t *d) {
    (void)encoding, (void)ptr;
    mix_all(d, (const char *const[]){"1.1", "a", "b", NULL});
}

static const char *no_name(unsigned encoding) {
    (void)encoding;
    return "";
}

static void no_free(unsigned encoding, void *ptr) {
    (void)encoding, (void)ptr;
}

static size_t no_size(unsigned encoding, const void *ptr) {
    (void)encoding, (void)ptr;
    return 0;
}

static void *no_copy(unsigned encoding, const void *ptr) {
    (void)encoding;
    return (void *)(uintptr_t)ptr;
}

Test(ks_digest, other_types_mix_by_their_own_rule) {
    static const struct {
        const char *key;
        enum value_type type;
        void (*digest)(unsigned, const void *, uint8_t *);
        const char *want;
    } rows[] = {
        {"l", TYPE_LIST, list_digest, "e92cf40ff90b137729488530c6870deed6c55138"},
        {"s", TYPE_SET, set_digest, "0fd9977d57e46b1b9b87439f5ac5b338416ccc24"},
        {"z", TYPE_ZSET, zset_digest, "844c7a70ebaf1aa3dfee929ea464014178da68cc"},
        {"h", TYPE_HASH, hash_digest, "d127864ed50239662bf61bafc9bda63c17da5b37"},
        {"st", TYPE_STREAM, stream_digest, "db20534e81d36b705394fcfc8a61996efb6e5a7c"},
    };
    static struct value_type_ops ops[sizeof rows / sizeof *rows];
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        ops[i] = (struct value_type_ops){no_name, no_free, no_size,        NULL,
                                         no_copy, no_size, rows[i].digest, NULL};
        value_register_type(rows[i].type, &ops[i]);
        struct value v = {.type = (uint8_t)rows[i].type, .ptr = &ops[i]};
        db_set(ks_db(0), slice_of(rows[i].key), &v, NO_EXPIRE);
        assert_value(slice_of(rows[i].key), rows[i].want);
    }
}
