/* DEBUG DIGEST: one SHA-1 that stands for the whole data set, the same as Redis computes for the same data.
 *
 * A value's digest is mixed from its type number, its content and a mark when it expires at all; a key's from its name and
 * then its value; the data set's by xoring the keys of a database (order must not matter) after mixing in the database number. */
#include "keyspace/digest.h"

#include <arpa/inet.h>

#include "keyspace/db_internal.h"
#include "keyspace/str.h"

void digest_xor(uint8_t digest[SHA1_BYTES], const void *p, size_t n) {
    struct sha1 s;
    uint8_t hash[SHA1_BYTES];
    sha1_init(&s);
    sha1_update(&s, p, n);
    sha1_final(&s, hash);
    for (int i = 0; i < SHA1_BYTES; i++) digest[i] ^= hash[i];
}

void digest_mix(uint8_t digest[SHA1_BYTES], const void *p, size_t n) {
    struct sha1 s;
    digest_xor(digest, p, n);
    sha1_init(&s);
    sha1_update(&s, digest, SHA1_BYTES);
    sha1_final(&s, digest);
}

static void mix_number(uint8_t digest[SHA1_BYTES], uint32_t v) {
    uint32_t big_endian = htonl(v);
    digest_mix(digest, &big_endian, sizeof big_endian);
}

static void mix_value(uint8_t digest[SHA1_BYTES], const struct entry *e) {
    mix_number(digest, (uint32_t)entry_type(e));
    if (entry_type(e) == TYPE_STRING) {
        char scratch[NUM_INT_BYTES];
        slice bytes = str_get(e, scratch);
        digest_mix(digest, bytes.p, bytes.n);
    } else {
        value_ops(entry_type(e))->digest(entry_encoding(e), entry_ptr(e), digest);
    }
    if (entry_has_expire(e)) digest_xor(digest, "!!expire!!", 10);
}

void entry_digest(const struct entry *e, unsigned char out[SHA1_BYTES]) {
    memset(out, 0, SHA1_BYTES);
    mix_value(out, e);
}

static void add_key(void *out, struct entry *e) {
    uint8_t digest[SHA1_BYTES] = {0};
    slice key = entry_key(e);
    digest_mix(digest, key.p, key.n);
    mix_value(digest, e);
    digest_xor(out, digest, SHA1_BYTES);
}

void ks_digest(unsigned char out[SHA1_BYTES]) {
    memset(out, 0, SHA1_BYTES);
    for (int i = 0; i < ks_count(); i++) {
        struct db *db = ks_db(i);
        if (db_size(db) == 0) continue;
        mix_number(out, (uint32_t)i);
        db_each(db, add_key, out);
    }
}
