/* Numbers in words. */
#include <criterion/criterion.h>
#include "repl/say.h"

#define MB ((uint64_t)1 << 20)

Test(say, bytes) {
    cr_assert_str_eq(say_bytes(0).s, "0 bytes");
    cr_assert_str_eq(say_bytes(1023).s, "1023 bytes");
    cr_assert_str_eq(say_bytes(1024).s, "1.0kb");
    cr_assert_str_eq(say_bytes(14 * MB).s, "14mb");
    cr_assert_str_eq(say_bytes(1536 * MB).s, "1.5gb");
    cr_assert_str_eq(say_bytes(UINT64_MAX).s, "16777216tb");
}

Test(say, settings_are_round_and_never_less) {
    cr_assert_str_eq(say_setting(1).s, "1kb");
    cr_assert_str_eq(say_setting(1023 << 10).s, "1050kb");
    cr_assert_str_eq(say_setting(MB).s, "1mb");
    cr_assert_str_eq(say_setting(1680 * MB).s, "1700mb");
    cr_assert_str_eq(say_setting(0).s, "0kb");
    cr_assert_str_eq(say_setting(2 * MB + 1).s, "3mb");
    cr_assert_str_eq(say_setting(52 * MB).s, "60mb");
    cr_assert_str_eq(say_setting(101 * MB).s, "150mb");
}

Test(say, durations) {
    cr_assert_str_eq(say_duration(-5).s, "0.00 s");
    cr_assert_str_eq(say_duration(350).s, "0.35 s");
    cr_assert_str_eq(say_duration(2500).s, "2.5 s");
    cr_assert_str_eq(say_duration(14000).s, "14 s");
    cr_assert_str_eq(say_duration(300000).s, "5 min");
    cr_assert_str_eq(say_duration(9000000).s, "2.5 h");
}
