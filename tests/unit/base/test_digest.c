/* Checksums and digests against published vectors, and the fast roads against the plain one. */
#include "base/digest.h"
#include "base/random.h"

#include <criterion/criterion.h>
#include <string.h>

/* Bit by bit, straight from the definition. */
static uint64_t crc64_plain(uint64_t crc, const uint8_t *p, size_t n) {
    for (; n > 0; p++, n--) {
        crc ^= *p;
        for (int i = 0; i < 8; i++) crc = (crc >> 1) ^ (crc & 1 ? 0x95ac9329ac4bc9b5u : 0);
    }
    return crc;
}

Test(crc64, known_value) {
    cr_assert_eq(crc64(0, "123456789", 9), 0xe9c6d914c4b8d9cau);
    cr_assert_eq(crc64(0, "", 0), 0);
    cr_assert_eq(crc64(42, "", 0), 42);
}

Test(crc64, every_length_and_alignment_agrees_with_the_definition) {
    static uint8_t bytes[2200];
    random_seed(11);
    for (size_t i = 0; i < sizeof(bytes); i++) bytes[i] = (uint8_t)random_u64();
    for (size_t n = 0; n < 700; n++) {
        for (size_t shift = 0; shift < 17; shift += 5) {
            cr_assert_eq(crc64(n * 77, bytes + shift, n), crc64_plain(n * 77, bytes + shift, n), "%zu", n);
        }
    }
    for (int i = 0; i < 500; i++) {
        size_t cut = random_below(sizeof(bytes) + 1);
        uint64_t whole = crc64(9, bytes, sizeof(bytes));
        cr_assert_eq(crc64(crc64(9, bytes, cut), bytes + cut, sizeof(bytes) - cut), whole);
    }
}

static void hex_is(const uint8_t *digest, size_t n, const char *want) {
    char text[65] = {0};
    hex_encode(text, digest, n);
    cr_assert_str_eq(text, want);
}

static void sha1_of(const char *s, const char *want) {
    uint8_t out[SHA1_BYTES];
    struct sha1 h;
    sha1_init(&h);
    sha1_update(&h, s, strlen(s));
    sha1_final(&h, out);
    hex_is(out, sizeof(out), want);
}

Test(sha1, published_vectors) {
    sha1_of("", "da39a3ee5e6b4b0d3255bfef95601890afd80709");
    sha1_of("abc", "a9993e364706816aba3e25717850c26c9cd0d89d");
    sha1_of("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
            "84983e441c3bd26ebaae4aa1f95129e5e54670f1");
}

Test(sha1, a_million_letters_in_uneven_pieces) {
    uint8_t out[SHA1_BYTES];
    char piece[997];
    memset(piece, 'a', sizeof(piece));
    struct sha1 h;
    sha1_init(&h);
    for (size_t left = 1000000, n = 1; left > 0; left -= n) {
        n = (n * 7 + 3) % sizeof(piece);
        if (n > left) n = left;
        sha1_update(&h, piece, n);
    }
    sha1_final(&h, out);
    hex_is(out, sizeof(out), "34aa973cd4c4daa4f61eeb2bdbad27316534016f");
}

static void sha256_of(const char *s, size_t n, const char *want) {
    uint8_t out[SHA256_BYTES];
    sha256(s, n, out);
    hex_is(out, sizeof(out), want);
}

Test(sha256, published_vectors) {
    static char million[1000000];
    memset(million, 'a', sizeof(million));
    sha256_of("", 0, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    sha256_of("abc", 3, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    sha256_of("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq", 56,
              "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
    sha256_of(million, sizeof(million), "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
}
