/* The replica's link: a master made of strings, and ops that only note what they were asked. Every pair of
 * state and event is driven; the dialogues of a real master and of broken ones are played through. */
#include <criterion/criterion.h>
#include "base/sds.h"
#include "repl/link_machine.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>

#define ID  "0123456789abcdef0123456789abcdef01234567"
#define ID2 "89abcdef0123456789abcdef0123456789abcdef"

/* What the ops were asked, as words; and what they are to answer. */
static struct {
    char calls[512];
    bool connect_fails, send_fails, auth, announce, resume_fails, load_fails, load_held, follows_us, not_yet,
        hurry, holds_fails;
    enum link_transfer transfer;
    char full_id[41], resumed_id[41], past[100], mark[41];
    int64_t full_offset, length;
    char told[100];
    int gave_up;
    enum link_state gave_up_in;
    int accepted, refused;
    bool refused_sent, hands_over; /* a failover: the owner ends the link when it is refused */
} fake;

static void note(const char *word) {
    if (fake.calls[0]) strcat(fake.calls, " ");
    strcat(fake.calls, word);
}

static bool f_connect(void *ctx, enum link_occasion occasion) {
    (void)ctx;
    static const char *const words[] = {"connect", "reconnect", "retry"};
    note(words[occasion]);
    return !fake.connect_fails;
}

static bool send(const char *what) {
    note(what);
    return !fake.send_fails;
}

static bool f_ping(void *ctx) {
    return (void)ctx, send("ping");
}
static bool f_auth(void *ctx) {
    return (void)ctx, send("auth");
}
static bool f_replconf(void *ctx) {
    return (void)ctx, send("replconf");
}
static bool f_psync(void *ctx) {
    return (void)ctx, send("psync");
}
static bool f_sync(void *ctx) {
    return (void)ctx, send("sync");
}
static void f_accepted(void *ctx) {
    (void)ctx;
    fake.accepted++;
}
static bool f_refused(void *ctx, bool sent) {
    fake.refused_sent = sent;
    fake.refused++;
    if (!fake.hands_over) return false;
    struct link_event ev = {.type = LINK_EV_NO_ONE};
    cr_assert(link_step(ctx, &ev));
    return true;
}
static bool f_wants_auth(void *ctx) {
    return (void)ctx, fake.auth;
}
static bool f_announces_ip(void *ctx) {
    return (void)ctx, fake.announce;
}
static bool f_may_hurry(void *ctx, enum link_occasion why) {
    cr_assert_neq(why, CONNECT_FIRST);
    return (void)ctx, fake.hurry;
}

static void f_begin_full(void *ctx, const char *id, int64_t offset) {
    (void)ctx;
    note("full");
    strcpy(fake.full_id, id ? id : "");
    fake.full_offset = offset;
}

static bool f_resume(void *ctx, const char *id, slice past) {
    (void)ctx;
    note("resume");
    strcpy(fake.resumed_id, id ? id : "");
    snprintf(fake.past, sizeof fake.past, "%.*s", (int)past.n, past.p);
    return !fake.resume_fails;
}

static enum link_transfer f_begin_transfer(void *ctx, int64_t length, slice mark) {
    (void)ctx;
    note("transfer");
    fake.length = length;
    memcpy(fake.mark, mark.n ? mark.p : "", mark.n);
    fake.mark[mark.n] = '\0';
    return fake.transfer;
}

static enum link_load f_load(void *ctx) {
    (void)ctx;
    note("load");
    return fake.load_held ? LOAD_HELD : fake.load_fails ? LOAD_FAILED : LOAD_DONE;
}

static bool f_may_follow(void *ctx, slice told) {
    (void)ctx;
    snprintf(fake.told, sizeof fake.told, "%.*s", (int)told.n, told.n ? told.p : "");
    return !fake.follows_us;
}

static void f_gave_up(void *ctx, enum link_state in) {
    (void)ctx;
    fake.gave_up++;
    fake.gave_up_in = in;
}

