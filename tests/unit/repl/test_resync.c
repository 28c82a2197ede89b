/* Why a resynchronisation could not be partial, from PSYNC's question and what the master holds; and the list of them. */
#include <criterion/criterion.h>
#include "repl/resync.h"

#include <stdio.h>
#include <string.h>

#define ID    "0123456789abcdef0123456789abcdef01234567"
#define ID2   "89abcdef0123456789abcdef0123456789abcdef"
#define OTHER "ffffffffffffffffffffffffffffffffffffffff"
#define NONE  "0000000000000000000000000000000000000000"

/* A master that holds 1001 to 5000 of ID, which was ID2 up to offset 3000. */
static struct resync_case asking(const char *id, int64_t offset) {
    struct resync_case q = {.asked = offset,
                            .id = ID,
                            .id2 = ID2,
                            .id2_limit = 3001,
                            .has_log = true,
                            .oldest = 1001,
                            .end = 5000};
    strcpy(q.asked_id, id);
    return q;
}

static void judged(struct resync_case q, enum resync_cause cause, uint64_t missing, const char *words) {
    char why[RESYNC_WHY_BYTES];
    uint64_t by;
    enum resync_cause is = resync_judge(&q, &by);
    cr_assert_eq(is, cause, "%s", resync_cause_word(is));
    cr_assert_eq(by, missing);
    resync_explain(why, is, &q, by, true);
    cr_assert(strstr(why, words), "%s", why);
}

Test(resync, what_is_held_is_held) {
    judged(asking(ID, 1001), RESYNC_HELD, 0, "asked for offset 1001; held are 1001 to 5000");
    judged(asking(ID, 5001), RESYNC_HELD, 0, "5001");
    judged(asking(ID2, 3001), RESYNC_HELD, 0, "3001");
    judged(asking("0123456789ABCDEF0123456789ABCDEF01234567", 2000), RESYNC_HELD, 0, "2000");
}

Test(resync, each_reason_with_its_numbers) {
    judged(asking("", -1), RESYNC_FIRST, 0, "no history");
    judged(asking(OTHER, 1), RESYNC_FIRST, 0, "no history");
    judged(asking(ID, 1000), RESYNC_TOO_OLD, 1, "missing by 1 bytes");
    judged(asking(ID, 1), RESYNC_TOO_OLD, 1000, "the oldest held is 1001: missing by 1000 bytes");
    judged(asking(ID2, 500), RESYNC_TOO_OLD, 501, "missing by 501 bytes");
    judged(asking(ID, 5002), RESYNC_AHEAD, 1, "the last one written is 5000: ahead by 1 bytes");
    judged(asking(ID2, 3002), RESYNC_DIVERGED, 1, "ours up to 3000 only");
    judged(asking(OTHER, 2000), RESYNC_OTHER_HISTORY, 0, "of history " OTHER "; ours is " ID " at 5000");
    struct resync_case q = asking(ID, 2000);
    q.has_log = false;
    judged(q, RESYNC_NO_LOG, 0, "no history is kept");
}

Test(resync, zeros_are_no_second_history) {
    struct resync_case q = asking(OTHER, 2000);
    strcpy(q.id2, NONE);
    q.id2_limit = -1;
    judged(q, RESYNC_OTHER_HISTORY, 0, "ours is " ID " at 5000");
    strcpy(q.asked_id, NONE);
    q.asked = INT64_MAX;
    judged(q, RESYNC_OTHER_HISTORY, 0, "ours is " ID " at 5000");
}

Test(resync, any_number_may_be_asked_for) {
    judged(asking(ID, INT64_MIN), RESYNC_TOO_OLD, (uint64_t)INT64_MAX + 1 + 1001, "the oldest held is 1001");
    judged(asking(ID, INT64_MAX), RESYNC_AHEAD, INT64_MAX - 5001, "the last one written is 5000");
}

/* As a replica we know the master's name and end only. */
Test(resync, from_the_replicas_side) {
    char why[RESYNC_WHY_BYTES];
    uint64_t missing;
    struct resync_case q = asking(ID, 2001);
    q.oldest = 0;
    cr_assert_eq(resync_judge(&q, &missing), RESYNC_TOO_OLD);
    cr_assert_eq(missing, 3000);
    resync_explain(why, RESYNC_TOO_OLD, &q, missing, false);
    cr_assert(strstr(why, "the master is at 5000 of the same history and no longer holds the 3000 bytes"),
              "%s", why);
    strcpy(q.asked_id, OTHER);
    cr_assert_eq(resync_judge(&q, &missing), RESYNC_OTHER_HISTORY);
    resync_explain(why, RESYNC_OTHER_HISTORY, &q, missing, false);
    cr_assert(strstr(why, "the master's is " ID " at 5000"), "%s", why);
    q.id[0] = '\0';
    resync_explain(why, resync_judge(&q, &missing), &q, missing, false);
    cr_assert(strstr(why, "not named"), "%s", why);
}

Test(resync, a_record_from_begin_to_end) {
    struct resync_case q = asking(ID, 1);
    uint64_t id = resync_begin(true, true, "10.0.0.1:6379", &q, 1000);
    const struct resync *r = resync_nth(0);
    cr_assert_eq(r->id, id);
    cr_assert(r->full && r->as_master && !r->ended_ms);
    cr_assert_eq(r->missing_bytes, 1000);
    resync_end(id, NULL, 1500);
    cr_assert(r->ok && r->ended_ms == 1500);
    resync_end(id, "too late", 1600);
    cr_assert(r->ok && r->ended_ms == 1500, "what has ended stays");
    cr_assert_null(resync_nth(1));
    cr_assert_null(resync_nth(-1));
    cr_assert_null(resync_find(0));
}

Test(resync, an_accepted_partial_one_is_held_whatever_it_looks_like) {
    struct resync_case q = asking(OTHER, 7);
    resync_begin(false, false, "m", &q, 1);
    cr_assert_eq(resync_nth(0)->cause, RESYNC_HELD);
    cr_assert_eq(resync_nth(0)->missing_bytes, 0);
}

Test(resync, the_oldest_go) {
    struct resync_case q = asking(ID, 2000);
    uint64_t first = resync_begin(true, false, "first", &q, 1);
    for (int i = 0; i < RESYNCS_KEPT; i++) resync_begin(true, false, "later", &q, 2 + i);
    cr_assert_eq(resync_count(), RESYNCS_KEPT);
    cr_assert_null(resync_find(first));
    resync_end(first, "nobody's", 99); /* no harm to who has its place */
    for (int i = 0; i < RESYNCS_KEPT; i++) cr_assert_eq(resync_nth(i)->ended_ms, 0);
    cr_assert_eq(resync_nth(0)->started_ms, 1 + RESYNCS_KEPT);
    cr_assert_eq(resync_nth(RESYNCS_KEPT - 1)->started_ms, 2);
    cr_assert_null(resync_nth(RESYNCS_KEPT));
}
