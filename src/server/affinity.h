/* server_cpulist and its kind: which processors a process of ours runs on. */
#ifndef TANDEM_SERVER_AFFINITY_H
#define TANDEM_SERVER_AFFINITY_H

#include "base/slice.h"
#include <stdbool.h>

/* "0,2,4-7,8-15:2": numbers, ranges, ranges in steps. False: it is none of that. */
bool affinity_valid(slice list);
/* For the calling process; "": left alone. What the kernel refuses is logged. */
void affinity_apply(const char *list);
void affinity_of_child(void); /* in a child: the list for what this child does */

#endif
