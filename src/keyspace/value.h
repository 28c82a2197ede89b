/* Value types: what the key space must be able to do with a value whatever its type, and values on their way in.
 *
 * Strings are known to entry.c. Every other type is a structure behind a pointer, and its operations are a row in
 * value.c; nothing else in the key space needs to learn of it. */
#ifndef TANDEM_KEYSPACE_VALUE_H
#define TANDEM_KEYSPACE_VALUE_H

#include "base/slice.h"
#include <stdint.h>

struct dict;

/* Numbers of Redis's object types (RDB and DEBUG speak them). */
enum value_type {
    TYPE_STRING = 0,
    TYPE_LIST = 1,
    TYPE_SET = 2,
    TYPE_ZSET = 3,
    TYPE_HASH = 4,
    TYPE_STREAM = 6
};
#define VALUE_TYPES 8

const char *value_type_name(enum value_type type); /* as TYPE: "string", "list", ... */

/* encoding is the type's own number, 0..15; ptr its structure. */
struct value_type_ops {
    const char *(*encoding_name)(unsigned encoding); /* as OBJECT ENCODING */
    void (*free)(unsigned encoding, void *ptr);
    /* How many allocations a free gives back, roughly: above LAZYFREE_EFFORT_MIN it is done in slices. */
    size_t (*free_effort)(unsigned encoding, const void *ptr);
    /* Frees up to n elements, true while some remain; `free` ends it. NULL: the type is freed in one go. */
    bool (*free_some)(unsigned encoding, void *ptr, size_t n);
    void *(*copy)(unsigned encoding, const void *ptr);
    size_t (*bytes)(unsigned encoding, const void *ptr); /* memory held by the structure */
    /* Mixes the value's elements into digest (keyspace/digest.h tells how). */
    void (*digest)(unsigned encoding, const void *ptr, uint8_t digest[20]);
    /* The dict in which elements are looked up by name, NULL: none (a compact form). May be NULL. */
    struct dict *(*table)(unsigned encoding, void *ptr);
};
#define LAZYFREE_EFFORT_MIN 64

/* Takes the row's place: for tests. ops must live on. */
void value_register_type(enum value_type type, const struct value_type_ops *ops);
const struct value_type_ops *value_ops(enum value_type type); /* asserts that the type is registered */

/* How a string's bytes are to be stored: what OBJECT ENCODING will say. */
enum value_form {
    VALUE_AUTO, /* "int" when they spell an integer, else "embstr" up to 44 bytes, else "raw": SET and loading */
    VALUE_NOT_INT, /* "embstr" or "raw": INCRBYFLOAT */
    VALUE_RAW      /* "raw" whatever the size: SETRANGE, SETBIT */
};

struct value {
    uint8_t type;     /* enum value_type */
    uint8_t encoding; /* TYPE_STRING: enum value_form; other types: the type's encoding number */
    slice bytes;      /* TYPE_STRING: the bytes, borrowed, when ptr is NULL */
    /* TYPE_STRING: NULL, or an sds instead of bytes; other types: the structure. Ownership passes. */
    void *ptr;
};
void value_free(struct value *v); /* one that was not given to the key space after all */

#endif
