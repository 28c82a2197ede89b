/* What command families share with each other: the meaning of an expire time, keys that go or become empty, replies without
 * end. */
#ifndef TANDEM_COMMAND_FAMILIES_H
#define TANDEM_COMMAND_FAMILIES_H

#include "command/command.h"

/* An absolute time that is past means "delete now" on a primary. A replica, and a server that loads a file, keeps the
 * key: its master, or the rest of the file, decides. */
bool cmd_already_expired(int64_t expire_ms);
/* The running command leaves as PEXPIREAT: replicas must not read their own clock. */
void cmd_propagate_pexpireat(slice key, int64_t expire_ms);
static inline bool cmd_delete(struct db *db, slice key, bool lazily) {
    return lazily ? db_delete_lazy(db, key) : db_delete(db, key);
}
/* Deletes key, at once or in slices, signals it, counts it, and leaves as DEL or UNLINK. */
void cmd_delete_and_propagate(struct client *c, slice key, bool lazily);
/* Elements were removed from the value at key: signals it with the event, and deletes the key when nothing is left. */
void cmd_elements_removed(struct client *c, slice key, enum ks_notify_class cls, const char *event,
                          bool empty);
/* What is to be stored at key is empty: whatever is there goes, which is signalled and counted. */
void cmd_store_nothing(struct client *c, slice key);
/* Random elements with repeats may be asked for by the billion: takes the size of the next batch off what is left. 0: nothing
 * is left, or nobody would get it: the client is muted, as when it comes over its output limit. */
uint64_t cmd_next_batch(struct client *c, uint64_t *left);

#endif
