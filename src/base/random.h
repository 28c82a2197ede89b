/* Random numbers: a fast seeded generator for sampling, the system's source for identities and seeds. */
#ifndef TANDEM_BASE_RANDOM_H
#define TANDEM_BASE_RANDOM_H

#include <stddef.h>
#include <stdint.h>

void random_seed(uint64_t seed);
uint64_t random_u64(void);
uint64_t random_below(uint64_t n);           /* uniform in [0, n); n > 0 */
void random_bytes(void *p, size_t n);        /* getrandom(2) */
void random_hex(char *out, size_t n_digits); /* lower-case hex digits, no NUL: run ids, replication ids */

#endif
