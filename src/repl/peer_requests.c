/* What replicas, and servers that want to be one, ask and tell: REPLCONF, PSYNC and SYNC.
 *
 * Decided here: whether there is a synchronisation at all, and whether it is partial. The rest of a full one is
 * fullsync.c's. From PSYNC on a replica's own replies are muted (primary.c): what it is told goes by peer_say. */
#include "base/log.h"
#include "base/num.h"
#include "repl/peer.h"
#include "repl/upstream.h"
#include <stdio.h>

/* --- PSYNC, SYNC --- */

/* +CONTINUE, when we are (or were) the history it names and still hold all that it lacks. */
static bool try_partial(struct peer *p, slice replid, int64_t offset) {
    if (!identity_matches(replid, offset)) {
        identity_log_mismatch(replid, offset);
        if (slice_eq(replid, SLICE("?"))) log_notice("Full resync requested by replica %s", peer_name(p));
        return false;
    }
    if (!backlog_attach(&p->cursor, offset)) {
        log_notice(
            "Unable to partial resync with replica %s for lack of backlog (Replica request was: %lld).",
            peer_name(p), (long long)offset);
        if (offset > repl_offset())
            log_warning("Warning: replica %s tried to PSYNC with an offset that is greater than the master "
                        "replication offset.",
                        peer_name(p));
        return false;
    }
    peer_step(&p->m, PEER_EV_PARTIAL);
    p->ack_offset = offset - 1; /* it asks for this byte because it has all before */
    char past[REPL_PAST_TEXTS_MAX] = "", line[64 + REPL_PAST_TEXTS_MAX];
    if (p->capa_past) identity_tell_past(past);
    int n = p->capa_psync2 ? snprintf(line, sizeof line, "+CONTINUE %s%s\r\n", identity_tell(), past)
                           : snprintf(line, sizeof line, "+CONTINUE\r\n");
    peer_say(p, line, (size_t)n);
    log_notice(
        "Partial resynchronization request from %s accepted. Sending %lld bytes of backlog starting from "
        "offset %lld.",
        peer_name(p), (long long)backlog_lag(&p->cursor), (long long)offset);
    return true;
}

/* The first replica ever: the log begins here, and with it a history of its own (what went before was not
 * logged). */
static void ensure_log(void) {
    if (backlog_active()) return;
    repl_change_id();
    backlog_start(repl_offset());
    log_notice("Replication backlog created, my new replication IDs are '%s' and '%s'", repl_id(),
               repl_id2());
}

static void begin_full(struct peer *p) {
    repl_stats.sync_full++;
    if (repl_config.disable_tcp_nodelay) net_set_nodelay(p->c->io.fd, false);
    peer_step(&p->m, PEER_EV_FULL);
    ensure_log();
    fullsync_request(p);
}

static bool refuse_in_failover(struct client *c, bool failing_over) {
    if (failing_over) reply_error(&c->out, "NOMASTERLINK Can't SYNC while failing over");
    return failing_over;
}

static bool may_sync(struct client *c) {
    if (refuse_in_failover(c, failover_hands_over())) return false;
    if (repl_is_replica() && !repl_link_up()) {
        reply_error(&c->out, "NOMASTERLINK Can't SYNC while not connected with my master");
        return false;
    }
    if (reply_pending(&c->out)) { /* it would stand where the protocol of the synchronization is expected */
        reply_error(&c->out, "ERR SYNC and PSYNC are invalid with pending output");
        return false;
    }
    return true;
}

/* PSYNC id offset FAILOVER: our master hands its role over to us. It may have to ask twice, when the link broke before it
 * got the answer: then we are a master already, and go on from that very history. */
static bool take_role(struct client *c, slice replid) {
    log_warning("Failover request received for replid %.*s.", (int)replid.n, replid.p);
    if (!repl_is_replica()) {
        if (slice_is(replid, repl_id2())) return true;
        reply_error(&c->out, "ERR PSYNC FAILOVER can't be sent to a master.");
        return false;
    }
    if (!slice_is(replid, repl_id())) {
        reply_error(&c->out, "ERR PSYNC FAILOVER replid must match my replid.");
        return false;
    }
    repl_replicaof(NULL, 0);
    sds line = client_describe(sds_empty(), c);
    log_notice("MASTER MODE enabled (failover request from '%s')", line);
    sds_free(line);
    return true;
}

