/* INFO: Server, Clients, Persistence, Stats, CPU, Cluster, Keyspace. Names and order are Redis 7.0's; fields of
 * things that we do not have are left out unless zero is the truth. */
#include "server/info_sections.h"

#include <stdio.h>
#include <sys/resource.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "aof/aof.h"
#include "base/clock.h"
#include "base/digest.h"
#include "client/client.h"
#include "event/child.h"
#include "rdb/rdb.h"
#include "rdb/save_progress.h"
#include "repl/repl.h"
#include "server/acl.h"
#include "server/config.h"
#include "server/memory_limit.h"
#include "server/server.h"

typedef unsigned long long ull;
typedef long long ll;

/* The same for builds of the same version by the same compiler. */
static ull build_id(void) {
    static const char what[] = TANDEM_VERSION " " __VERSION__;
    return crc64(0, what, sizeof what - 1);
}

sds info_server(sds out) {
    struct utsname os;
    if (uname(&os) != 0) memset(&os, 0, sizeof os);
    int64_t up_s = (clock_ms() - server_stats.start_ms) / 1000;
    out = sds_cat_printf(
        out,
        "redis_version:%s\r\nserver_name:tandem\r\ntandem_version:%s\r\n"
        "redis_git_sha1:00000000\r\nredis_git_dirty:0\r\nredis_build_id:%016llx\r\n"
        "redis_mode:standalone\r\nos:%s %s %s\r\narch_bits:%d\r\n"
        "monotonic_clock:POSIX clock_gettime\r\nmultiplexing_api:epoll\r\natomicvar_api:none\r\n",
        REDIS_VERSION, TANDEM_VERSION, build_id(), os.sysname, os.release, os.machine,
        (int)sizeof(void *) * 8);
#if defined(__GNUC__) && !defined(__clang__)
    out = sds_cat_printf(out, "gcc_version:%d.%d.%d\r\n", __GNUC__, __GNUC_MINOR__, __GNUC_PATCHLEVEL__);
#endif
    out = sds_cat_printf(out,
                         "process_id:%d\r\nprocess_supervised:%s\r\nrun_id:%s\r\ntcp_port:%d\r\n"
                         "server_time_usec:%lld\r\nuptime_in_seconds:%lld\r\nuptime_in_days:%lld\r\nhz:%d\r\n"
                         "configured_hz:%d\r\nlru_clock:%lld\r\nexecutable:%s\r\nconfig_file:%s\r\n"
                         "io_threads_active:0\r\n",
                         (int)getpid(), server_supervised(), server_run_id(), server_config.port,
                         (ll)clock_wall_us(), (ll)up_s, (ll)up_s / 86400, server_current_hz(),
                         server_config.hz, (ll)(clock_ms() / 1000 & 0xffffff), server_executable(),
                         config_file() ? config_file() : "");
    if (server_shutting_down()) {
        out = sds_cat_printf(out, "shutdown_in_milliseconds:%lld\r\n", (ll)server_shutdown_left_ms());
    }
    return out;
}

sds info_clients(sds out) {
    size_t blocked = 0, max_in = 0, max_out = 0;
    for (struct client *c = client_first(); c; c = c->next) {
        if (c->flags & CLIENT_BLOCKED) blocked++;
        if (c->in_cap > max_in) max_in = c->in_cap;
        size_t held = reply_memory(&c->out);
        if (held > max_out) max_out = held;
    }
    return sds_cat_printf(out,
                          "connected_clients:%zu\r\ncluster_connections:0\r\nmaxclients:%u\r\n"
                          "client_recent_max_input_buffer:%zu\r\nclient_recent_max_output_buffer:%zu\r\n"
                          "blocked_clients:%zu\r\ntracking_clients:%zu\r\nclients_in_timeout_table:%zu\r\n",
                          client_count() - repl_peer_count(), client_config.max_clients, max_in, max_out,
                          blocked, server_gauges.tracking_clients, server_gauges.timed_waits);
}

/* --- persistence --- */

