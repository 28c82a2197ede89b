/* Looking through an RDB without keeping what is in it: for the file checkers in tools/, and for a replica that is about to
 * give up its data for one (check_load.c).
 *
 * Values are loaded by the same code as at start, one at a time, and thrown away. Nothing needs a key space. */
#ifndef TANDEM_RDB_CHECK_H
#define TANDEM_RDB_CHECK_H

#include "base/sds.h"
#include "keyspace/value.h"
#include "rdb/stream.h"

#define RDB_CHECK_BIGGEST 5

struct rdb_check {
    /* Called for what is met on the way: the offset, and a line without its end. */
    void (*say)(uint64_t offset, const char *line);
    bool empty_is_sound; /* a value without elements is passed over, as a load does */
    /* Called for each key whose value is sound: false when it came before, which is refused. May be NULL: nobody asks. */
    bool (*is_first)(void *ctx, int db, slice key);
    void *is_first_ctx;

    /* --- found so far; key, type and doing tell where a failure came --- */
    uint64_t keys, expires, already_expired;
    struct {
        uint64_t keys, bytes; /* as they are in the file */
    } types[VALUE_TYPES];
    struct {
        sds key;
        uint64_t bytes;
        int db, type;             /* enum value_type */
    } biggest[RDB_CHECK_BIGGEST]; /* the first is the biggest; key NULL: none */
    sds key;                      /* NULL: before the first */
    int rdb_type;                 /* -1: before the first */
    const char *doing;
    int version;        /* 0: before it */
    uint64_t databases; /* the highest number that was selected, and one (UINT64_MAX at most); 0: none was */
    uint64_t sound_end; /* up to here the file consists of whole keys and other items; 0: not even a header */
    bool at_end;        /* all items are sound, only what stands behind the last one is not */
};

void rdb_check_init(struct rdb_check *c, void (*say)(uint64_t offset, const char *line));
void rdb_check_free(struct rdb_check *c);
/* One RDB, to its trailer. false: r->error and r->fail_offset tell. */
bool rdb_check_stream(struct rdb_check *c, struct rdb_reader *r);
const char *rdb_type_name(int rdb_type); /* as redis-check-rdb calls it */

/* Checks the RDB at the start of fd and prints to stdout what redis-check-rdb prints, and what is inside, by type, with
 * the biggest keys. *end: the offset behind it. On a terminal, big files show their progress. */
bool rdb_check_print(int fd, const char *name, uint64_t *end);
/* The same; what was found stays in *c, for rdb_check_free. */
bool rdb_check_file(struct rdb_check *c, int fd, const char *name, uint64_t *end);
/* A bar on stderr when that is a terminal and total is big; it goes away when at reaches total. */
void rdb_check_show_progress(uint64_t at, uint64_t total);

#endif