static bool f_may_retry(void *ctx) {
    return (void)ctx, !fake.not_yet;
}

static void f_close(void *ctx) {
    (void)ctx;
    note("close");
}

static bool f_holds(void *ctx, enum link_state s) {
    return (void)ctx, (void)s, !fake.holds_fails;
}

static const struct link_ops ops = {.connect = f_connect,
                                    .send_ping = f_ping,
                                    .send_auth = f_auth,
                                    .send_replconf = f_replconf,
                                    .send_psync = f_psync,
                                    .send_sync = f_sync,
                                    .psync_accepted = f_accepted,
                                    .psync_refused = f_refused,
                                    .wants_auth = f_wants_auth,
                                    .announces_ip = f_announces_ip,
                                    .begin_full = f_begin_full,
                                    .resume = f_resume,
                                    .begin_transfer = f_begin_transfer,
                                    .load = f_load,
                                    .close = f_close,
                                    .may_follow = f_may_follow,
                                    .gave_up = f_gave_up,
                                    .may_retry = f_may_retry,
                                    .may_hurry = f_may_hurry,
                                    .holds = f_holds};

static struct link_machine machine_in(enum link_state s) {
    struct link_machine m;
    memset(&fake, 0, sizeof fake);
    link_machine_init(&m, &ops, NULL);
    cr_assert_eq(m.state, LINK_NONE);
    m.state = s;
    return m;
}

static bool step(struct link_machine *m, enum link_event_type type) {
    struct link_event ev = {.type = type, .line = SLICE("+OK")};
    return link_step(m, &ev);
}

static bool line(struct link_machine *m, const char *text) {
    struct link_event ev = {.type = LINK_EV_LINE, .line = slice_of(text)};
    return link_step(m, &ev);
}

#define expect(m, to, calls_)                                                                                \
    do {                                                                                                     \
        cr_assert_eq((m).state, (to), "in %s", link_state_name((m).state));                                  \
        cr_assert_str_eq(fake.calls, (calls_));                                                              \
        fake.calls[0] = '\0';                                                                                \
    } while (0)

/* --- every state and event --- */

/* Where (state, event) leads with a master that says "+OK", an absent will to hurry and everything working.
 * -1: refused, with no effect. */
enum { NO = -1 };
/* clang-format off */
static const int leads[LINK_STATES][LINK_EVENTS] = {
    /*                    REPLICAOF     NO_ONE     TICK             OPENED     LINE          RECEIVED        FAILED        TIMEOUT       LOST */
    [LINK_NONE]       = {LINK_CONNECT, NO,        NO,              NO,        NO,           NO,             NO,           NO,           NO},
    [LINK_CONNECT]    = {LINK_CONNECT, LINK_NONE, LINK_CONNECTING, NO,        NO,           NO,             NO,           NO,           NO},
    [LINK_HELD]       = {LINK_CONNECT, LINK_NONE, LINK_CONNECTING, NO,        NO,           NO,             NO,           NO,           NO},
    [LINK_CONNECTING] = {LINK_CONNECT, LINK_NONE, LINK_CONNECTING, LINK_PING, NO,           NO,             LINK_CONNECT, LINK_CONNECT, NO},
    [LINK_PING]       = {LINK_CONNECT, LINK_NONE, LINK_PING,       NO,        LINK_PORT,    NO,             LINK_CONNECT, LINK_CONNECT, NO},
    [LINK_AUTH]       = {LINK_CONNECT, LINK_NONE, LINK_AUTH,       NO,        LINK_PORT,    NO,             LINK_CONNECT, LINK_CONNECT, NO},
    [LINK_PORT]       = {LINK_CONNECT, LINK_NONE, LINK_PORT,       NO,        LINK_CAPA,    NO,             LINK_CONNECT, LINK_CONNECT, NO},
    [LINK_IP]         = {LINK_CONNECT, LINK_NONE, LINK_IP,         NO,        LINK_CAPA,    NO,             LINK_CONNECT, LINK_CONNECT, NO},
    [LINK_CAPA]       = {LINK_CONNECT, LINK_NONE, LINK_CAPA,       NO,        LINK_PSYNC,   NO,             LINK_CONNECT, LINK_CONNECT, NO},
    [LINK_PSYNC]      = {LINK_CONNECT, LINK_NONE, LINK_PSYNC,      NO,        LINK_CONNECT, NO,             LINK_CONNECT, LINK_CONNECT, NO},
    [LINK_PREAMBLE]   = {LINK_CONNECT, LINK_NONE, LINK_PREAMBLE,   NO,        LINK_CONNECT, NO,             LINK_CONNECT, LINK_CONNECT, NO},
    [LINK_TRANSFER]   = {LINK_CONNECT, LINK_NONE, LINK_TRANSFER,   NO,        NO,           LINK_CONNECTED, LINK_CONNECT, LINK_CONNECT, NO},
    [LINK_LOADING]    = {NO,           NO,        NO,              NO,        NO,           NO,             NO,           NO,           NO},
    [LINK_CONNECTED]  = {LINK_CONNECT, LINK_NONE, LINK_CONNECTED,  NO,        NO,           NO,             NO,           LINK_CONNECT, LINK_CONNECT},
};
/* clang-format on */