static sds loading_fields(sds out) {
    const struct rdb_loading *l = &rdb_loading;
    int64_t elapsed_s = (clock_ms() - l->start_ms) / 1000;
    double part = l->total_bytes ? (double)l->loaded_bytes / (double)l->total_bytes : 0;
    uint64_t left = l->total_bytes > l->loaded_bytes ? l->total_bytes - l->loaded_bytes : 0;
    int64_t eta_s = elapsed_s == 0
                        ? 1
                        : (int64_t)((double)elapsed_s * (double)left / (double)(l->loaded_bytes + 1));
    out = sds_cat_printf(
        out,
        "loading_start_time:%lld\r\nloading_total_bytes:%llu\r\nloading_rdb_used_mem:%llu\r\n"
        "loading_loaded_bytes:%llu\r\nloading_loaded_perc:%.2f\r\nloading_eta_seconds:%lld\r\n",
        (ll)l->start_ms / 1000, (ull)l->total_bytes, (ull)l->used_mem_bytes, (ull)l->loaded_bytes, part * 100,
        (ll)eta_s);
    return out;
}

static sds aof_fields(sds out, int64_t now_s) {
    const struct aof_status *a = &aof_status;
    out = sds_cat_printf(
        out,
        "aof_enabled:%d\r\naof_rewrite_in_progress:%d\r\naof_rewrite_scheduled:%d\r\n"
        "aof_last_rewrite_time_sec:%lld\r\naof_current_rewrite_time_sec:%lld\r\n"
        "aof_last_bgrewrite_status:%s\r\naof_rewrites:%llu\r\naof_rewrites_consecutive_failures:%d\r\n"
        "aof_last_write_status:%s\r\naof_last_cow_size:%llu\r\n"
        "module_fork_in_progress:0\r\nmodule_fork_last_cow_size:0\r\n",
        a->state != AOF_OFF, a->rewrite_running, a->rewrite_scheduled, (ll)a->last_rewrite_s,
        a->rewrite_running ? (ll)(now_s - a->rewrite_start_s) : -1LL, a->last_rewrite_ok ? "ok" : "err",
        (ull)a->rewrites, a->consecutive_failures, a->last_write_ok && !a->sync_error_number ? "ok" : "err",
        (ull)child_stats().last_rewrite_cow_bytes);
    if (a->state == AOF_OFF) return out;
    return sds_cat_printf(
        out,
        "aof_current_size:%llu\r\naof_base_size:%llu\r\naof_pending_rewrite:%d\r\n"
        "aof_buffer_length:%llu\r\naof_pending_bio_fsync:%llu\r\naof_delayed_fsync:%llu\r\n",
        (ull)a->current_bytes, (ull)a->base_bytes, a->rewrite_scheduled, (ull)aof_unwritten_bytes(),
        (ull)a->pending_syncs, (ull)a->delayed_fsync);
}

/* Seconds, rounded up, by the pace up to the child's last report; -1: no child, or nothing heard yet. */
static ll save_eta_s(const struct child_stats *c, uint64_t total) {
    if (!c->started_us || !total) return -1;
    int64_t left_ms = save_left_ms(c->current_keys_done, total, (int64_t)c->current_reported_ms);
    if (left_ms < 0) return -1;
    left_ms -= (int64_t)((clock_mono_us() - c->started_us) / 1000 - c->current_reported_ms);
    return left_ms > 0 ? (ll)(left_ms + 999) / 1000 : 0;
}

/* How old the size of current_cow_size is. */
static ull cow_age_s(const struct child_stats *c) {
    if (!c->started_us || !c->current_cow_bytes) return 0;
    return (clock_mono_us() - c->started_us - c->current_reported_ms * 1000) / 1000000;
}

/* The last two fields are ours. */
static sds save_fields(sds out) {
    struct child_stats c = child_stats();
    uint64_t total = snapshot_running()           ? snapshot_state.current_keys_total
                     : aof_status.rewrite_running ? aof_status.rewrite_keys_total
                                                  : 0;
    uint64_t done = total ? c.current_keys_done : 0;
    return sds_cat_printf(out,
                          "current_cow_peak:%llu\r\ncurrent_cow_size:%llu\r\ncurrent_cow_size_age:%"
                          "llu\r\ncurrent_fork_perc:%.2f\r\n"
                          "current_save_keys_processed:%llu\r\ncurrent_save_keys_total:%llu\r\n"
                          "current_save_bytes:%llu\r\ncurrent_save_eta_seconds:%lld\r\n",
                          (ull)c.current_cow_peak_bytes, (ull)c.current_cow_bytes, cow_age_s(&c),
                          total ? 100.0 * (double)done / (double)total : 0.0, (ull)done, (ull)total,
                          (ull)c.current_bytes_done, save_eta_s(&c, total));
}

