/* Streams in RDB: every form that files carry, what is written, and what must be refused. */
#include "base/alloc.h"
#include "base/digest.h"
#include "fixture.h"
#include "keyspace/stream_group.h"
#include <criterion/criterion.h>
#include <endian.h>

/* Entries 1-1 (a 1 b x), 1-2 (a 2 b y) deleted, 2-0 (c 300), as a node of redis-server 7.0.15; 64 bytes. */
#define NODE_ID "\x10\x00\x00\x00\x00\x00\x00\x00\x01\x00\x00\x00\x00\x00\x00\x00\x01"
#define NODE                                                                                                 \
    "\x40\x40\x40\x00\x00\x00\x19\x00\x02\x01\x01\x01\x02\x01\x81"                                           \
    "a\x02\x81"                                                                                              \
    "b\x02\x00\x01\x02\x01\x00\x01\x00\x01\x01\x01\x81"                                                      \
    "x\x02\x05\x01\x03\x01\x00\x01\x01\x01\x02\x01\x81"                                                      \
    "y\x02\x05\x01\x00\x01\x01\x01\xdf\xff\x02\x01\x01\x81"                                                  \
    "c\x02\xc1,\x02\x06\x01\xff"
#define ID_1_1 "\x00\x00\x00\x00\x00\x00\x00\x01\x00\x00\x00\x00\x00\x00\x00\x01"
#define ID_2_0 "\x00\x00\x00\x00\x00\x00\x00\x02\x00\x00\x00\x00\x00\x00\x00\x00"
#define PENDING                                                                                              \
    "\x02" ID_1_1 "\xe8\x03\x00\x00\x00\x00\x00\x00\x03" ID_2_0 "\xd0\x07\x00\x00\x00\x00\x00\x00\x01"
#define SEEN "\xfe\x07\xfc\xf8\xa1\x01\x00\x00"

/* length, last; first, deleted, added; one group g at 1-1. */
#define FACTS_15 "\x02\x02\x00"
#define FACTS    FACTS_15 "\x01\x01\x01\x02\x03"
#define GROUP    "\x01\x01g\x01\x01"
#define BODY_19                                                                                              \
    "\x13\x01" NODE_ID NODE FACTS GROUP "\x01" PENDING "\x02\x02"                                            \
    "al" SEEN "\x01" ID_1_1 "\x02"                                                                           \
    "bo" SEEN "\x01" ID_2_0
#define BODY_15                                                                                              \
    "\x0f\x01" NODE_ID NODE FACTS_15 GROUP PENDING "\x02\x02"                                                \
    "al" SEEN "\x01" ID_1_1 "\x02"                                                                           \
    "bo" SEEN "\x01" ID_2_0
#define BODY_21                                                                                              \
    "\x15\x01" NODE_ID NODE FACTS GROUP "\x01" PENDING "\x02\x02"                                            \
    "al" SEEN SEEN "\x01" ID_1_1 "\x02"                                                                      \
    "bo" SEEN SEEN "\x01" ID_2_0

/* A type byte and a value, as a payload with the right footer. */
static const char *restore(slice body, struct value *v) {
    sds payload = sds_newlen(body.p, body.n), hold = NULL;
    payload = sds_cat(payload, "\x0a\x00", 2);
    uint64_t crc = htole64(crc64(0, payload, sds_len(payload)));
    payload = sds_cat(payload, &crc, sizeof crc);
    const char *err = rdb_restore_value(sds_slice(payload), v, &hold);
    sds_free(payload);
    sds_free(hold);
    return err;
}

static bool id_is(struct stream_id id, uint64_t ms, uint64_t seq) {
    return id.ms == ms && id.seq == seq;
}

static void check_stream(const struct stream *s, bool old) {
    cr_assert(s->length == 2 && id_is(s->last, 2, 0) && id_is(s->first, 1, 1));
    cr_assert(s->added == (old ? 2 : 3) && (old || id_is(s->max_deleted, 1, 2)));
    cr_assert(!stream_exists(s, (struct stream_id){1, 2}) && stream_exists(s, (struct stream_id){2, 0}));
    const struct stream_group *g = stream_group_find(s, SLICE("g"));
    cr_assert(g && id_is(g->last, 1, 1) && g->entries_read == 1 && g->n_consumers == 2);
    const struct stream_pending *p = stream_pending_find(g, (struct stream_id){1, 1});
    cr_assert(p->delivered_ms == 1000 && p->deliveries == 3 &&
              p->consumer == stream_consumer_find(g, SLICE("al")));
    cr_assert(p->consumer->seen_ms == 0x1a1f8fc07fe && btree_count(p->consumer->pending) == 1);
}

