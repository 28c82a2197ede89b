/* The registry of value types, and freeing a value of any of them.
 *
 * Invariant: a type that occurs in an entry is registered (strings excepted, which need no operations). */
#include "keyspace/value.h"

#include "base/assert.h"
#include "base/sds.h"
#include "keyspace/entry_internal.h"
#include "keyspace/hash.h"
#include "keyspace/lazy.h"
#include "keyspace/list.h"
#include "keyspace/set.h"
#include "keyspace/stream.h"
#include "keyspace/zset.h"

static const struct value_type_ops *registered[VALUE_TYPES] = {
    [TYPE_LIST] = &list_value_ops, [TYPE_SET] = &set_value_ops,       [TYPE_ZSET] = &zset_value_ops,
    [TYPE_HASH] = &hash_value_ops, [TYPE_STREAM] = &stream_value_ops,
};

const char *value_type_name(enum value_type type) {
    static const char *const names[VALUE_TYPES] = {
        [TYPE_STRING] = "string", [TYPE_LIST] = "list", [TYPE_SET] = "set",
        [TYPE_ZSET] = "zset",     [TYPE_HASH] = "hash", [TYPE_STREAM] = "stream",
    };
    assert_that(type < VALUE_TYPES && names[type]);
    return names[type];
}

void value_register_type(enum value_type type, const struct value_type_ops *ops) {
    assert_that(type < VALUE_TYPES && type != TYPE_STRING);
    assert_that(ops->encoding_name && ops->free && ops->free_effort && ops->copy && ops->bytes &&
                ops->digest);
    registered[type] = ops;
}

const struct value_type_ops *value_ops(enum value_type type) {
    assert_that(type < VALUE_TYPES && registered[type]);
    return registered[type];
}

void value_release(enum value_type type, unsigned encoding, void *ptr, bool lazily) {
    if (type == TYPE_STRING) {
        sds_free(ptr);
        return;
    }
    const struct value_type_ops *ops = value_ops(type);
    if (lazily && ops->free_effort(encoding, ptr) > LAZYFREE_EFFORT_MIN)
        lazy_add_value(type, encoding, ptr);
    else
        ops->free(encoding, ptr);
}

void value_free(struct value *v) {
    if (v->ptr) value_release(v->type, v->encoding, v->ptr, false);
    v->ptr = NULL;
}
