/* The memory test of the crash report: it says what it found and changes nothing. */
#include "event/memory_check.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#ifndef TANDEM_MEM_MALLOC /* a sanitizer's shadow memory is not to be walked through */
Test(memory_check, leaves_every_byte_as_it_was) {
    enum { BYTES = 1 << 20 };
    static unsigned char sum_before, sum_after;
    unsigned char *block = malloc(BYTES);
    for (int i = 0; i < BYTES; i++) sum_before += block[i] = (unsigned char)(i * 7);
    int fds[2];
    char said[1024] = "";
    cr_assert_eq(pipe(fds), 0);
    memory_check(fds[1]);
    cr_assert_gt(read(fds[0], said, sizeof said - 1), 0);
    cr_assert(strstr(said, "FAST MEMORY TEST"));
    cr_assert(strstr(said, "PASSED"), "%s", said);
    for (int i = 0; i < BYTES; i++) {
        cr_assert_eq(block[i], (unsigned char)(i * 7));
        sum_after += block[i];
    }
    cr_assert_eq(sum_before, sum_after);
    free(block);
}
#endif
