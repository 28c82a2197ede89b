/* The entry's 24 bits of access history, as eviction and OBJECT IDLETIME/FREQ read them (entry.h has the readers).
 *
 * By ks_config.lfu they are an LRU clock (seconds, wrapping after 194 days) or an LFU counter:
 * minutes of the last decay (16 bits, wrapping) and a logarithmic access counter (8 bits). Switching the policy does
 * not convert them, as in Redis. Only keyspace/ files include this header. */
#ifndef TANDEM_KEYSPACE_LRU_H
#define TANDEM_KEYSPACE_LRU_H

#include "keyspace/entry.h"

uint32_t lru_of_new(void);       /* for an entry that is created now */
void lru_touch(struct entry *e); /* it was read or written now; nothing while a child is active */
void lru_stamp(struct entry *e); /* the same, child or not: the block is being written anyway */
/* Minutes since an access last moved the LFU counter, modulo 2^16. */
uint32_t lfu_idle_minutes(const struct entry *e);

#endif
