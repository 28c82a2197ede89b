/* Numbers as people say them, for log lines, INFO and advice: "1.2gb", "14 s", "5 min". Pure. */
#ifndef TANDEM_REPL_SAY_H
#define TANDEM_REPL_SAY_H

#include <stddef.h>
#include <stdint.h>

#define SAY_BYTES 32

struct said { /* returned by value, so that several fit in one printf: say_bytes(n).s */
    char s[SAY_BYTES];
};

struct said say_bytes(uint64_t n); /* 512 bytes, 2.0kb, 14mb, 1.5gb: units of 1024, as in the configuration */
struct said
say_setting(uint64_t n); /* rounded up to a number that one would write in a configuration: 60mb */
struct said say_duration(int64_t ms); /* 0.35 s, 14 s, 5 min, 2.5 h */

#endif