Test(link_machine, every_state_and_event) {
    for (int s = 0; s < LINK_STATES; s++) {
        for (int ev = 0; ev < LINK_EVENTS; ev++) {
            struct link_machine m = machine_in((enum link_state)s);
            bool taken = step(&m, (enum link_event_type)ev);
            cr_assert_eq(taken, leads[s][ev] != NO, "state %s event %d", link_state_name(s), ev);
            cr_assert_eq(taken, link_takes((enum link_state)s, (enum link_event_type)ev));
            cr_assert_eq((int)m.state, taken ? leads[s][ev] : s, "state %s event %d is in %s",
                         link_state_name(s), ev, link_state_name(m.state));
            if (!taken) cr_assert_str_empty(fake.calls);
        }
    }
}

Test(link_machine, the_matrix_is_the_table_of_the_comment) {
    for (int from = 0; from < LINK_STATES; from++) {
        for (int to = 0; to < LINK_STATES; to++) {
            bool wanted = false;
            if (to == LINK_CONNECT) wanted = true; /* from everywhere */
            if (to == LINK_NONE) wanted = from != LINK_NONE && from != LINK_LOADING;
            if (to == LINK_HELD) wanted = from == LINK_CAPA || from == LINK_LOADING;
            if (to == LINK_CONNECTING) wanted = from == LINK_CONNECT || from == LINK_HELD;
            if (to == LINK_PING) wanted = from == LINK_CONNECTING;
            if (to == LINK_AUTH) wanted = from == LINK_PING;
            if (to == LINK_PORT) wanted = from == LINK_PING || from == LINK_AUTH;
            if (to == LINK_IP) wanted = from == LINK_PORT;
            if (to == LINK_CAPA) wanted = from == LINK_PORT || from == LINK_IP;
            if (to == LINK_PSYNC) wanted = from == LINK_CAPA;
            if (to == LINK_PREAMBLE) wanted = from == LINK_PSYNC;
            if (to == LINK_TRANSFER) wanted = from == LINK_PREAMBLE;
            if (to == LINK_LOADING) wanted = from == LINK_PREAMBLE || from == LINK_TRANSFER;
            if (to == LINK_CONNECTED) wanted = from == LINK_PSYNC || from == LINK_LOADING;
            cr_assert_eq(link_may_move((enum link_state)from, (enum link_state)to), wanted, "%s -> %s",
                         link_state_name(from), link_state_name(to));
        }
    }
}

Test(link_machine, a_broken_guarantee_aborts, .signal = SIGABRT) {
    struct link_machine m = machine_in(LINK_CONNECT);
    fake.holds_fails = true;
    step(&m, LINK_EV_TICK);
}

