/* What the allocator offers besides blocks: sizes, strings, and what the system says we hold. */
#include "base/alloc.h"
#include "base/alloc_class.h"

#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

size_t mem_good_size(size_t n) {
    return good_size(n);
}

char *mem_strdup(const char *s) {
    size_t n = strlen(s) + 1;
    return memcpy(mem_alloc(n), s, n);
}

void mem_populate(void *p, size_t n) {
#ifdef MADV_POPULATE_WRITE
    enum { WORTH_BYTES = 1024 * 1024 };
    if (n < WORTH_BYTES) return;
    uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE), from = ((uintptr_t)p + page - 1) & ~(page - 1);
    madvise((void *)from, ((uintptr_t)p + n - from) & ~(page - 1), MADV_POPULATE_WRITE);
#else
    (void)p, (void)n;
#endif
}

size_t mem_resident_bytes(void) {
    char buf[128];
    int fd = open("/proc/self/statm", O_RDONLY | O_CLOEXEC);
    if (fd < 0) return 0;
    ssize_t n = read(fd, buf, sizeof(buf) - 1);
    close(fd);
    if (n <= 0) return 0;
    buf[n] = '\0';
    const char *resident = strchr(buf, ' ');
    return resident ? strtoul(resident, NULL, 10) * (size_t)sysconf(_SC_PAGESIZE) : 0;
}
