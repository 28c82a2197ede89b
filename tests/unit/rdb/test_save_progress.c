/* How far a save has come: the estimate, and that it is told when bytes go out. */
#include "event/child.h"
#include "fixture.h"
#include "rdb/save_progress.h"

#include <criterion/criterion.h>

Test(rdb_save_progress, what_is_left) {
    cr_assert_eq(save_left_ms(0, 100, 5000), -1, "nothing is done yet");
    cr_assert_eq(save_left_ms(25, 100, 1000), 3000);
    cr_assert_eq(save_left_ms(100, 100, 1000), 0);
    cr_assert_eq(save_left_ms(120, 100, 1000), 0);
    cr_assert_eq(save_left_ms(1, UINT64_MAX, 1000) > 0, true, "no overflow");
}

static int told;
static uint64_t keys_told, bytes_told;

static void tell(struct rdb_writer *w) {
    const struct save_progress *p = w->progress_ctx;
    told++;
    keys_told = p->keys;
    bytes_told = rdb_writer_offset(w);
}

Test(rdb_save_progress, is_told_when_bytes_go_out) {
    struct save_progress p;
    struct rdb_writer w;
    sds out = sds_empty();
    char block[1000] = "";
    fixture_begin(2);
    fixture_fill(7, 100);
    rdb_writer_memory(&w, &out);
    save_progress_begin(&p, &w);
    uint64_t keys = 0;
    for (int id = 0; id < ks_count(); id++) keys += db_size(ks_db(id));
    cr_assert_eq(p.keys_total, keys);
    w.progress = tell;
    for (int i = 0; i < 20; i++, p.keys++) cr_assert(rdb_write(&w, block, sizeof block));
    cr_assert_gt(told, 2);
    cr_assert_leq(keys_told, p.keys);
    cr_assert(rdb_writer_flush(&w));
    cr_assert_eq(keys_told, 20);
    cr_assert_eq(bytes_told, 20 * sizeof block);
    int before = told;
    cr_assert(rdb_writer_flush(&w));
    cr_assert_eq(told, before, "nothing went out");
    save_progress_end(&w);
    cr_assert_null(w.progress);
    rdb_writer_free(&w);
    sds_free(out);
}