/* --- dialogues --- */

Test(link_machine, a_full_sync_from_a_friendly_master) {
    struct link_machine m = machine_in(LINK_NONE);
    struct link_event ev = {.type = LINK_EV_REPLICAOF, .now = true};
    cr_assert(link_step(&m, &ev));
    expect(m, LINK_CONNECTING, "close connect");
    step(&m, LINK_EV_OPENED);
    expect(m, LINK_PING, "ping");
    line(&m, "+PONG");
    expect(m, LINK_PORT, "replconf");
    line(&m, "+OK");
    expect(m, LINK_CAPA, "");
    line(&m, "+OK");
    expect(m, LINK_PSYNC, "psync");
    line(&m, "+FULLRESYNC " ID " 1234");
    expect(m, LINK_PREAMBLE, "full");
    cr_assert_str_eq(fake.full_id, ID);
    cr_assert_eq(fake.full_offset, 1234);
    line(&m, "$5678");
    expect(m, LINK_TRANSFER, "transfer");
    cr_assert_eq(fake.length, 5678);
    cr_assert_str_empty(fake.mark);
    step(&m, LINK_EV_RECEIVED);
    expect(m, LINK_CONNECTED, "load");
}

Test(link_machine, at_start_the_first_tick_connects) {
    struct link_machine m = machine_in(LINK_NONE);
    step(&m, LINK_EV_REPLICAOF);
    expect(m, LINK_CONNECT, "close");
    fake.connect_fails = true;
    step(&m, LINK_EV_TICK);
    expect(m, LINK_CONNECT, "connect");
    fake.connect_fails = false;
    step(&m, LINK_EV_TICK);
    expect(m, LINK_CONNECTING, "connect");
    step(&m, LINK_EV_TICK);
    expect(m, LINK_CONNECTING, "");
}

Test(link_machine, password_and_announced_address) {
    static const char *const pings[] = {"+PONG",
                                        "-NOAUTH Authentication required.",
                                        "-NOPERM this user has no permissions",
                                        "-ERR operation not permitted",
                                        "-MASTERDOWN Link with MASTER is down",
                                        "-MISCONF Errors writing to the AOF file: No space left on device"};
    for (size_t i = 0; i < sizeof pings / sizeof *pings; i++) {
        struct link_machine m = machine_in(LINK_PING);
        fake.auth = fake.announce = true;
        line(&m, pings[i]);
        expect(m, LINK_AUTH, "auth");
        line(&m, "+OK");
        expect(m, LINK_PORT, "replconf");
        line(&m, "-ERR unknown option");
        expect(m, LINK_IP, "");
        line(&m, "-ERR unknown option");
        expect(m, LINK_CAPA, "");
        line(&m, "-ERR unknown option");
        expect(m, LINK_PSYNC, "psync");
    }
}

Test(link_machine, a_wrong_password_is_retried_later) {
    struct link_machine m = machine_in(LINK_AUTH);
    fake.hurry = true;
    line(&m, "-WRONGPASS invalid username-password pair or user is disabled.");
    expect(m, LINK_CONNECT, "close");
}

Test(link_machine, nonsense_at_each_step_ends_the_attempt) {
    struct link_machine m = machine_in(LINK_PING);
    line(&m, "-ERR max number of clients reached");
    expect(m, LINK_CONNECT, "close");
    static const char *const answers[] = {"+WHAT",
                                          "*3",
                                          ":1",
                                          "+FULLRESYNC",
                                          "+FULLRESYNC " ID,
                                          "+FULLRESYNC " ID " ",
                                          "+FULLRESYNC " ID " x",
                                          "+FULLRESYNC " ID " -1",
                                          "+FULLRESYNC short 1",
                                          "+FULLRESYNC " ID " 99999999999999999999",
                                          "+FULLRESYNC  " ID " 1"};
    for (size_t i = 0; i < sizeof answers / sizeof *answers; i++) {
        m = machine_in(LINK_PSYNC);
        line(&m, answers[i]);
        expect(m, LINK_CONNECT, "close");
    }
    static const char *const preambles[] = {"-ERR BGSAVE failed", "HTTP/1.1 200 OK", "$",  "$abc", "$-1",
                                            "$EOF:short",         "$EOF:" ID "x",    "+OK"};
    for (size_t i = 0; i < sizeof preambles / sizeof *preambles; i++) {
        m = machine_in(LINK_PREAMBLE);
        line(&m, preambles[i]);
        expect(m, LINK_CONNECT, "close");
    }
}

