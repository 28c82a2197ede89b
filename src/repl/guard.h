/* What keeps a replica from losing its data to a mistake: a master that has lost its own (it was restarted without a file, or
 * is the wrong one), and a data set that does not fit the memory. Pure, but for guard_memory_limit. */
#ifndef TANDEM_REPL_GUARD_H
#define TANDEM_REPL_GUARD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct guard_facts {
    bool guards_empty_master; /* the setting */
    uint64_t our_keys;
    bool followed;        /* what we hold came from a master, or from a file that a replica wrote */
    bool same_history;    /* the master goes on under the name that our data has */
    bool master_has_keys; /* the snapshot that has come */
    uint64_t need_bytes;  /* memory that its server used; 0: not told */
    uint64_t limit_bytes; /* memory that we may use; 0: no limit known */
};

enum guard_verdict { GUARD_PASS, GUARD_EMPTY_MASTER, GUARD_MEMORY };
enum { GUARD_WHY_BYTES = 320 };

/* May the snapshot take the place of what we have? why: the answer in words, when not. */
enum guard_verdict guard_judge(const struct guard_facts *f, char why[GUARD_WHY_BYTES]);
/* The least of what the system sets: address space, data segment, control group, RAM. 0: none is known. */
uint64_t guard_memory_limit(void);

#endif
