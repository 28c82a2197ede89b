/* Who our history is: replid names the history that the log continues from here, the past names those that it continued
 * before. Redis knows one of these (replid2), so that two promotions, or two crashes, while a replica is away cost it a full
 * resync; we keep the last REPL_PAST_MAX.
 *
 * Invariants:
 *   - (replid, o) means the same data to everybody who holds that pair, for every o up to repl_offset();
 *   - a past (id, end) means the same data for every o < end, even where we have not got so far yet; the ends fall from the
 *     newest to the oldest;
 *   - replid2 and repl_second_offset() are the newest past, or zeros and -1.
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
    char id[REPLID_CHARS + 1];
    struct repl_past past[REPL_PAST_MAX]; /* newest first */
    int past_n;
    int past_db; /* the database of the newest past's stream at its end */
    bool told;   /* somebody follows us by the name `id` */
} self;

static const char no_id[] = "0000000000000000000000000000000000000000";

static void draw_id(void) {
    random_hex(self.id, REPLID_CHARS);
    self.id[REPLID_CHARS] = '\0';
    self.told = false;
}

static void forget_past(void) {
    self.past_n = 0;
}

/* `id` is true of what lies before `end`, and the newest past from now on. */
static void push_past(const char *id, int64_t end, int stream_dbid) {
    int keep = self.past_n < REPL_PAST_MAX ? self.past_n : REPL_PAST_MAX - 1;
    memmove(self.past + 1, self.past, (size_t)keep * sizeof *self.past);
    memcpy(self.past[0].id, id, sizeof self.past[0].id);
    self.past[0].end = end;
    self.past_n = keep + 1;
    for (int i = 1; i < self.past_n; i++)
        if (self.past[i].end > end) self.past[i].end = end; /* the rest of it never reached us */
    self.past_db = stream_dbid;
}

static void pop_past(void) {
    self.past_n--;
    memmove(self.past, self.past + 1, (size_t)self.past_n * sizeof *self.past);
}

void identity_init(void) {
    draw_id();
    forget_past();
}

const char *repl_id(void) {
    return self.id;
}

const char *repl_id2(void) {
    return self.past_n ? self.past[0].id : no_id;
}

int64_t repl_second_offset(void) {
    return self.past_n ? self.past[0].end : -1;
}

int64_t repl_offset(void) {
    return backlog_end();
}

void repl_change_id(void) {
    draw_id();
    forget_past();
}

/* What the replica's id says of the past is true up to the last byte we hold; its next byte may differ from
 * ours. */
static void keep_as_past(int stream_dbid) {
    push_past(self.id, repl_offset() + 1, stream_dbid);
}

void repl_shift_id(void) {
    keep_as_past(link_stream_db());
    draw_id();
    log_warning("Setting secondary replication ID to %s, valid up to offset: %lld. New replication ID is %s",
                repl_id2(), (long long)repl_second_offset(), self.id);
}

void identity_adopt(const char *id) {
    assert_that(strlen(id) == REPLID_CHARS);
    memcpy(self.id, id, sizeof self.id);
    forget_past();
}

void identity_continue_as(const char *id, const struct repl_past *past, int past_n) {
    assert_that(strlen(id) == REPLID_CHARS && past_n <= REPL_PAST_MAX);
    bool renamed = strcmp(id, self.id) != 0;
    if (past_n) {
        memcpy(self.past, past, (size_t)past_n * sizeof *past);
        self.past_n = past_n;
    } else if (renamed) {
        keep_as_past(link_stream_db());
    }
    if (!renamed) return;
    memcpy(self.id, id, sizeof self.id);
    log_warning("Master replication ID changed to %s", self.id);
}

size_t identity_tell_past(char *buf) {
    return past_format(buf, self.past, self.past_n);
}

const char *identity_tell(void) {
    self.told = true;
    return self.id;
}

bool identity_reclaim(int *stream_dbid) {
    if (self.told || repl_second_offset() != repl_offset() + 1) return false;
    memcpy(self.id, self.past[0].id, sizeof self.id);
    pop_past();
    *stream_dbid = self.past_db;
    return true;
}

const struct repl_past *identity_find_past(slice id) {
    for (int i = 0; i < self.past_n; i++)
        if (id.n == REPLID_CHARS && slice_is(id, self.past[i].id)) return &self.past[i];
    return NULL;
}

bool identity_matches(slice id, int64_t offset) {
    if (id.n == REPLID_CHARS && slice_is(id, self.id)) return true;
    const struct repl_past *past = identity_find_past(id);
    return past && offset <= past->end;
}

void identity_log_mismatch(slice id, int64_t offset) {
    if (slice_eq(id, SLICE("?"))) return; /* it asked for a full resync */
    const struct repl_past *past = identity_find_past(id);
    if (past)
        log_notice("Partial resynchronization not accepted: Requested offset for second ID was %lld, but I "
                   "can reply up to %lld",
                   (long long)offset, (long long)past->end);
    else
        log_notice("Partial resynchronization not accepted: Replication ID mismatch (Replica asked for "
                   "'%.*s', my replication IDs are '%s' and '%s')",
                   (int)id.n, id.p, self.id, repl_id2());
}

/* --- in RDB files --- */

void repl_fill_rdb_info(struct rdb_info *info) {
    *info = (struct rdb_info){.repl_offset = repl_offset()};
    memcpy(info->repl_id, self.id, sizeof self.id);
    past_format(info->repl_past, self.past, self.past_n);
    if (repl_is_replica()) {
        info->has_repl = link_has_history();
        info->repl_stream_db = link_stream_db();
    } else {
        info->has_repl = backlog_active();
        info->repl_stream_db = replog_db();
    }
}

static void begin_log_at(int64_t end) {
    if (backlog_active()) backlog_stop();
    backlog_start(end);
}

/* What is no list of names is taken for none. */
static void restore_past(const struct rdb_info *info) {
    self.past_n = past_parse(slice_of(info->repl_past), self.past, REPL_PAST_MAX);
    if (self.past_n < 0) forget_past();
}

void repl_restore_identity(const struct rdb_info *info) {
    _Static_assert(sizeof info->repl_past >= REPL_PAST_TEXTS_MAX, "a file has room for all names");
    if (!info->has_repl || info->repl_offset < 0 || strlen(info->repl_id) != REPLID_CHARS) return;
    begin_log_at(info->repl_offset);
    if (repl_is_replica()) {
        identity_adopt(info->repl_id);
        restore_past(info);
        link_note_history(info->repl_stream_db);
    } else {
        restore_past(info);
        push_past(info->repl_id, info->repl_offset + 1, info->repl_stream_db);
    }
}

/* --- in append-only files --- */

void repl_history_now(struct repl_history *h) {
    memcpy(h->id, self.id, sizeof h->id);
    h->offset = repl_offset();
    h->past_n = self.past_n;
    memcpy(h->past, self.past, sizeof h->past);
}

bool repl_history_is_known(void) {
    return self.told || self.past_n || repl_is_replica();
}

void repl_open_log(void) {
    if (backlog_active()) return;
    repl_change_id(); /* what was written without a log is no part of a history */
    backlog_start(repl_offset());
}

int repl_log_db(void) {
    return repl_is_replica() ? link_stream_db() : replog_db();
}

void repl_recover(const struct repl_history *h) {
    if (!backlog_active() || backlog_end() != h->offset) begin_log_at(h->offset);
    memcpy(self.id, h->id, sizeof self.id);
    memcpy(self.past, h->past, sizeof self.past);
    self.past_n = h->past_n;
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
        keep_as_past(dbid);
        draw_id();
    }
}