Test(link_machine, a_failover_hears_what_became_of_it) {
    struct link_machine m = machine_in(LINK_PSYNC);
    line(&m, "+CONTINUE " ID);
    cr_assert_eq(fake.accepted, 1);
    m = machine_in(LINK_PSYNC);
    line(&m, "+FULLRESYNC " ID " 1");
    cr_assert_eq(fake.accepted, 1);
    static const char *const refusals[] = {"-ERR PSYNC FAILOVER can't be sent to a master.",
                                           "-NOMASTERLINK Can't SYNC while failing over", "-LOADING x",
                                           "+WHAT"};
    for (size_t i = 0; i < sizeof refusals / sizeof *refusals; i++) {
        m = machine_in(LINK_PSYNC);
        m.ctx = &m;
        fake.hands_over = true;
        line(&m, refusals[i]);
        expect(m, LINK_NONE, "close"); /* and no SYNC */
        cr_assert(fake.refused == 1 && fake.refused_sent && fake.accepted == 0);
    }
    m = machine_in(LINK_CAPA);
    m.ctx = &m;
    fake.hands_over = fake.send_fails = true;
    line(&m, "+OK");
    expect(m, LINK_NONE, "psync close");
    cr_assert(fake.refused == 1 && !fake.refused_sent);
}

Test(link_machine, a_master_not_ready_is_asked_again) {
    static const char *const answers[] = {"-NOMASTERLINK Can't SYNC while not connected with my master",
                                          "-MASTERDOWN Link with MASTER is down",
                                          "-LOADING Redis is loading the dataset in memory"};
    for (size_t i = 0; i < sizeof answers / sizeof *answers; i++) {
        struct link_machine m = machine_in(LINK_PSYNC);
        fake.hurry = true;
        line(&m, answers[i]);
        expect(m, LINK_CONNECT, "close");
    }
}

Test(link_machine, an_old_master_gets_sync) {
    struct link_machine m = machine_in(LINK_PSYNC);
    line(&m, "-ERR unknown command 'PSYNC'");
    expect(m, LINK_PREAMBLE, "full sync");
    cr_assert_str_empty(fake.full_id);
    m = machine_in(LINK_PSYNC);
    fake.send_fails = true;
    line(&m, "-ERR unknown command 'PSYNC'");
    expect(m, LINK_CONNECT, "full sync close");
}

/* --- failures: when is it tried again? --- */

Test(link_machine, a_tick_tries_when_it_is_time) {
    static const enum link_state waiting[] = {LINK_CONNECT, LINK_HELD};
    for (size_t i = 0; i < 2; i++) {
        struct link_machine m = machine_in(waiting[i]);
        fake.not_yet = true;
        cr_assert(step(&m, LINK_EV_TICK));
        expect(m, waiting[i], "");
        fake.not_yet = false;
        step(&m, LINK_EV_TICK);
        expect(m, LINK_CONNECTING, "connect");
        cr_assert_eq(fake.gave_up, 0);
    }
}

