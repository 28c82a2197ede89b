/* Hashes of keys: what was added is found again, nothing else is, and memory has an end. */
#include "base/alloc.h"
#include "rdb/key_hashes.h"
#include <criterion/criterion.h>

/* Different for different i, spread over all bits. */
static uint64_t spread(uint64_t i) {
    return (i + 1) * 0x9e3779b97f4a7c15u;
}

Test(key_hashes, finds_what_was_added_and_nothing_else) {
    struct key_hashes *k = key_hashes_new((size_t)8 << 20);
    for (uint64_t i = 0; i < 50000; i++)
        cr_assert(key_hashes_add(k, spread(i)), "%llu", (unsigned long long)i);
    for (uint64_t i = 0; i < 50000; i++) cr_assert_not(key_hashes_add(k, spread(i)));
    cr_assert(key_hashes_add(k, 0));
    cr_assert_not(key_hashes_add(k, 0));
    key_hashes_free(k);
}

Test(key_hashes, keeps_to_its_memory_and_goes_on_finding_the_first) {
    size_t before = mem_used_bytes(), most = (size_t)256 << 10;
    struct key_hashes *k = key_hashes_new(most);
    for (uint64_t i = 0; i < 200000; i++) cr_assert(key_hashes_add(k, spread(i)));
    cr_assert_leq(mem_used_bytes() - before, most + 8192);
    for (uint64_t i = 0; i < 10000; i++) cr_assert_not(key_hashes_add(k, spread(i)));
    cr_assert(key_hashes_add(k, spread(199999)), "there was no room for it");
    key_hashes_free(k);
    cr_assert_eq(mem_used_bytes(), before);
}
