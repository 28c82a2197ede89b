/* Numbers to and from text. The decimal texts marked "reference" were taken from redis-server 7.0.15. */
#include "base/num.h"
#include "base/random.h"

#include <criterion/criterion.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

static const uint64_t seed = 0x7a4d3e5;

Test(num, i64_accepts_only_what_prints_back) {
    static const struct {
        const char *text;
        bool ok;
        int64_t value;
    } cases[] = {
        {"0", true, 0},
        {"-1", true, -1},
        {"9223372036854775807", true, INT64_MAX},
        {"-9223372036854775808", true, INT64_MIN},
        {"9223372036854775808", false, 0},
        {"-9223372036854775809", false, 0},
        {"18446744073709551616", false, 0},
        {"99999999999999999999", false, 0},
        {"100000000000000000000", false, 0},
        {"", false, 0},
        {"-", false, 0},
        {"-0", false, 0},
        {"00", false, 0},
        {"01", false, 0},
        {"-01", false, 0},
        {"+1", false, 0},
        {" 1", false, 0},
        {"1 ", false, 0},
        {"1x", false, 0},
        {"x1", false, 0},
        {"--1", false, 0},
        {"1234567890123456789x", false, 0},
        {"1:", false, 0},
        {"1/", false, 0},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        int64_t v = 77;
        cr_assert_eq(num_parse_i64(slice_of(cases[i].text), &v), cases[i].ok, "%s", cases[i].text);
        if (cases[i].ok) cr_assert_eq(v, cases[i].value, "%s", cases[i].text);
    }
}

Test(num, integers_print_as_libc_prints_them_and_read_back) {
    random_seed(seed);
    for (int i = 0; i < 300000; i++) {
        uint64_t bits = random_u64() >> random_below(64);
        int64_t v = i % 2 ? (int64_t)bits : (int64_t)(0 - bits);
        char ours[NUM_INT_BYTES], libc[32];
        size_t n = num_format_i64(ours, v);
        cr_assert_eq(n, (size_t)snprintf(libc, sizeof(libc), "%" PRId64, v));
        cr_assert_arr_eq(ours, libc, n);
        int64_t back;
        cr_assert(num_parse_i64((slice){ours, n}, &back));
        cr_assert_eq(back, v);
        cr_assert_eq(num_format_u64(ours, bits), (size_t)snprintf(libc, sizeof(libc), "%" PRIu64, bits));
        cr_assert_arr_eq(ours, libc, strlen(libc));
    }
}

Test(num, digits_at_every_power_of_ten) {
    uint64_t power = 1;
    for (int digits = 1; digits <= 20; digits++) {
        cr_assert_eq(num_digits_u64(power), digits);
        cr_assert_eq(num_digits_u64(power - 1), digits == 1 ? 1 : digits - 1);
        if (digits < 20) power *= 10;
    }
    cr_assert_eq(num_digits_u64(UINT64_MAX), 20);
}

Test(num, doubles_accept_what_the_reference_accepts) {
    static const struct {
        const char *text;
        bool ok;
        double value;
    } cases[] = {
        {"0", true, 0},
        {"-0", true, -0.0},
        {"+5", true, 5},
        {"5.", true, 5},
        {".5", true, 0.5},
        {"-.5", true, -0.5},
        {"1e5", true, 1e5},
        {"0x10", true, 16},
        {"0x1p3", true, 8},
        {"inf", true, INFINITY},
        {"INF", true, INFINITY},
        {"-inf", true, -INFINITY},
        {"infinity", true, INFINITY},
        {"4.9e-324", true, 4.9e-324},
        {"1.7976931348623157e308", true, 1.7976931348623157e308},
        {"001.50", true, 1.5},
        {"", false, 0},
        {".", false, 0},
        {"-", false, 0},
        {"-.", false, 0},
        {" 1", false, 0},
        {"1 ", false, 0},
        {"nan", false, 0},
        {"1_", false, 0},
        {"1e400", false, 0},
        {"-1e400", false, 0},
        {"1e-400", false, 0},
        {"1.2.3", false, 0},
        {"1-", false, 0},
        {"--1", false, 0},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        double v;
        cr_assert_eq(num_parse_double(slice_of(cases[i].text), &v), cases[i].ok, "%s", cases[i].text);
        if (!cases[i].ok) continue;
        cr_assert_eq(v, cases[i].value, "%s", cases[i].text);
        cr_assert_eq(signbit(v), signbit(cases[i].value), "%s", cases[i].text);
    }
    double v;
    cr_assert_not(num_parse_double((slice){"1\0002", 3}, &v));
    cr_assert_not(num_parse_double((slice){"1\0", 2}, &v));
}

Test(num, doubles_round_as_strtod_does) {
    random_seed(seed);
    for (int i = 0; i < 300000; i++) {
        char text[64];
        int n = snprintf(text, sizeof(text), "%s%" PRIu64, i & 1 ? "-" : "",
                         random_u64() >> random_below(60));
        if (i & 2)
            n += snprintf(text + n, sizeof(text) - (size_t)n, ".%0*" PRIu64, 3,
                          random_u64() >> random_below(64));
        double v, libc = strtod(text, NULL);
        cr_assert(num_parse_double((slice){text, (size_t)n}, &v), "%s", text);
        cr_assert_eq(memcmp(&v, &libc, sizeof(v)), 0, "%s: %.17g, libc %.17g", text, v, libc);
    }
}

