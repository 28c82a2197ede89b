/* What a fuzz target defines, and the driver (or libFuzzer, in its place) calls. */
#ifndef TANDEM_TESTS_FUZZ_H
#define TANDEM_TESTS_FUZZ_H

#include <stddef.h>
#include <stdint.h>

/* Aborts (assert_that, a sanitizer) when a property does not hold; returns 0. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Optional: writes the i-th well-formed input, at most cap bytes, and returns its length; 0 behind the last. */
size_t fuzz_seed(int i, uint8_t *buf, size_t cap);

#endif