/* By a name that we have not heard of yet: what we hold is a part of its past. */
static bool continues_us(const struct peer *p) {
    for (int i = 0; i < p->was_n; i++)
        if (strcmp(p->was[i].id, repl_id()) == 0) return repl_offset() < p->was[i].end;
    return false;
}

/* It has more of our history than we have ourselves: we are a replica that is still catching up (it was restarted, or its
 * link is slow). Soon we'll be able to go on with it, so it shall come again rather than take everything anew. When we are
 * still behind after repl-timeout our master is behind, too, and what it has is not our history's future. */
static bool is_ahead_of_us(const struct peer *p, slice replid, int64_t offset) {
    if (!repl_is_replica() || offset <= repl_offset() + 1) return false;
    if (!identity_matches(replid, offset) && !continues_us(p)) return false;
    struct repl_link_info link;
    repl_link_info(&link);
    return link.up_for_s <= repl_config.timeout_s;
}

/* A replica that was promoted and has not written since has a name for its history that nobody else has heard of, and one that
 * is told to follow us again may not be able to drop it (it was restarted). But it tells its former names, too: what it has is
 * a part of each of them up to where that ended. */
static slice name_known_to_us(const struct peer *p, slice replid, int64_t offset) {
    if (identity_matches(replid, offset)) return replid;
    for (int i = 0; i < p->was_n; i++) {
        slice was = slice_of(p->was[i].id);
        if (offset > p->was[i].end || !identity_matches(was, offset)) continue;
        log_notice("Replica %s asks for history %.*s; what it has of that is the same as in %s.",
                   peer_name(p), (int)replid.n, replid.p, p->was[i].id);
        return was;
    }
    return replid;
}

void repl_psync_command(struct client *c, slice replid, slice offset, bool failover) {
    int64_t from;
    if (c->flags & (CLIENT_REPLICA | CLIENT_MASTER)) return; /* a replica already: nothing to say */
    if (failover && !take_role(c, replid)) return;
    if (!may_sync(c)) return;
    struct peer *p = peer_of(c);
    log_notice("Replica %s asks for synchronization", peer_name(p));
    if (!num_parse_i64(offset, &from)) {
        log_warning("Replica %s asks for synchronization but with a wrong offset", peer_name(p));
        reply_error(&c->out, "ERR value is not an integer or out of range");
        return;
    }
    if (is_ahead_of_us(p, replid, from)) {
        log_notice("Replica %s is ahead of us (it asks for %lld, we have up to %lld): it is to ask again.",
                   peer_name(p), (long long)from, (long long)repl_offset());
        /* By this word every replica since Redis 4 knows to try again later. */
        reply_error(&c->out, "NOMASTERLINK Can't SYNC yet: I am still behind the offset that is asked for");
        return;
    }
    replid = name_known_to_us(p, replid, from);
    struct resync_case q;
    peer_report_case(&q, replid, from);
    if (try_partial(p, replid, from)) {
        repl_stats.sync_partial_ok++;
        peer_report_begin(p, false, &q);
        return;
    }
    /* While a failover waits for its target, only what may bring that nearer. */
    if (refuse_in_failover(c, repl_failing_over())) return;
    if (!slice_eq(replid, SLICE("?"))) repl_stats.sync_partial_err++;
    peer_report_begin(p, true, &q);
    begin_full(p);
}

void repl_sync_command(struct client *c) {
    if ((c->flags & (CLIENT_REPLICA | CLIENT_MASTER)) || refuse_in_failover(c, repl_failing_over()) ||
        !may_sync(c))
        return;
    struct peer *p = peer_of(c);
    log_notice("Replica %s asks for synchronization", peer_name(p));
    p->pre_psync = true;
    c->flags |= CLIENT_PRE_PSYNC;
    struct resync_case q;
    peer_report_case(&q, (slice){NULL, 0}, 0);
    peer_report_begin(p, true, &q);
    begin_full(p);
}

/* --- REPLCONF --- */

static bool conf_ack(struct client *c, slice value) {
    struct peer *p = c->peer;
    int64_t offset;
    if (!(c->flags & CLIENT_REPLICA) || !num_parse_i64(value, &offset)) return false;
    if (offset > p->ack_offset) p->ack_offset = offset;
    p->ack_s = repl_now_s();
    bool starts = p->m.state == PEER_WAIT_ACK;
    peer_step(&p->m, PEER_EV_ACK);
    if (p->resync) peer_report_ack(p);
    if (starts) peer_kick(p);
    acks_heard();
    return false;
}