Test(link_machine, the_owner_hears_in_which_state_an_attempt_failed) {
    static const enum link_state trying[] = {LINK_CONNECTING, LINK_PING,     LINK_AUTH,
                                             LINK_PORT,       LINK_IP,       LINK_CAPA,
                                             LINK_PSYNC,      LINK_PREAMBLE, LINK_TRANSFER};
    for (size_t i = 0; i < sizeof trying / sizeof *trying; i++) {
        struct link_machine m = machine_in(trying[i]);
        step(&m, LINK_EV_FAILED);
        expect(m, LINK_CONNECT, "close");
        cr_assert(fake.gave_up == 1 && fake.gave_up_in == trying[i]);
    }
    struct link_machine m = machine_in(LINK_CONNECT);
    fake.connect_fails = true;
    step(&m, LINK_EV_TICK);
    cr_assert(fake.gave_up == 1 && fake.gave_up_in == LINK_CONNECT);
    m = machine_in(LINK_TRANSFER);
    fake.load_fails = true;
    step(&m, LINK_EV_RECEIVED);
    cr_assert(fake.gave_up == 1 && fake.gave_up_in == LINK_LOADING);
}

Test(link_machine, a_cut_and_a_new_master_are_no_failures) {
    struct link_machine m = machine_in(LINK_CONNECTED);
    step(&m, LINK_EV_LOST);
    m = machine_in(LINK_CONNECTED);
    step(&m, LINK_EV_TIMEOUT);
    for (int s = 0; s < LINK_STATES; s++) {
        m = machine_in((enum link_state)s);
        step(&m, LINK_EV_REPLICAOF);
        cr_assert_eq(fake.gave_up, 0, "%s", link_state_name((enum link_state)s));
    }
}

Test(link_machine, who_would_follow_itself_is_held) {
    struct link_machine m = machine_in(LINK_CAPA);
    fake.follows_us = true;
    line(&m, "+OK " ID " " ID2);
    expect(m, LINK_HELD, "close"); /* and no PSYNC */
    cr_assert_str_eq(fake.told, " " ID " " ID2);
    cr_assert(fake.gave_up == 1 && fake.gave_up_in == LINK_HELD);
    static const char *const tells_nothing[] = {"+OK", "-ERR unknown option " ID, ":1"};
    for (size_t i = 0; i < 3; i++) {
        m = machine_in(LINK_CAPA);
        line(&m, tells_nothing[i]);
        expect(m, LINK_PSYNC, "psync");
        cr_assert_str_empty(fake.told);
    }
}

Test(link_machine, data_that_a_guard_keeps_hold_the_link) {
    struct link_machine m = machine_in(LINK_TRANSFER);
    fake.load_held = fake.hurry = true;
    step(&m, LINK_EV_RECEIVED);
    expect(m, LINK_HELD, "load close"); /* and does not come again at once */
    cr_assert(fake.gave_up == 1 && fake.gave_up_in == LINK_HELD);
    step(&m, LINK_EV_REPLICAOF);
    expect(m, LINK_CONNECT, "close");
    m = machine_in(LINK_HELD);
    step(&m, LINK_EV_NO_ONE);
    expect(m, LINK_NONE, "close");
    m = machine_in(LINK_HELD);
    fake.connect_fails = true;
    step(&m, LINK_EV_TICK);
    expect(m, LINK_CONNECT, "connect"); /* what held it is not what keeps it now */
    cr_assert(fake.gave_up == 1 && fake.gave_up_in == LINK_CONNECT);
}

Test(link_machine, partial_resync) {
    struct link_machine m = machine_in(LINK_PSYNC);
    line(&m, "+CONTINUE " ID2);
    expect(m, LINK_CONNECTED, "resume");
    cr_assert_str_eq(fake.resumed_id, ID2);
    m = machine_in(LINK_PSYNC);
    line(&m, "+CONTINUE");
    expect(m, LINK_CONNECTED, "resume");
    cr_assert_str_empty(fake.resumed_id);
    m = machine_in(LINK_PSYNC);
    line(&m, "+CONTINUE tooshort");
    cr_assert_str_empty(fake.resumed_id);
    m = machine_in(LINK_PSYNC);
    line(&m, "+CONTINUE " ID2 " " ID2 " 77");
    cr_assert_str_eq(fake.resumed_id, ID2);
    cr_assert_str_eq(fake.past, " " ID2 " 77");
    m = machine_in(LINK_PSYNC);
    line(&m, "+CONTINUE " ID2 "x");
    cr_assert_str_empty(fake.resumed_id);
    m = machine_in(LINK_PSYNC);
    fake.resume_fails = true;
    line(&m, "+CONTINUE " ID2);
    expect(m, LINK_CONNECT, "resume close");
}