sds info_persistence(sds out) {
    const struct snapshot_state *s = &snapshot_state;
    struct child_stats c = child_stats();
    bool running = snapshot_running();
    int64_t now_s = clock_ms() / 1000;
    out = sds_cat_printf(out, "loading:%d\r\nasync_loading:%d\r\n", rdb_loading.active && !rdb_loading.async,
                         rdb_loading.active && rdb_loading.async);
    out = save_fields(out);
    out = sds_cat_printf(
        out,
        "rdb_changes_since_last_save:%llu\r\nrdb_bgsave_in_progress:%d\r\n"
        "rdb_last_save_time:%lld\r\nrdb_last_bgsave_status:%s\r\nrdb_last_bgsave_time_sec:%lld\r\n"
        "rdb_current_bgsave_time_sec:%lld\r\nrdb_saves:%llu\r\nrdb_last_cow_size:%llu\r\n"
        "rdb_last_load_keys_expired:%llu\r\nrdb_last_load_keys_loaded:%llu\r\n",
        (ull)snapshot_changes(), running, (ll)s->last_save_s, s->last_ok ? "ok" : "err",
        (ll)s->last_duration_s, running ? (ll)(now_s - s->current_start_s) : -1LL, (ull)s->saves,
        (ull)c.last_snapshot_cow_bytes, (ull)rdb_last_load.keys_expired, (ull)rdb_last_load.keys_loaded);
    out = aof_fields(out, now_s);
    return rdb_loading.active ? loading_fields(out) : out;
}

/* --- stats --- */

static sds rate_fields(sds out) {
    return sds_cat_printf(out,
                          "instantaneous_input_kbps:%.2f\r\ninstantaneous_output_kbps:%.2f\r\n"
                          "instantaneous_input_repl_kbps:%.2f\r\ninstantaneous_output_repl_kbps:%.2f\r\n",
                          server_per_second(METRIC_IN) / 1024, server_per_second(METRIC_OUT) / 1024,
                          server_per_second(METRIC_REPL_IN) / 1024,
                          server_per_second(METRIC_REPL_OUT) / 1024);
}

