/* INFO: one table of sections; rooms above (command statistics) register theirs at start. */
#ifndef TANDEM_SERVER_INFO_H
#define TANDEM_SERVER_INFO_H

#include "base/sds.h"
#include "base/slice.h"

typedef sds info_section_fn(sds out);           /* appends "field:value\r\n" lines, no header */
enum info_when { INFO_DEFAULT, INFO_ALL_ONLY }; /* in plain INFO, or only with all/everything/by name */
/* Orders of Redis 7.0's sections; leave room between. */
enum {
    INFO_ORDER_SERVER = 10,
    INFO_ORDER_CLIENTS = 20,
    INFO_ORDER_MEMORY = 30,
    INFO_ORDER_PERSISTENCE = 40,
    INFO_ORDER_STATS = 50,
    INFO_ORDER_REPLICATION = 60,
    INFO_ORDER_CPU = 70,
    INFO_ORDER_MODULES = 80,
    INFO_ORDER_COMMANDSTATS = 90,
    INFO_ORDER_ERRORSTATS = 100,
    INFO_ORDER_LATENCYSTATS = 110,
    INFO_ORDER_CLUSTER = 120,
    INFO_ORDER_KEYSPACE = 130
};
void info_register(const char *name, const char *title, int order, enum info_when when, info_section_fn *fn);
/* n 0: the default ones; "all", "everything", "default" as Redis. */
sds info_build(const slice *sections, int n);
void info_init(void); /* registers the sections that this room knows */

#endif
