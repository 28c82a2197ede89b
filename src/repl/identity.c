/* Who our history is: replid names the history that the log continues from here, replid2 the one it continued
 * before.
 *
 * Invariants:
 *   - (replid, o) means the same data to everybody who holds that pair, for every o up to repl_offset();
 *   - (replid2, o) does so for o < second_offset, or there is none: zeros and -1.
 * So a new replid is drawn whenever bytes might get lost from the log (it is created or forgotten), and at a
 * promotion, since two former replicas could otherwise both go on with the same name and different data.
 *
 * The offset itself is the log's (backlog_end). */
#include "base/assert.h"
#include "base/log.h"
#include "base/random.h"
#include "repl/internal.h"
#include <stdio.h>

static struct {
    char id[REPLID_CHARS + 1], id2[REPLID_CHARS + 1];
    int64_t second_offset;
    int second_db; /* the database of id2's stream at its end */
    bool told;     /* somebody follows us by the name `id` */
} self;

static void draw_id(void) {
    random_hex(self.id, REPLID_CHARS);
    self.id[REPLID_CHARS] = '\0';
    self.told = false;
}

static void clear_id2(void) {
    memset(self.id2, '0', REPLID_CHARS);
    self.id2[REPLID_CHARS] = '\0';
    self.second_offset = -1;
}

void identity_init(void) {
    draw_id();
    clear_id2();
}

const char *repl_id(void) {
    return self.id;
}

const char *repl_id2(void) {
    return self.id2;
}

int64_t repl_second_offset(void) {
    return self.second_offset;
}

int64_t repl_offset(void) {
    return backlog_end();
}

void repl_change_id(void) {
    draw_id();
    clear_id2();
}

/* What the replica's id says of the past is true up to the last byte we hold; its next byte may differ from
 * ours. */
static void keep_as_second(int stream_dbid) {
    memcpy(self.id2, self.id, sizeof self.id2);
    self.second_offset = repl_offset() + 1;
    self.second_db = stream_dbid;
}

void repl_shift_id(void) {
    keep_as_second(link_stream_db());
    draw_id();
    log_warning("Setting secondary replication ID to %s, valid up to offset: %lld. New replication ID is %s",
                self.id2, (long long)self.second_offset, self.id);
}

void identity_adopt(const char *id) {
    assert_that(strlen(id) == REPLID_CHARS);
    memcpy(self.id, id, sizeof self.id);
    clear_id2();
}

void identity_continue_as(const char *id) {
    assert_that(strlen(id) == REPLID_CHARS);
    keep_as_second(link_stream_db());
    memcpy(self.id, id, sizeof self.id);
    log_warning("Master replication ID changed to %s", self.id);
}

const char *identity_tell(void) {
    self.told = true;
    return self.id;
}

bool identity_reclaim(int *stream_dbid) {
    if (self.told || self.second_offset != repl_offset() + 1) return false;
    memcpy(self.id, self.id2, sizeof self.id);
    clear_id2();
    *stream_dbid = self.second_db;
    return true;
}

bool identity_matches(slice id, int64_t offset) {
    if (id.n != REPLID_CHARS) return false;
    if (slice_is(id, self.id)) return true;
    return slice_is(id, self.id2) && offset <= self.second_offset;
}

void identity_log_mismatch(slice id, int64_t offset) {
    if (slice_eq(id, SLICE("?"))) return; /* it asked for a full resync */
    if (id.n == REPLID_CHARS && slice_is(id, self.id2))
        log_notice("Partial resynchronization not accepted: Requested offset for second ID was %lld, but I "
                   "can reply up to %lld",
                   (long long)offset, (long long)self.second_offset);
    else
        log_notice("Partial resynchronization not accepted: Replication ID mismatch (Replica asked for "
                   "'%.*s', my replication IDs are '%s' and '%s')",
                   (int)id.n, id.p, self.id, self.id2);
}

/* --- in RDB files --- */

void repl_fill_rdb_info(struct rdb_info *info) {
    *info = (struct rdb_info){.repl_offset = repl_offset()};
    memcpy(info->repl_id, self.id, sizeof self.id);
    if (repl_is_replica()) {
        info->has_repl = link_has_history();
        info->repl_stream_db = link_stream_db();
    } else {
        info->has_repl = backlog_active();
        info->repl_stream_db = stream_db();
    }
}

static void begin_log_at(int64_t end) {
    if (backlog_active()) backlog_stop();
    backlog_start(end);
}

void repl_restore_identity(const struct rdb_info *info) {
    if (!info->has_repl || info->repl_offset < 0 || strlen(info->repl_id) != REPLID_CHARS) return;
    begin_log_at(info->repl_offset);
    if (repl_is_replica()) {
        identity_adopt(info->repl_id);
        link_note_history(info->repl_stream_db);
    } else {
        memcpy(self.id2, info->repl_id, sizeof self.id2);
        self.second_offset = info->repl_offset + 1;
        self.second_db = info->repl_stream_db;
    }
}

/* --- in append-only files --- */

void repl_history_now(struct repl_history *h) {
    memcpy(h->id, self.id, sizeof h->id);
    memcpy(h->id2, self.id2, sizeof h->id2);
    h->offset = repl_offset();
    h->second_offset = self.second_offset;
}

void repl_open_log(void) {
    if (backlog_active()) return;
    repl_change_id(); /* what was written without a log is no part of a history */
    backlog_start(repl_offset());
}

int repl_log_db(void) {
    return repl_is_replica() ? link_stream_db() : stream_db();
}

void repl_recover(const struct repl_history *h) {
    if (!backlog_active() || backlog_end() != h->offset) begin_log_at(h->offset);
    memcpy(self.id, h->id, sizeof self.id);
    memcpy(self.id2, h->id2, sizeof self.id2);
    self.second_offset = h->second_offset;
}

void repl_recover_bytes(slice raw) {
    backlog_append(raw.p, raw.n);
}

/* As a master we may have lost what others have seen: from here on the history has another name, and who has no more
 * of the old one than we have may go on. */
void repl_recover_done(bool good, int dbid) {
    if (!good) {
        if (backlog_active()) backlog_stop();
        backlog_set_end(0);
        repl_change_id();
    } else if (repl_is_replica()) {
        link_note_history(dbid);
    } else {
        keep_as_second(dbid);
        draw_id();
    }
}
