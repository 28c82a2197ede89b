/* See affinity.h. */
#include "server/affinity.h"

#include <errno.h>
#include <sched.h>
#include <string.h>

#include "base/log.h"
#include "event/child.h"
#include "server/config.h"

static bool take_number(slice *s, unsigned *out) {
    size_t digits = 0;
    for (*out = 0; s->n && *s->p >= '0' && *s->p <= '9' && digits < 6; s->p++, s->n--, digits++)
        *out = *out * 10 + (unsigned)(*s->p - '0');
    return digits > 0;
}

static bool take_char(slice *s, char c) {
    if (!s->n || *s->p != c) return false;
    s->p++;
    s->n--;
    return true;
}

static bool parse(slice s, cpu_set_t *set) {
    CPU_ZERO(set);
    do {
        unsigned from, to, step = 1;
        if (!take_number(&s, &from)) return false;
        to = from;
        if (take_char(&s, '-') && !take_number(&s, &to)) return false;
        if (take_char(&s, ':') && (!take_number(&s, &step) || step == 0)) return false;
        if (to < from || to >= CPU_SETSIZE) return false;
        for (; from <= to; from += step) CPU_SET(from, set);
    } while (take_char(&s, ','));
    return s.n == 0;
}

bool affinity_valid(slice list) {
    cpu_set_t set;
    return list.n == 0 || parse(list, &set);
}

void affinity_apply(const char *list) {
    cpu_set_t set;
    if (!*list || !parse(slice_of(list), &set)) return;
    if (sched_setaffinity(0, sizeof set, &set) != 0)
        log_warning("Can't run on the CPUs %s: %s", list, strerror(errno));
}

void affinity_of_child(void) {
    switch (child_self()) {
    case CHILD_SNAPSHOT: affinity_apply(server_config.bgsave_cpulist); break;
    case CHILD_REWRITE: affinity_apply(server_config.aof_rewrite_cpulist); break;
    case CHILD_HELPER: affinity_apply(server_config.bio_cpulist); break;
    case CHILD_NONE: break;
    }
}
