/* Hashes of keys that have come by: to notice one that may have come before, without keeping keys.
 *
 * Memory: 11 to 22 bytes a key, bytes_max in all (but 32 KB at least); what comes when that is used up is compared with what was noted, but
 * not noted itself. */
#ifndef TANDEM_RDB_KEY_HASHES_H
#define TANDEM_RDB_KEY_HASHES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct key_hashes;

struct key_hashes *key_hashes_new(size_t bytes_max);
void key_hashes_free(struct key_hashes *k);
/* False: it was there. Different keys may have equal hashes: who has to be sure compares the keys then. */
bool key_hashes_add(struct key_hashes *k, uint64_t hash);

#endif
