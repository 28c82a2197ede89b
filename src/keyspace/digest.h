/* The two steps that DEBUG DIGEST is made of: types mix their elements with them.
 *
 * In order (list, stream): digest_mix each element into the value's digest. Without order (set): digest_xor each.
 * Pairs without order (hash, zset): digest_mix both into a digest of zeros, then digest_xor its 20 bytes. */
#ifndef TANDEM_KEYSPACE_DIGEST_H
#define TANDEM_KEYSPACE_DIGEST_H

#include "base/digest.h"

void digest_xor(uint8_t digest[SHA1_BYTES], const void *p, size_t n); /* digest ^= SHA1(p): order is lost */
void digest_mix(uint8_t digest[SHA1_BYTES], const void *p, size_t n); /* digest = SHA1(digest ^ SHA1(p)) */

#endif
