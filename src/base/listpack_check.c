/* Listpacks from outside: whether bytes that anybody may have made are one. Every length is compared with what is
 * left before it is used; nothing is read outside the bytes given. */
#include "base/listpack_internal.h"

/* The bytes of the entry at `at`, of which `room` precede the end mark; 0 when it isn't well-formed. */
static size_t check_entry(lp_pos at, size_t room) {
    size_t head_max = *at < 0xC0 ? 1 : *at < 0xF0 ? 2 : *at == 0xF0 ? 5 : 1;
    if (head_max > room) return 0;
    size_t head, l = lp_payload_bytes(at, &head);
    if (l == 0 || l > room) return 0;
    size_t back = lp_backlen_bytes(l);
    if (back > room - l) return 0;
    uint8_t right[5];
    lp_put_backlen(right, l);
    return memcmp(right, at + l, back) == 0 ? l + back : 0;
}

bool lp_validate(const uint8_t *lp, size_t n, bool deep, bool (*each)(void *ctx, lp_pos at, size_t index),
                 void *ctx) {
    if (n < LP_EMPTY_BYTES || lp_bytes(lp) != n || lp[n - 1] != LP_END) return false;
    if (!deep) return true;
    size_t count = 0;
    lp_pos at = lp + LP_HEADER_BYTES, end = lp + n - 1;
    while (at < end) {
        size_t bytes = check_entry(at, (size_t)(end - at));
        if (bytes == 0 || (each && !each(ctx, at, count))) return false;
        at += bytes;
        count++;
    }
    size_t said = lp_header_count(lp);
    return said == LP_COUNT_UNKNOWN || said == count;
}
