/* Checksums and digests. crc64: the Jones polynomial, reflected, as RDB files and DUMP payloads carry it
 * (crc64(0, "123456789") = e9c6d914c4b8d9ca), fast on long and short runs. SHA-1 for DEBUG DIGEST, SHA-256 for passwords. */
#ifndef TANDEM_BASE_DIGEST_H
#define TANDEM_BASE_DIGEST_H

#include <stddef.h>
#include <stdint.h>

uint64_t crc64(uint64_t crc, const void *p, size_t n);

#define SHA1_BYTES   20
#define SHA256_BYTES 32
struct sha1 {
    uint32_t state[5];
    uint64_t length_bytes;
    uint8_t block[64];
};
void sha1_init(struct sha1 *s);
void sha1_update(struct sha1 *s, const void *p, size_t n);
void sha1_final(struct sha1 *s, uint8_t out[SHA1_BYTES]);
void sha256(const void *p, size_t n, uint8_t out[SHA256_BYTES]);
void hex_encode(char *out, const uint8_t *p, size_t n); /* 2n lower-case digits, no NUL */

#endif
