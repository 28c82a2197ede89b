/* How far a file of commands is sound. Pure: bytes in, findings out. */
#ifndef TANDEM_TOOLS_CHECK_AOF_SCAN_H
#define TANDEM_TOOLS_CHECK_AOF_SCAN_H

#include "check-aof/summary.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct scan {
    const char *p; /* the whole file */
    size_t n;
    struct summary *summary;               /* is told of each command and mark */
    void (*progress)(size_t at, size_t n); /* now and then; may be NULL */
    size_t at;                             /* where it starts (behind an RDB), and where it stopped */
    int64_t until_s;                       /* stop at the first time mark later than this; 0: don't */

    /* --- found --- */
    size_t valid;      /* whole commands and transactions up to here */
    uint64_t line;     /* lines up to where it stopped, annotations not counted */
    char error[160];   /* "": none but perhaps format_error */
    size_t error_at;   /* about where */
    bool format_error; /* what should be a command is none */
    bool later;        /* a later time mark was met... */
    size_t later_at;   /* ...here */
};

void scan_file(struct scan *s, const char *name); /* name: for error texts */

#endif
