/* Inside server/: the sections of INFO that this room fills, each true field by field or absent. */
#ifndef TANDEM_SERVER_INFO_SECTIONS_H
#define TANDEM_SERVER_INFO_SECTIONS_H

#include "server/info.h"

info_section_fn info_server, info_clients, info_memory, info_persistence, info_stats, info_replication,
    info_resyncs, info_cpu, info_cluster, info_keyspace;
sds info_resync_fields(sds out); /* of our own, behind those of replication */

#endif
