/* INFO replication: the role, the link to the master, the replicas, the history. Field order is Redis 7.0's. */
#include "server/info_sections.h"

#include "repl/repl.h"

typedef long long ll;

static sds sync_fields(sds out, const struct repl_link_info *l) {
    int64_t left = l->sync_total_bytes - l->sync_read_bytes;
    double percent = l->sync_total_bytes ? 100.0 * (double)l->sync_read_bytes / (double)l->sync_total_bytes
                                         : 0;
    return sds_cat_printf(out,
                          "master_sync_total_bytes:%lld\r\nmaster_sync_read_bytes:%lld\r\n"
                          "master_sync_left_bytes:%lld\r\nmaster_sync_perc:%.2f\r\n"
                          "master_sync_last_io_seconds_ago:%lld\r\n",
                          (ll)l->sync_total_bytes, (ll)l->sync_read_bytes, (ll)left, percent,
                          (ll)l->sync_last_io_s);
}

static sds link_fields(sds out) {
    struct repl_link_info l;
    repl_link_info(&l);
    out = sds_cat_printf(out,
                         "master_host:%s\r\nmaster_port:%d\r\nmaster_link_status:%s\r\n"
                         "master_last_io_seconds_ago:%lld\r\nmaster_sync_in_progress:%d\r\n"
                         "slave_read_repl_offset:%lld\r\nslave_repl_offset:%lld\r\n",
                         repl_master_host(), repl_master_port(), l.up ? "up" : "down", (ll)l.last_io_s,
                         l.sync_in_progress, (ll)l.read_offset, (ll)l.applied_offset);
    if (l.sync_in_progress) out = sync_fields(out, &l);
    if (!l.up) out = sds_cat_printf(out, "master_link_down_since_seconds:%lld\r\n", (ll)l.down_since_s);
    return sds_cat_printf(out, "slave_priority:%d\r\nslave_read_only:%d\r\nreplica_announced:%d\r\n",
                          repl_config.replica_priority, repl_config.replica_read_only,
                          repl_config.replica_announced);
}

static sds peer_fields(sds out) {
    struct repl_peer_info p;
    out = sds_cat_printf(out, "connected_slaves:%zu\r\n", repl_peer_count());
    if (repl_config.min_replicas_to_write && repl_config.min_replicas_max_lag_s) {
        out = sds_cat_printf(out, "min_slaves_good_slaves:%zu\r\n", repl_good_replicas());
    }
    for (size_t i = 0; repl_peer_info(i, &p); i++) {
        out = sds_cat_printf(out, "slave%zu:ip=%s,port=%d,state=%s,offset=%lld,lag=%lld\r\n", i, p.ip, p.port,
                             p.state, (ll)p.offset, (ll)p.lag_s);
    }
    return out;
}

sds info_replication(sds out) {
    bool replica = repl_is_replica(), active = backlog_active();
    out = sds_cat_printf(out, "role:%s\r\n", replica ? "slave" : "master");
    if (replica) out = link_fields(out);
    out = peer_fields(out);
    out = sds_cat_printf(out,
                         "master_failover_state:%s\r\nmaster_replid:%s\r\nmaster_replid2:%s\r\n"
                         "master_repl_offset:%lld\r\nsecond_repl_offset:%lld\r\nrepl_backlog_active:%d\r\n"
                         "repl_backlog_size:%llu\r\nrepl_backlog_first_byte_offset:%lld\r\n"
                         "repl_backlog_histlen:%llu\r\n",
                         repl_failover_state(), repl_id(), repl_id2(), (ll)repl_offset(),
                         (ll)repl_second_offset(), active, (unsigned long long)backlog_size(),
                         active ? (ll)backlog_first() : 0LL,
                         active ? (unsigned long long)backlog_history_bytes() : 0ULL);
    return info_resync_fields(out);
}
