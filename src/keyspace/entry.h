/* A key's entry: one packed allocation that holds the key, its expire time and (when small) its value.
 *
 *   offset  size  what
 *   0       4     header: lru:24 | type:3 | encoding:4 | has_expire:1
 *   4       10    only when has_expire: the expiry index's cell (u32), then the expire time (unix ms, 48 bits; 8 more bytes
 *                 follow where it needs 64)
 *   ..      1-5   key length (varint), then the key bytes
 *   ..      ..    the value, by encoding:
 *                 STR_INT32 / STR_INT64: 4 or 8 bytes; STR_EMBED_*: length varint + bytes;
 *                 everything else: 8-byte pointer to the value's own structure (sds for STR_HEAP)
 *
 * Fields are unaligned: read and written with memcpy, only in entry.c and entry_internal.h. An entry belongs to its
 * database and moves when its size class changes, so an entry pointer is valid until the next change of that key. */
#ifndef TANDEM_KEYSPACE_ENTRY_H
#define TANDEM_KEYSPACE_ENTRY_H

#include "base/slice.h"
#include "keyspace/value.h"
#include <stdint.h>

struct entry;

/* Encodings per type; the numbers are private to the process. */
enum string_encoding {
    STR_INT32,        /* "int" */
    STR_INT64,        /* "int" */
    STR_EMBED_EMBSTR, /* bytes in the entry, reported "embstr" */
    STR_EMBED_RAW,    /* bytes in the entry, reported "raw" */
    STR_HEAP          /* an sds of its own, "raw" */
};

#define NO_EXPIRE ((int64_t)-1)

slice entry_key(const struct entry *e);
enum value_type entry_type(const struct entry *e);
unsigned entry_encoding(const struct entry *e);
const char *entry_encoding_name(const struct entry *e); /* as OBJECT ENCODING */
const char *entry_type_name(const struct entry *e);     /* as TYPE */
int64_t entry_expire_ms(const struct entry *e);         /* NO_EXPIRE when none */
void *entry_ptr(const struct entry *e);                 /* the value's own structure, for pointer encodings */
/* The structure changed its form or place (not for strings, str.h changes those). */
void entry_set_ptr(struct entry *e, unsigned encoding, void *ptr);
size_t entry_bytes(const struct entry *e); /* memory of entry and value (MEMORY USAGE, DEBUG OBJECT) */

/* LRU clock (seconds, 24 bits) or LFU (16 bits minutes, 8 bits log counter), by the configured policy. */
uint32_t entry_lru(const struct entry *e);
void entry_set_lru(struct entry *e, uint32_t lru24);
uint64_t entry_idle_ms(const struct entry *e);
uint8_t entry_freq(const struct entry *e);
/* RESTORE IDLETIME, RDB: the clock's wrap-around bounds it. */
void entry_set_idle_s(struct entry *e, uint64_t idle_s);
/* RESTORE FREQ, RDB: as if accessed now. Either is ignored under the policy that keeps the other figure. */
void entry_set_freq(struct entry *e, uint8_t freq);

#endif
