/* Glob patterns as KEYS, SCAN MATCH and CONFIG GET use them: * ? [abc] [^a-z] and \ escapes, on binary strings. */
#ifndef TANDEM_BASE_GLOB_H
#define TANDEM_BASE_GLOB_H

#include "base/slice.h"

/* Bounded work: patterns with many stars don't explode (no exponential backtracking). */
bool glob_match(slice pattern, slice s, bool nocase);

#endif
