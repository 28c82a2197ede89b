/* Assertions stay on in every build: a broken invariant logs its place and aborts rather than losing data. */
#ifndef TANDEM_BASE_ASSERT_H
#define TANDEM_BASE_ASSERT_H

void assert_failed(const char *expr, const char *file, int line) __attribute__((noreturn, cold));
/* The process must not go on, though the fault is not in the program: says why, then aborts. */
void panic(const char *fmt, ...) __attribute__((noreturn, cold, format(printf, 1, 2)));
#define assert_that(expr) ((expr) ? (void)0 : assert_failed(#expr, __FILE__, __LINE__))

#define likely(x)   __builtin_expect(!!(x), 1)
#define unlikely(x) __builtin_expect(!!(x), 0)

#endif
