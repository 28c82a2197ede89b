/* What the files of repl/ share with one another. Nobody else includes this. */
#ifndef TANDEM_REPL_INTERNAL_H
#define TANDEM_REPL_INTERNAL_H

#include "repl/repl.h"

/* --- identity.c --- */
void identity_init(void);
/* The history of a master: after a full resync. replid2 is cleared. */
void identity_adopt(const char *id);
/* The master goes on under this name. What it tells of the past takes the place of ours; when it tells nothing (Redis), the
 * name we had is a past that is true up to here. */
void identity_continue_as(const char *id, const struct repl_past *past, int past_n);
/* The past as text (past.h), for a replica of our own kind: at most REPL_PAST_TEXTS_MAX bytes. */
size_t identity_tell_past(char *buf);
/* REPLCONF capa: the former names of what a replica holds follow, as text. */
#define CAPA_WAS "tandem-was"
/* The id, for a replica that is to follow us by it. */
const char *identity_tell(void);
/* As long as nothing was written since a promotion or a restart, and nobody was told the new name, what we hold is what
 * others know by the old one: takes that back, so that a demotion can go on from there. False: it is not so. */
bool identity_reclaim(int *stream_dbid);
/* Whether a replica that asks for (id, offset) may go on from our log as far as identity is concerned. */
bool identity_matches(slice id, int64_t offset);
/* The older name of our history that this is; NULL: none. */
const struct repl_past *identity_find_past(slice id);
void identity_log_mismatch(slice id, int64_t offset);

/* --- replog.c --- */
/* The next command that goes to the log is preceded by a SELECT: someone begins to read here. */
void replog_force_select(void);
int replog_db(void);              /* the database the log is in; 0 when not yet said */
void replog_forget_held(void);    /* the master's link is cut: an unfinished transaction is not history */
uint64_t replog_held_bytes(void); /* read from the master, not yet applied because of MULTI */

/* --- primary.c: the primary's side --- */
void primary_init(void);
void primary_before_wait(bool urgent); /* urgent: somebody waits for the replicas' answer */
void primary_cron(void);

/* --- peer_report.c --- */
void peer_report_forget_log(void); /* the log ends, and another will follow */

/* --- acks.c --- */
bool acks_before_wait(void); /* whether it asked for ACKs */
void acks_ask(void);         /* REPLCONF GETACK * into the log */
void acks_heard(void);       /* one came */

/* --- link.c --- */
void link_init(void);
void link_shutdown(void);
void link_cron(void);
void link_before_wait(void);
void link_send_ack(void); /* REPLCONF ACK to our master */
void link_want_ack(void); /* the same, when the command under way has been applied */
void link_applied(void);  /* it has */
struct upstream;
const struct upstream *link_upstream(void); /* whom we follow, for those who follow us */
/* As a replica: what was found in files came from a master. */
void link_note_history(int stream_dbid); /* what we hold can be offered to a master for a partial resync */
bool link_has_history(void);
int link_stream_db(void); /* the database of our master's stream */
bool link_is_master_client(const struct client *c);
void link_master_closed(struct client *c);

/* --- failover.c --- */
void failover_init(void);
bool failover_check(
    void); /* each turn: has the target caught up? True: the replicas were asked where they are */
bool failover_hands_over(void); /* the link's PSYNC asks the master to take our place */
/* What the target answered to that. refused: not even sent, or turned down; true when there was a failover: then we are
 * a master again, and the link has ended. */
void failover_accepted(void);
bool failover_refused(bool sent);

/* --- repl.c --- */
extern struct repl_hooks repl_hooks;
int64_t repl_now_s(void);        /* by clock_steady_ms */
const char *repl_rdb_path(void); /* where snapshots to disk lie */

#endif
