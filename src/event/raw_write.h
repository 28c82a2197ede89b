/* Text from a signal's handler: write(2), and nothing else. */
#ifndef TANDEM_EVENT_RAW_WRITE_H
#define TANDEM_EVENT_RAW_WRITE_H

#include <string.h>
#include <unistd.h>

static inline void raw_write(int fd, const char *s) {
    if (write(fd, s, strlen(s)) < 0) return; /* nothing is left to be done about it */
}

#endif