/* A list of the parts of the RDB that are wanted: "functions" or none. */
static bool conf_filter(struct client *c, struct peer *p, slice value) {
    int n;
    sds *words = sds_split_words(value.p, value.n, &n);
    bool ok = words != NULL;
    if (!words) reply_error(&c->out, "ERR Missing rdb-filter-only values");
    for (int i = 0; i < n && ok; i++) {
        ok = strcasecmp(words[i], "functions") == 0;
        if (!ok) reply_errorf(&c->out, "ERR Unsupported rdb-filter-only option: %s", words[i]);
    }
    if (words) sds_free_words(words, n);
    p->no_keys = p->no_keys || ok;
    return ok;
}

/* It will stand in INFO, in the log and in what Sentinel reads. */
static bool is_host_name(slice s) {
    for (size_t i = 0; i < s.n; i++)
        if (s.p[i] <= ' ' || s.p[i] > '~' || s.p[i] == ',' || s.p[i] == '=') return false;
    return true;
}

/* What we don't know is passed over, as by Redis. */
static void conf_capa(struct peer *p, slice value) {
    size_t word = sizeof CAPA_WAS - 1;
    if (slice_is(value, "eof")) p->capa_eof = true;
    if (slice_is(value, "psync2")) p->capa_psync2 = true;
    if (slice_is(value, "tandem-past")) p->capa_past = true;
    if (slice_is(value, "tandem-chain")) p->asks_chain = true;
    if (value.n <= word || memcmp(value.p, CAPA_WAS, word) != 0) return;
    int n = past_parse((slice){value.p + word, value.n - word}, p->was, REPL_PAST_MAX);
    p->was_n = n > 0 ? n : 0;
}

/* One option; false: no reply is to be sent (an error was, or none is due). */
static bool conf_option(struct client *c, slice name, slice value) {
    int64_t v;
    if (slice_is(name, "ack")) return conf_ack(c, value);
    if (slice_is(name, "getack")) {
        if (link_is_master_client(c)) link_want_ack();
        return false;
    }
    struct peer *p = peer_of(c);
    if (slice_is(name, "listening-port") || slice_is(name, "rdb-only")) {
        if (!num_parse_i64(value, &v)) {
            reply_error(&c->out, "ERR value is not an integer or out of range");
            return false;
        }
        if (slice_is(name, "listening-port")) {
            p->listening_port = (int)v;
        } else if (v == 0 || v == 1) {
            p->m.rdb_only = v == 1;
        } else {
            reply_error(&c->out, "ERR value is out of range, value must between 0 and 1");
            return false;
        }
    } else if (slice_is(name, "ip-address")) {
        if (!is_host_name(value)) {
            reply_error(&c->out, "ERR REPLCONF ip-address is not a host name or an address");
            return false;
        }
        if (value.n >= sizeof p->ip) {
            reply_errorf(&c->out,
                         "ERR REPLCONF ip-address provided by replica instance is too long: %zd bytes",
                         (ssize_t)value.n);
            return false;
        }
        memcpy(p->ip, value.p, value.n);
        p->ip[value.n] = '\0';
    } else if (slice_is(name, "rdb-filter-only")) {
        return conf_filter(c, p, value);
    } else if (slice_is(name, "capa")) {
        conf_capa(p, value);
    } else {
        reply_errorf(&c->out, "ERR Unrecognized REPLCONF option: %.*s", (int)name.n, name.p);
        return false;
    }
    return true;
}

void repl_replconf_command(struct client *c, int argc, const slice *argv) {
    if (argc % 2 == 0) {
        reply_error(&c->out, "ERR syntax error");
        return;
    }
    for (int i = 1; i < argc; i += 2)
        if (!conf_option(c, argv[i], argv[i + 1])) return;
    struct peer *p = c->peer;
    if (p && p->asks_chain) {
        char line[UPSTREAM_TEXT_MAX + 2] = "OK";
        upstream_tell(link_upstream(), line + 2);
        reply_status(&c->out, line);
        p->asks_chain = false;
        return;
    }
    reply_ok(&c->out);
}
