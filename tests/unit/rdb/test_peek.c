/* The head of an RDB file: used memory, and whether there are keys. */
#include <criterion/criterion.h>
#include "rdb/rdb.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static struct rdb_peek head;

static bool peek(const char *bytes, size_t n) {
    char path[] = "/tmp/tandem-peek-XXXXXX";
    int fd = mkstemp(path);
    cr_assert_eq(write(fd, bytes, n), (ssize_t)n);
    close(fd);
    bool ok = rdb_peek(path, &head);
    unlink(path);
    return ok;
}

#define PEEK(text) peek(text, sizeof(text) - 1)
#define AUX                                                                                                  \
    "REDIS0010\xfa\x09redis-ver\x06"                                                                         \
    "7.0.15\xfa\x08used-mem\xc2\x40\x42\x0f\x00" /* 1000000 */

Test(peek, no_keys) {
    cr_assert(PEEK("REDIS0010\xff\0\0\0\0\0\0\0\0"));
    cr_assert(!head.has_keys && head.used_mem_bytes == 0);
    cr_assert(PEEK(AUX "\xff\0\0\0\0\0\0\0\0"));
    cr_assert(!head.has_keys && head.used_mem_bytes == 1000000);
    cr_assert(PEEK(AUX "\xf5\x03lib\xff\0\0\0\0\0\0\0\0"), "a library is no key");
    cr_assert_not(head.has_keys);
}

Test(peek, keys) {
    cr_assert(PEEK(AUX "\xfe\x00\xfb\x01\x00\x00\x01k\x01v\xff"));
    cr_assert(head.has_keys && head.used_mem_bytes == 1000000);
    cr_assert(PEEK(AUX "\xfe\x00\xfb\x01\x01\xfc\0\0\0\0\0\0\0\0\x00\x01k\x01v\xff"));
    cr_assert(head.has_keys, "the expire time is the key's");
    cr_assert(PEEK("REDIS0003\xfe\x00\x00\x01k\x01v\xff"));
    cr_assert(head.has_keys);
}

Test(peek, what_can_t_be_understood_is_not_judged) {
    cr_assert_not(PEEK(""));
    cr_assert_not(PEEK("REDIS"));
    cr_assert_not(PEEK(AUX));
    cr_assert_not(PEEK(AUX "\xfa\x40"));
    cr_assert_not(PEEK(AUX "\xfe"));
    cr_assert_not(rdb_peek("/nowhere/at/all", &head));
}
