/* The RDB file format: the facts, each with where it is known from.
 *
 *   [O] observed: bytes that redis-server 7.0.15 wrote or read here (SAVE and DUMP, then a hex dump)
 *   [P] the published description (redis-rdb-tools wiki, "RDB Dump File Format" and its "Version History")
 *   [R] Redis's release notes and its published names of types and opcodes (7.0, 7.2)
 *
 * A file, in order:
 *
 *   offset  size  what                                                                             source
 *   0       5     "REDIS"                                                                          [O][P]
 *   5       4     version in decimal digits, "0010"                                                [O][P]
 *   9       ..    aux fields: AUX, string name, string value; any number, also later               [O] 7+ [P]
 *   ..      ..    per database that has keys: SELECTDB, length id; RESIZEDB, length keys, length expires  [O]
 *   ..      ..      per key: [EXPIRETIME_MS i64 | EXPIRETIME i32] [IDLE length | FREQ u8] type, string key, value  [O]
 *   ..      1     EOF                                                                              [O]
 *   ..      8     CRC64 of all before it, little-endian; version 5 and later; 0: not computed      [O][P]
 *
 * A DUMP payload: type byte, value, version u16 little-endian, CRC64 of all before it.              [O]
 * A diskless transfer: "$EOF:" + 40 byte mark + "\r\n", a file as above, the same mark.             [O]
 *
 * A length:                                                                                         [O][P]
 *   bits of the first byte   bytes   value
 *   00xxxxxx                 1       6 bits
 *   01xxxxxx                 2       14 bits, the first byte's 6 are the high ones
 *   10000000                 5       32 bits, big-endian
 *   10000001                 9       64 bits, big-endian                                            [R] version 8
 *   11xxxxxx                 1       not a length: a string in the special form xxxxxx
 *
 * A string:                                                                                         [O][P]
 *   length, bytes
 *   11 0: i8    11 1: i16    11 2: i32 (little-endian): the number's decimal text
 *   11 3: length compressed, length plain, LZF bytes
 *
 * Numbers of fixed size are little-endian, lengths big-endian.                                      [O][P]
 *
 * Valid if (a breach fails the load with its offset; the number is named where the rule is enforced):
 *   V1  the magic is "REDIS" and four digits follow that spell 1..11
 *   V2  no item reaches beyond the end of the stream; a length above what is left is refused before use, and where the
 *       stream's size is unknown, memory grows only as bytes arrive
 *   V3  a length's first byte is one of those above; where a number is wanted, the special forms are refused
 *   V4  a string's special form is 0..3
 *   V5  LZF: plain > 0, plain <= compressed * LZF_RATIO_MAX, and the bytes expand to exactly `plain` bytes
 *   V6  SELECTDB names a database below `databases`
 *   V7  RESIZEDB is a hint: never more room than the remaining bytes could fill
 *   V8  a type byte is one that a loader exists for; all else is refused by number and name
 *   V9  no key occurs twice in a database; no key is longer than RDB_KEY_BYTES_MAX
 *       A value without elements is no fault of a file: its key is passed over, and told in the log
 *   V10 the CRC is right, or 0
 *   V11 a payload's version is 1..11, its CRC is right, and its value ends where the footer starts
 *   V12 an aux field's or function library's parts are strings; a module's aux data is well-formed to its end mark */
#ifndef TANDEM_RDB_FORMAT_H
#define TANDEM_RDB_FORMAT_H

#define RDB_MAGIC          "REDIS"
#define RDB_HEADER_BYTES   9
#define RDB_VERSION        10 /* written [O] */
#define RDB_VERSION_MAX    11 /* read; 11 is Redis 7.2 [R] */
#define RDB_VERSION_CRC    5  /* the first with a trailer [P] */
#define RDB_CRC_BYTES      8
#define RDB_FOOTER_BYTES   10 /* of a DUMP payload */
#define RDB_EOF_MARK_BYTES 40

/* In place of a type byte [O][P]; MODULE_AUX, FUNCTION* [R]. */
enum rdb_opcode {
    RDB_OP_FUNCTION2 = 245,       /* string: a function library's code (7.0) */
    RDB_OP_FUNCTION_PRE_GA = 246, /* release candidates of 7.0 only */
    RDB_OP_MODULE_AUX = 247,      /* length module id, then opcode-tagged data */
    RDB_OP_IDLE = 248,            /* length seconds: with an LRU policy */
    RDB_OP_FREQ = 249,            /* u8: with an LFU policy */
    RDB_OP_AUX = 250,
    RDB_OP_RESIZEDB = 251,
    RDB_OP_EXPIRETIME_MS = 252, /* i64 unix milliseconds */
    RDB_OP_EXPIRETIME = 253,    /* i32 unix seconds: up to version 2 */
    RDB_OP_SELECTDB = 254,
    RDB_OP_EOF = 255
};

/* A value's type byte [P][R]. */
enum rdb_type {
    RDB_TYPE_STRING = 0,
    RDB_TYPE_LIST = 1,
    RDB_TYPE_SET = 2,
    RDB_TYPE_ZSET = 3,
    RDB_TYPE_HASH = 4,
    RDB_TYPE_ZSET_2 = 5,
    RDB_TYPE_MODULE_PRE_GA = 6,
    RDB_TYPE_MODULE_2 = 7,
    RDB_TYPE_HASH_ZIPMAP = 9,
    RDB_TYPE_LIST_ZIPLIST = 10,
    RDB_TYPE_SET_INTSET = 11,
    RDB_TYPE_ZSET_ZIPLIST = 12,
    RDB_TYPE_HASH_ZIPLIST = 13,
    RDB_TYPE_LIST_QUICKLIST = 14,
    RDB_TYPE_STREAM_LISTPACKS = 15,
    RDB_TYPE_HASH_LISTPACK = 16,
    RDB_TYPE_ZSET_LISTPACK = 17,
    RDB_TYPE_LIST_QUICKLIST_2 = 18,
    RDB_TYPE_STREAM_LISTPACKS_2 = 19,
    RDB_TYPE_SET_LISTPACK = 20,       /* version 11 */
    RDB_TYPE_STREAM_LISTPACKS_3 = 21, /* version 11 */
    RDB_TYPES
};

/* The first byte of a length. */
#define RDB_LEN_14BIT     0x40
#define RDB_LEN_32BIT     0x80
#define RDB_LEN_64BIT     0x81
#define RDB_LEN_SPECIAL   0xC0
#define RDB_LEN_6BIT_MAX  63u
#define RDB_LEN_14BIT_MAX 16383u

/* Special forms of a string. */
enum rdb_string_form { RDB_STRING_I8, RDB_STRING_I16, RDB_STRING_I32, RDB_STRING_LZF };
#define RDB_INT_TEXT_MAX   11 /* longer strings are not tried as integers: "-2147483648" [O] */
#define RDB_COMPRESS_ABOVE 20 /* strings of at most this are never compressed [O] */
#define RDB_COMPRESS_GAIN  4  /* compressed only when that saves at least so many bytes [O] */
#define RDB_LZF_RATIO_MAX  88 /* three LZF bytes expand to at most 264 */

/* Tags inside a module's data [R]. */
enum rdb_module_tag {
    RDB_MODULE_END = 0,
    RDB_MODULE_SINT = 1,
    RDB_MODULE_UINT = 2,
    RDB_MODULE_FLOAT = 3,
    RDB_MODULE_DOUBLE = 4,
    RDB_MODULE_STRING = 5
};

#define RDB_KEY_BYTES_MAX 0xFFFFFFFFu /* what an entry's length field takes */

#endif