Test(num, a_double_of_a_thousand_digits) {
    char text[1002];
    memset(text, '0', sizeof(text));
    text[1000] = '1';
    double v;
    cr_assert(num_parse_double((slice){text, 1001}, &v));
    cr_assert_eq(v, 1);
}

Test(num, doubles_print_with_17_digits) {
    static const struct {
        double v;
        const char *text;
    } cases[] = {
        {3.0, "3"},
        {-0.0, "-0"},
        {0.1, "0.10000000000000001"},
        {1e17, "1e+17"},
        {99999999999999984.0, "99999999999999984"},
        {-12345, "-12345"},
        {1e-7, "9.9999999999999995e-08"},
        {1e300, "1.0000000000000001e+300"},
        {INFINITY, "inf"},
        {-INFINITY, "-inf"},
    };
    char buf[64];
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        size_t n = num_format_double(buf, sizeof(buf), cases[i].v);
        cr_assert_str_eq(buf, cases[i].text);
        cr_assert_eq(n, strlen(cases[i].text));
    }
    random_seed(seed);
    for (int i = 0; i < 100000; i++) {
        uint64_t bits = random_u64();
        double v;
        memcpy(&v, &bits, sizeof(v));
        if (i % 2) v = (double)((int64_t)bits >> random_below(64));
        if (!isfinite(v)) continue;
        char libc[64];
        snprintf(libc, sizeof(libc), "%.17g", v);
        num_format_double(buf, sizeof(buf), v);
        cr_assert_str_eq(buf, libc);
    }
}

Test(num, long_doubles_as_incrbyfloat) {
    static const struct {
        const char *in, *out;
    } cases[] = {
        {"3.0", "3"},     {"10.50", "10.5"},
        {"0.1", "0.1"},   {"-0", "0"},
        {"5e3", "5000"},  {"1e-400", "0"},
        {"-1e-400", "0"}, {"100", "100"},
        {"0x10", "16"},   {"1.23456789012345678", "1.23456789012345678"},
    };
    char buf[NUM_LONG_DOUBLE_BYTES];
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        long double v;
        cr_assert(num_parse_long_double(slice_of(cases[i].in), &v), "%s", cases[i].in);
        size_t n = num_format_long_double(buf, sizeof(buf), v);
        cr_assert_eq(n, strlen(cases[i].out), "%s: %.*s", cases[i].in, (int)n, buf);
        cr_assert_arr_eq(buf, cases[i].out, n);
    }
    long double v;
    cr_assert(num_parse_long_double(SLICE("1e4900"), &v));
    cr_assert_eq(num_format_long_double(buf, sizeof(buf), v), 4901);
    cr_assert_eq(num_format_long_double(buf, 100, v), 0, "no room: nothing, rather than a part");
    cr_assert_not(num_parse_long_double(SLICE("1e5000"), &v));
    cr_assert_not(num_parse_long_double(SLICE(" 1"), &v));
    cr_assert_not(num_parse_long_double(SLICE("nan"), &v));
    cr_assert_not(num_parse_long_double(SLICE(""), &v));
}

Test(num, bytes_with_units) {
    static const struct {
        const char *text;
        bool ok;
        uint64_t value;
    } cases[] = {
        {"1", true, 1},
        {"1b", true, 1},
        {"1k", true, 1000},
        {"1KB", true, 1024},
        {"2m", true, 2000000},
        {"10mb", true, 10 << 20},
        {"1g", true, 1000000000},
        {"3Gb", true, 3ull << 30},
        {"", true, 0},
        {"kb", true, 0},
        {"18446744073709551615", true, UINT64_MAX},
        {"-1", false, 0},
        {"1.5k", false, 0},
        {"1x", false, 0},
        {"1 k", false, 0},
        {"+5", false, 0},
        {"1kbb", false, 0},
        {"99999999999999999999", false, 0},
        {"18446744073709551615k", false, 0},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        uint64_t v;
        cr_assert_eq(num_parse_bytes(slice_of(cases[i].text), &v), cases[i].ok, "%s", cases[i].text);
        if (cases[i].ok) cr_assert_eq(v, cases[i].value, "%s", cases[i].text);
    }
}

Test(num, bytes_for_people) {
    static const struct {
        uint64_t v;
        const char *text;
    } cases[] = {{0, "0B"},
                 {1023, "1023B"},
                 {1024, "1.00K"},
                 {1536, "1.50K"},
                 {1 << 20, "1.00M"},
                 {5ull << 30, "5.00G"},
                 {3ull << 40, "3.00T"},
                 {1ull << 50, "1.00P"},
                 {UINT64_MAX, "18446744073709551615B"}};
    char buf[64];
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        num_format_bytes_human(buf, sizeof(buf), cases[i].v);
        cr_assert_str_eq(buf, cases[i].text);
    }
}
