/* See standstill.h. */
#include "repl/standstill.h"

bool standstill_seen(struct standstill *w, const struct standstill_sample *s, int64_t now_ms,
                     int64_t limit_ms) {
    bool moved = s->pid != w->last.pid || s->keys != w->last.keys || s->bytes != w->last.bytes;
    if (moved || s->pid < 0 || s->waits_for_us || now_ms < w->moved_ms) w->moved_ms = now_ms;
    w->last = *s;
    return limit_ms > 0 && now_ms - w->moved_ms >= limit_ms;
}