sds info_stats(sds out) {
    const struct client_stats *c = &client_stats;
    const struct repl_stats *r = &repl_stats;
    struct child_stats forks = child_stats();
    out = sds_cat_printf(out,
                         "total_connections_received:%llu\r\ntotal_commands_processed:%llu\r\n"
                         "instantaneous_ops_per_sec:%.0f\r\ntotal_net_input_bytes:%llu\r\n"
                         "total_net_output_bytes:%llu\r\ntotal_net_repl_input_bytes:%llu\r\n"
                         "total_net_repl_output_bytes:%llu\r\n",
                         (ull)c->accepted, (ull)server_stats.commands, server_per_second(METRIC_COMMANDS),
                         (ull)(c->in_bytes + r->in_bytes), (ull)(c->out_bytes + r->out_bytes),
                         (ull)r->in_bytes, (ull)r->out_bytes);
    out = rate_fields(out);
    out = sds_cat_printf(
        out,
        "rejected_connections:%llu\r\nsync_full:%llu\r\nsync_partial_ok:%llu\r\n"
        "sync_partial_err:%llu\r\nexpired_keys:%llu\r\nexpired_stale_perc:0.00\r\n"
        "expired_time_cap_reached_count:%llu\r\nexpire_cycle_cpu_milliseconds:%llu\r\n"
        "evicted_keys:%llu\r\nevicted_clients:%llu\r\ntotal_eviction_exceeded_time:%llu\r\n"
        "current_eviction_exceeded_time:%llu\r\nkeyspace_hits:%llu\r\nkeyspace_misses:%llu\r\n",
        (ull)c->rejected, (ull)r->sync_full, (ull)r->sync_partial_ok, (ull)r->sync_partial_err,
        (ull)ks_stats.expired_keys, (ull)server_stats.expire_time_cap, (ull)server_stats.expire_us / 1000,
        (ull)ks_stats.evicted_keys, (ull)c->evicted, (ull)memory_exceeded_us() / 1000,
        (ull)memory_exceeded_now_us() / 1000, (ull)ks_stats.hits, (ull)ks_stats.misses);
    out = sds_cat_printf(
        out,
        "pubsub_channels:%zu\r\npubsub_patterns:%zu\r\npubsubshard_channels:%zu\r\n"
        "latest_fork_usec:%lld\r\ntotal_forks:%llu\r\nmigrate_cached_sockets:%d\r\n"
        "slave_expires_tracked_keys:%zu\r\nactive_defrag_hits:0\r\nactive_defrag_misses:0\r\n"
        "active_defrag_key_hits:0\r\nactive_defrag_key_misses:0\r\n"
        "total_active_defrag_time:0\r\ncurrent_active_defrag_time:0\r\n"
        "tracking_total_keys:%zu\r\ntracking_total_items:%zu\r\ntracking_total_prefixes:%zu\r\n",
        server_gauges.pubsub_channels, server_gauges.pubsub_patterns, server_gauges.pubsub_shard_channels,
        (ll)forks.last_fork_us, (ull)forks.total_forks, server_stats.migrate_links, ks_local_ttls(),
        server_gauges.tracking_keys, server_gauges.tracking_items, server_gauges.tracking_prefixes);
    out = sds_cat_printf(out,
                         "unexpected_error_replies:%llu\r\ntotal_error_replies:%llu\r\n"
                         "dump_payload_sanitizations:%llu\r\n"
                         "total_reads_processed:%llu\r\ntotal_writes_processed:%llu\r\n"
                         "io_threaded_reads_processed:0\r\nio_threaded_writes_processed:0\r\n"
                         "reply_buffer_shrinks:0\r\nreply_buffer_expands:0\r\n",
                         (ull)server_stats.unexpected_errors, (ull)server_stats.total_error_replies,
                         (ull)rdb_payloads_checked, (ull)c->reads, (ull)c->writes);
    return sds_cat_printf(out,
                          "acl_access_denied_auth:%llu\r\nacl_access_denied_cmd:%llu\r\n"
                          "acl_access_denied_key:%llu\r\nacl_access_denied_channel:%llu\r\n",
                          (ull)acl_stats.denied[ACL_DENIED_AUTH], (ull)acl_stats.denied[ACL_DENIED_COMMAND],
                          (ull)acl_stats.denied[ACL_DENIED_KEY], (ull)acl_stats.denied[ACL_DENIED_CHANNEL]);
}

/* --- the rest --- */

static sds cpu_field(sds out, const char *name, struct timeval t) {
    return sds_cat_printf(out, "%s:%ld.%06ld\r\n", name, (long)t.tv_sec, (long)t.tv_usec);
}

sds info_cpu(sds out) {
    struct rusage self, children, thread;
    getrusage(RUSAGE_SELF, &self);
    getrusage(RUSAGE_CHILDREN, &children);
    getrusage(RUSAGE_THREAD, &thread);
    out = cpu_field(out, "used_cpu_sys", self.ru_stime);
    out = cpu_field(out, "used_cpu_user", self.ru_utime);
    out = cpu_field(out, "used_cpu_sys_children", children.ru_stime);
    out = cpu_field(out, "used_cpu_user_children", children.ru_utime);
    out = cpu_field(out, "used_cpu_sys_main_thread", thread.ru_stime);
    return cpu_field(out, "used_cpu_user_main_thread", thread.ru_utime);
}

sds info_cluster(sds out) {
    return sds_cat_str(out, "cluster_enabled:0\r\n");
}

sds info_keyspace(sds out) {
    for (int i = 0; i < ks_count(); i++) {
        const struct db *db = ks_db(i);
        if (!db_size(db)) continue;
        out = sds_cat_printf(out, "db%d:keys=%zu,expires=%zu,avg_ttl=%lld\r\n", i, db_size(db),
                             db_expires(db), (ll)db_avg_ttl_ms(db));
    }
    return out;
}