Test(link_machine, diskless_with_mark) {
    struct link_machine m = machine_in(LINK_PREAMBLE);
    line(&m, "$EOF:" ID);
    expect(m, LINK_TRANSFER, "transfer");
    cr_assert_str_eq(fake.mark, ID);
    m = machine_in(LINK_PREAMBLE);
    fake.transfer = TRANSFER_TO_PARSER;
    line(&m, "$EOF:" ID);
    expect(m, LINK_CONNECTED, "transfer load");
    m = machine_in(LINK_PREAMBLE);
    fake.transfer = TRANSFER_REFUSED;
    line(&m, "$100");
    expect(m, LINK_CONNECT, "transfer close");
}

Test(link_machine, a_bad_snapshot_starts_over) {
    struct link_machine m = machine_in(LINK_TRANSFER);
    fake.load_fails = true;
    step(&m, LINK_EV_RECEIVED);
    expect(m, LINK_CONNECT, "load close");
    m = machine_in(LINK_TRANSFER);
    fake.load_fails = fake.hurry = true;
    step(&m, LINK_EV_RECEIVED);
    expect(m, LINK_CONNECTING, "load close retry");
}

Test(link_machine, who_hurries_back) {
    struct link_machine m = machine_in(LINK_CONNECTED);
    fake.hurry = true;
    step(&m, LINK_EV_LOST);
    expect(m, LINK_CONNECTING, "close reconnect");
    m = machine_in(LINK_CONNECTED);
    step(&m, LINK_EV_LOST);
    expect(m, LINK_CONNECT, "close");
    m = machine_in(LINK_TRANSFER);
    fake.hurry = true;
    step(&m, LINK_EV_FAILED);
    expect(m, LINK_CONNECTING, "close retry");
    m = machine_in(LINK_CAPA);
    fake.hurry = true;
    step(&m, LINK_EV_FAILED);
    expect(m, LINK_CONNECT, "close");
    m = machine_in(LINK_CAPA);
    fake.hurry = true;
    step(&m, LINK_EV_TIMEOUT);
    expect(m, LINK_CONNECTING, "close retry");
    m = machine_in(LINK_CONNECTED);
    fake.hurry = true;
    step(&m, LINK_EV_TIMEOUT);
    expect(m, LINK_CONNECTING, "close reconnect");
    m = machine_in(LINK_PREAMBLE);
    fake.hurry = true;
    line(&m, "-NOAUTH Authentication required.");
    expect(m, LINK_CONNECT, "close"); /* a refusal is not asked for again at once */
}

Test(link_machine, a_request_that_cannot_be_sent_ends_the_attempt) {
    static const struct {
        enum link_state in;
        enum link_event_type ev;
        const char *calls;
        bool auth;
    } cases[] = {{LINK_CONNECTING, LINK_EV_OPENED, "ping close", false},
                 {LINK_PING, LINK_EV_LINE, "replconf close", false},
                 {LINK_PING, LINK_EV_LINE, "auth close", true},
                 {LINK_AUTH, LINK_EV_LINE, "replconf close", false},
                 {LINK_CAPA, LINK_EV_LINE, "psync close", false}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct link_machine m = machine_in(cases[i].in);
        fake.send_fails = true;
        fake.auth = cases[i].auth;
        step(&m, cases[i].ev);
        expect(m, LINK_CONNECT, cases[i].calls);
    }
}
