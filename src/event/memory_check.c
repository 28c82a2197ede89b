/* Each page of our private memory is saved, written with patterns, read back and restored.
 *
 * Nothing may be called between saving and restoring a page, and the pages that this very code lives on are left out: those
 * of the stack it runs on and of its own variables. Patterns are read back through the cache, so only gross faults show: the
 * report says so. */
#include "event/memory_check.h"
#include "event/raw_write.h"

#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

enum { PAGE_BYTES = 4096, PAGE_WORDS = PAGE_BYTES / sizeof(uint64_t) };

static bool test_page(volatile uint64_t *page) {
    uint64_t saved[PAGE_WORDS], wrong = 0, pattern = 0x5555555555555555;
    for (int i = 0; i < PAGE_WORDS; i++) saved[i] = page[i];
    for (int round = 0; round < 2; round++, pattern = ~pattern) {
        for (int i = 0; i < PAGE_WORDS; i++) page[i] = pattern ^ (uint64_t)i;
        for (int i = 0; i < PAGE_WORDS; i++) wrong |= page[i] ^ pattern ^ (uint64_t)i;
    }
    for (int i = 0; i < PAGE_WORDS; i++) page[i] = saved[i];
    return wrong == 0;
}

struct region {
    uintptr_t from, to;
    bool ours; /* readable, writable, private, of no file */
};

static const char *take_hex(const char *p, uintptr_t *out) {
    for (*out = 0;; p++) {
        if (*p >= '0' && *p <= '9')
            *out = *out << 4 | (uintptr_t)(*p - '0');
        else if (*p >= 'a' && *p <= 'f')
            *out = *out << 4 | (uintptr_t)(*p - 'a' + 10);
        else
            return p;
    }
}

/* "from-to rwxp offset device inode    path" */
static struct region parse_line(const char *p) {
    struct region r = {0};
    p = take_hex(p, &r.from);
    p = take_hex(p + (*p == '-'), &r.to);
    r.ours = strncmp(p, " rw-p ", 6) == 0 && r.to > r.from;
    for (int blanks = 0; blanks < 4 && *p; p++) blanks += *p == ' ';
    r.ours = r.ours && p[0] == '0'; /* inode */
    while (*p && *p != ' ') p++;
    while (*p == ' ') p++;
    r.ours = r.ours && (*p == '\0' || strcmp(p, "[heap]") == 0);
    return r;
}

static bool lies_in(const struct region *r, const void *p) {
    return (uintptr_t)p >= r->from && (uintptr_t)p < r->to;
}

struct totals {
    uint64_t pages, bad;
};

static void test_region(const struct region *r, struct totals *t, const void *stack, const void *variables) {
    if (!r->ours || lies_in(r, stack) || lies_in(r, variables)) return;
    for (uintptr_t at = r->from; at + PAGE_BYTES <= r->to; at += PAGE_BYTES, t->pages++)
        t->bad += !test_page((volatile uint64_t *)at);
}

void memory_check(int fd) {
    static char buf[8192];
    struct totals t = {0};
    size_t have = 0;
    int maps = open("/proc/self/maps", O_RDONLY | O_CLOEXEC);
    if (maps < 0) return;
    raw_write(fd, "\n------ FAST MEMORY TEST ------\n");
    for (ssize_t n; (n = read(maps, buf + have, sizeof buf - 1 - have)) > 0;) {
        have += (size_t)n;
        char *line = buf;
        for (char *end; (end = memchr(line, '\n', have - (size_t)(line - buf))); line = end + 1) {
            *end = '\0';
            struct region r = parse_line(line);
            test_region(&r, &t, &r, buf);
        }
        have -= (size_t)(line - buf);
        memmove(buf, line, have);
    }
    close(maps);
    raw_write(
        fd, t.bad ? "Broken memory found: replace it.\n"
                  : "Fast memory test PASSED. It finds gross faults only: to be sure, run a memory test for "
                    "hours.\n");
}
