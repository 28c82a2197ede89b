/* Any bytes as a DUMP payload: as they are, and again with a right footer, so that they get past the checksum. A value
 * that restores dumps to a payload that restores to the same value. */
#include "base/assert.h"
#include "base/clock.h"
#include "base/digest.h"
#include "fuzz.h"
#include "rdb/rdb.h"
#include <endian.h>
#include <string.h>

#define BYTES(literal)                                                                                       \
    { (literal), sizeof(literal) - 1 }

static const slice bodies[] = {
    BYTES("\x00\x05hello"),
    BYTES("\x00\xc0\x07"),
    BYTES("\x00\xc2\x00\x00\x01\x00"),
    BYTES("\x00\x40\x03"
          "abc"),
    BYTES("\x00\xc3\x09\x40\x64\x01\x61\x61\xe0\x57\x00\x01\x61\x61"),
    BYTES("\x01\x03\x01"
          "a\xc0\x07\x02"
          "bb"),
    BYTES("\x12\x02\x02\x0d\x0d\x00\x00\x00\x02\x00\x81"
          "a\x02\x81"
          "b\x02\xff\x01\x05hello"),
    BYTES("\x0a\x11\x11\x00\x00\x00\x0d\x00\x00\x00\x02\x00\x00\x01"
          "a\x03\x01"
          "b\xff"),
    BYTES("\x03\x03\x01"
          "a\x01"
          "2\x01"
          "b\xfe\xc0\x07\xff"),
    BYTES("\x05\x02\x01"
          "b\x00\x00\x00\x00\x00\x00\x00\x40\x01"
          "a\x00\x00\x00\x00\x00\x00\xf0\x3f"),
    BYTES("\x0c\x15\x15\x00\x00\x00\x12\x00\x00\x00\x04\x00\x00\x01"
          "a\x03\xf2\x02\x01"
          "b\x03\xf3\xff"),
    BYTES("\x11\x13\x13\x00\x00\x00\x04\x00\x81"
          "a\x02\x83"
          "1.5\x04\x81"
          "b\x02\x02\x01\xff"),
    BYTES("\x13\x01\x10\x00\x00\x00\x00\x00\x00\x00\x01\x00\x00\x00\x00\x00\x00\x00\x01\x1d\x1d\x00\x00\x00"
          "\x0a\x00"
          "\x01\x01\x00\x01\x01\x01\x81"
          "a\x02\x00\x01\x02\x01\x00\x01\x00\x01\x01\x01\x04\x01\xff\x01\x01\x01\x01\x01\x00\x00\x01\x00"),
    BYTES("\x00\xc3\x15\x40\x4e\x0dhello world, h\xe0\x35\x0c\x01, "),
};

size_t fuzz_seed(int i, uint8_t *buf, size_t cap) {
    if (i >= (int)(sizeof bodies / sizeof *bodies) || bodies[i].n > cap) return 0;
    memcpy(buf, bodies[i].p, bodies[i].n);
    return bodies[i].n;
}

static void restore_and_dump(slice payload) {
    unsigned char before[20], after[20];
    struct value v;
    sds hold = NULL, dump = sds_empty();
    const char *err = rdb_restore_value(payload, &v, &hold);
    if (!err) {
        struct entry *e = db_set(ks_db(0), SLICE("k"), &v, NO_EXPIRE);
        entry_digest(e, before);
        rdb_dump_value(&dump, e);
        err = rdb_restore_value(sds_slice(dump), &v, &hold);
        assert_that(!err);
        entry_digest(db_set(ks_db(0), SLICE("k"), &v, NO_EXPIRE), after);
        assert_that(memcmp(before, after, sizeof before) == 0);
    }
    db_delete(ks_db(0), SLICE("k")); /* a leak detector doesn't find what packed entries point to */
    sds_free(hold);
    sds_free(dump);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static bool ready;
    if (!ready) {
        clock_update();
        ks_init(1);
        ready = true;
    }
    restore_and_dump((slice){(const char *)data, size});
    sds s = sds_newlen(data, size);
    s = sds_cat(s, "\x0a\x00", 2);
    uint64_t crc = htole64(crc64(0, s, sds_len(s)));
    s = sds_cat(s, &crc, sizeof crc);
    restore_and_dump(sds_slice(s));
    sds_free(s);
    return 0;
}
