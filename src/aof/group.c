/* Group commit with appendfsync always: whether a turn that has written waits a little for more writes before it syncs.
 *
 * Clients that wait for replies come in groups: while one group's sync runs, the others send, and become the next group. A
 * closed loop of 50 clients so settles at two groups of 25 and twice the syncs that it needs. So a turn waits for as many reads
 * as the last group had, and as came while that one was synced; for at most half of what a sync takes, which is won back when
 * they come. When they don't come in time, the next groups go ahead without waiting: one, three, seven ... up to SKIP_MAX.
 *
 * A single client, or one whose writes alone fill a group, never waits: all that is expected is there. */
#include "aof/internal.h"

#include "base/clock.h"
#include "client/client.h"
#include "event/loop.h"

enum { SKIP_MAX = 63, WAIT_MAX_US = 2000, AVERAGE_OVER = 8 };

static struct {
    uint64_t sync_us;        /* moving average */
    uint64_t reads_at_start; /* client_stats.reads when the group began */
    uint64_t expected;       /* reads; 0: nothing is known */
    uint64_t deadline_us;    /* monotonic; 0: this group has not waited */
    int skip, skip_next;     /* groups that don't wait; as many more after the next miss */
} group;

static bool is_due(void) {
    return aof_config.fsync == AOF_FSYNC_ALWAYS && aof_writer_is_open() && aof_unwritten_bytes() &&
           !rdb_loading.active;
}

int64_t aof_group_wait_us(void) {
    if (!is_due() || group.skip || client_stats.reads - group.reads_at_start >= group.expected) return -1;
    uint64_t now_us = clock_mono_us();
    if (!group.deadline_us) {
        uint64_t most_us = group.sync_us / 2 < WAIT_MAX_US ? group.sync_us / 2 : WAIT_MAX_US;
        group.deadline_us = now_us + most_us;
    }
    return now_us < group.deadline_us ? (int64_t)(group.deadline_us - now_us) : -1;
}

static void settle_waiting(uint64_t got) {
    if (group.skip) {
        group.skip--;
    } else if (group.deadline_us) {
        bool came = got >= group.expected;
        group.skip_next = came ? 0 : group.skip_next * 2 + 1;
        if (group.skip_next > SKIP_MAX) group.skip_next = SKIP_MAX;
        group.skip = group.skip_next;
    }
    group.deadline_us = 0;
}

void aof_group_synced(uint64_t took_us) {
    uint64_t got = client_stats.reads - group.reads_at_start;
    settle_waiting(got);
    group.sync_us = group.sync_us ? (group.sync_us * (AVERAGE_OVER - 1) + took_us) / AVERAGE_OVER : took_us;
    group.reads_at_start = client_stats.reads;
    group.expected = got + (uint64_t)ev_peek();
}
