/* See say.h. Two digits are enough for a person; what must be exact is told elsewhere as a plain number. */
#include "repl/say.h"

#include <stdio.h>

enum { KB = 1024, UNITS = 4 };

static const char *const units[UNITS] = {"kb", "mb", "gb", "tb"};

struct said say_bytes(uint64_t n) {
    struct said out;
    if (n < KB) {
        snprintf(out.s, sizeof out.s, "%llu bytes", (unsigned long long)n);
        return out;
    }
    double v = (double)n / KB;
    int unit = 0;
    while (v >= KB && unit < UNITS - 1) {
        v /= KB;
        unit++;
    }
    snprintf(out.s, sizeof out.s, v < 9.95 ? "%.1f%s" : "%.0f%s", v, units[unit]);
    return out;
}

struct said say_setting(uint64_t n) {
    struct said out;
    uint64_t unit_bytes = KB;
    int unit = 0;
    /* The next unit only where it is coarse enough not to matter: 1700mb, not 2gb. */
    while (unit < UNITS - 1 && (n >= 2 * unit_bytes * KB || (n && n % (unit_bytes * KB) == 0))) {
        unit_bytes *= KB;
        unit++;
    }
    uint64_t count = n / unit_bytes + (n % unit_bytes != 0), step = count >= 100 ? 50 : count >= 20 ? 10 : 1;
    count = (count + step - 1) / step * step;
    snprintf(out.s, sizeof out.s, "%llu%s", (unsigned long long)count, units[unit]);
    return out;
}

struct said say_duration(int64_t ms) {
    struct said out;
    double s = (double)(ms < 0 ? 0 : ms) / 1000, v = s < 120 ? s : s < 7200 ? s / 60 : s / 3600;
    const char *unit = s < 120 ? "s" : s < 7200 ? "min" : "h";
    if (s < 1)
        snprintf(out.s, sizeof out.s, "%.2f %s", v, unit);
    else
        snprintf(out.s, sizeof out.s, v < 9.95 && v - (double)(int64_t)v >= 0.05 ? "%.1f %s" : "%.0f %s", v,
                 unit);
    return out;
}
