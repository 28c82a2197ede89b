/* INFO: one table of sections; rooms above (command statistics) register theirs at start. */
#ifndef TANDEM_SERVER_INFO_H
#define TANDEM_SERVER_INFO_H

#include "base/sds.h"
#include "base/slice.h"

typedef sds info_section_fn(sds out);           /* appends "field:value\r\n" lines, no header */
enum info_when { INFO_DEFAULT, INFO_ALL_ONLY }; /* in plain INFO, or only with all/everything/by name */
/* Sections print in the order of Redis 7.0: server clients memory persistence stats replication cpu modules
 * commandstats errorstats latencystats cluster keyspace. */
void info_register(const char *name, const char *title, int order, enum info_when when, info_section_fn *fn);
sds info_build(const slice *sections,
               int n); /* n == 0: the default ones; "all", "everything", "default" as Redis */
void info_init(void);  /* registers the sections that this room knows */

#endif