Test(rdb_stream_value, every_form_loads) {
    static const slice bodies[] = {SLICE(BODY_15), SLICE(BODY_19), SLICE(BODY_21)};
    fixture_begin(1);
    size_t before = mem_used_bytes();
    for (int i = 0; i < 3; i++) {
        struct value v;
        const char *err = restore(bodies[i], &v);
        cr_assert(!err, "form %d", i);
        check_stream(v.ptr, i == 0);
        value_free(&v);
    }
    cr_assert(mem_used_bytes() == before, "all is given back");
}

Test(rdb_stream_value, dumps_as_redis_does) {
    struct value v;
    sds dump = sds_empty();
    fixture_begin(1);
    rdb_config.compression = false;
    cr_assert(!restore(SLICE(BODY_19), &v));
    rdb_dump_value(&dump, db_set(ks_db(0), SLICE("s"), &v, NO_EXPIRE));
    cr_assert(slice_eq((slice){dump, sds_len(dump) - 10}, SLICE(BODY_19)));
    sds_free(dump);
    fixture_empty();
}

Test(rdb_stream_value, an_empty_stream_is_one) {
    struct value v;
    fixture_begin(1);
    cr_assert(!restore(SLICE("\x13\x00\x00\x05\x01\x00\x00\x05\x01\x07\x00"), &v));
    const struct stream *s = v.ptr;
    cr_assert(s->length == 0 && s->added == 7 && id_is(s->last, 5, 1) && id_is(s->max_deleted, 5, 1));
    value_free(&v);
}

#define EMPTY_NODE "\x0f\x0f\x00\x00\x00\x04\x00\x00\x01\x00\x01\x00\x01\x00\x01\xff"

Test(rdb_stream_value, what_contradicts_itself_is_refused) {
    static const slice bodies[] = {
        SLICE("\x13\x02" NODE_ID NODE NODE_ID NODE "\x04\x02\x00\x01\x01\x01\x02\x03\x00"), /* a node twice */
        SLICE("\x13\x01" NODE_ID NODE "\x03\x02\x00\x01\x01\x01\x02\x03\x00"), /* a wrong length */
        SLICE("\x13\x01" NODE_ID NODE "\x02\x01\x09\x01\x01\x01\x02\x03\x00"), /* a last id too small */
        SLICE("\x13\x01" NODE_ID EMPTY_NODE
              "\x00\x02\x00\x01\x01\x01\x02\x03\x00"),                    /* a node without entries */
        SLICE("\x13\x01\x03xyz" NODE FACTS "\x00"),                       /* no id */
        SLICE("\x13\x01" NODE_ID NODE FACTS GROUP "\x01" PENDING "\x00"), /* nobody holds it */
        SLICE("\x13\x01" NODE_ID NODE FACTS GROUP "\x01\x00\x01\x02"
              "al" SEEN "\x01" ID_1_1), /* it isn't pending */
        SLICE("\x13\x01" NODE_ID NODE FACTS GROUP "\x01\x00\x02\x02"
              "al" SEEN "\x00\x02"
              "al" SEEN "\x00"), /* a name twice */
        SLICE("\x13\x01" NODE_ID NODE FACTS
              "\x02\x01g\x01\x01\x01\x00\x00\x01g\x01\x01\x01\x00\x00"), /* likewise */
    };
    fixture_begin(1);
    size_t before = mem_used_bytes();
    for (size_t i = 0; i < sizeof bodies / sizeof *bodies; i++) {
        struct value v;
        cr_assert(restore(bodies[i], &v) != NULL, "row %zu", i);
    }
    cr_assert(mem_used_bytes() == before);
}

/* Any byte changed to any of these is refused or gives a stream that can be read and dumped. */
Test(rdb_stream_value, one_wrong_byte_does_no_harm) {
    static const uint8_t values[] = {0, 1, 2, 3, 5, 0x7f, 0x80, 0xc1, 0xdf, 0xf0, 0xf4, 0xff};
    char body[] = BODY_19;
    fixture_begin(1);
    size_t before = mem_used_bytes(), taken = 0;
    for (size_t i = 1; i < sizeof body - 1; i++) {
        for (size_t k = 0; k < sizeof values; k++) {
            char was = body[i];
            struct value v;
            uint8_t digest[20];
            body[i] = (char)values[k];
            if (!restore((slice){body, sizeof body - 1}, &v)) {
                struct entry *e = db_set(ks_db(0), SLICE("s"), &v, NO_EXPIRE);
                sds dump = sds_empty();
                entry_digest(e, digest);
                rdb_dump_value(&dump, e);
                sds_free(dump);
                db_delete(ks_db(0), SLICE("s"));
                taken++;
            }
            body[i] = was;
        }
    }
    cr_assert(taken > 100);
    cr_assert(mem_used_bytes() <= before + 4096, "all is given back, but for the database's table");
}
