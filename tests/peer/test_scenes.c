/* Transactions, watched keys, pauses and changes of role, beside the real redis-server, on several connections to each. */
#include "support/pair.h"
#include "support/room.h"

#include <criterion/criterion.h>

Test(scenes, errors_of_multi) {
    PLAY("0:EXEC", "0:DISCARD", "0:UNWATCH", "0:MULTI", "0:MULTI", "0:SET a 1", "0:EXEC", "0:MULTI",
         "0:WATCH k", "0:SET a 2", "0:EXEC", "0:MULTI", "0:NOSUCH", "0:SET a 3", "0:EXEC", "0:MULTI",
         "0:SET a", "0:DISCARD", "0:MULTI", "0:SET a", "0:EXEC", "0:EXEC", "0:MULTI", "0:EXEC x", "0:SET a 9",
         "0:EXEC", "0:MULTI", "0:DISCARD x", "0:EXEC", "0:MULTI x", "0:GET a", "0:MULTI", "0:CONFIG NOSUCH",
         "0:EXEC", "0:MULTI", "0:CLIENT", "0:EXEC", "0:MULTI", "0:INCR a", "0:LPUSH a 1", "0:INCR a",
         "0:EXEC", "0:MULTI", "0:EXEC", "0:MULTI", "0:UNWATCH", "0:EXEC", "0:WATCH", "0:GET a");
}

Test(scenes, what_may_stand_in_multi) {
    PLAY("0:MULTI", "0:SYNC", "0:PSYNC ? -1", "0:EXEC", "0:MULTI", "0:SHUTDOWN NOSAVE", "0:EXEC", "0:MULTI",
         "0:SAVE", "0:EXEC", "0:MULTI", "0:SELECT 3", "0:SET x 1", "0:EXEC", "0:GET x", "0:SELECT 0",
         "0:MULTI", "0:SELECT 99", "0:FLUSHALL", "0:SWAPDB 0 3", "0:DBSIZE", "0:WAIT 0 0", "0:WAIT 5 0",
         "0:BLPOP k 0", "0:PING", "0:ECHO x", "0:CLIENT GETNAME", "0:CONFIG GET hz", "0:EXEC", "0:MULTI",
         "0:AUTH x", "0:HELLO 9", "0:SWAPDB 0 99", "0:EXEC", "0:MULTI", "0:RESET", "0:EXEC", "0:MULTI",
         "0:CLIENT REPLY ON", "0:EXEC", "0:MULTI", "0:DEBUG SLEEP 0", "0:EXEC", "0:MULTI",
         "0:OBJECT ENCODING x", "0:OBJECT NOSUCH x", "0:EXEC", "0:MULTI", "0:SAVE", "0:BGSAVE", "0:EXEC");
}

Test(scenes, watched_keys_that_change) {
    PLAY("0:WATCH k", "1:SET k 1", "0:MULTI", "0:SET a 1", "0:EXEC", "0:WATCH k", "1:SET k 1", "0:MULTI",
         "0:EXEC", "0:WATCH k j", "1:DEL j", "0:MULTI", "0:PING", "0:EXEC", "0:WATCH k", "1:GET k", "0:MULTI",
         "0:PING", "0:EXEC", "0:WATCH k", "1:EXPIRE k 100", "0:MULTI", "0:PING", "0:EXEC", "0:WATCH k",
         "1:PERSIST k", "0:MULTI", "0:PING", "0:EXEC", "0:WATCH k", "1:PERSIST k", "0:MULTI", "0:PING",
         "0:EXEC", "0:WATCH k", "1:TOUCH k", "0:MULTI", "0:PING", "0:EXEC", "0:WATCH new", "1:RENAME k new",
         "0:MULTI", "0:PING", "0:EXEC", "0:WATCH k", "1:COPY new k", "0:MULTI", "0:PING", "0:EXEC",
         "0:WATCH k", "1:SELECT 1", "1:SET k 2", "0:MULTI", "0:PING", "0:EXEC", "0:WATCH k", "1:SWAPDB 0 1",
         "0:MULTI", "0:PING", "0:EXEC", "0:WATCH nothere", "1:SWAPDB 0 1", "0:MULTI", "0:PING", "0:EXEC");
}

Test(scenes, watched_keys_and_flushes) {
    PLAY("0:SET k 1", "0:WATCH k", "1:FLUSHALL", "0:MULTI", "0:PING", "0:EXEC", "0:WATCH k", "1:FLUSHALL",
         "0:MULTI", "0:PING", "0:EXEC", "0:SET k 1", "0:WATCH k", "1:SELECT 1", "1:FLUSHDB", "0:MULTI",
         "0:PING", "0:EXEC", "0:WATCH k", "1:SELECT 0", "1:FLUSHDB ASYNC", "0:MULTI", "0:PING", "0:EXEC",
         "0:SET k 1", "0:WATCH k", "1:SET k 2", "0:UNWATCH", "0:MULTI", "0:PING", "0:EXEC", "0:WATCH k",
         "1:SET k 2", "0:DISCARD", "0:MULTI", "0:DISCARD", "0:MULTI", "0:PING", "0:EXEC", "0:WATCH k",
         "0:RESET", "1:SET k 3", "0:MULTI", "0:PING", "0:EXEC", "0:WATCH k", "0:SET k 9", "0:MULTI", "0:PING",
         "0:EXEC", "0:WATCH k", "0:MULTI", "0:SET k 10", "0:EXEC", "0:MULTI", "0:PING", "0:EXEC",
         "0:WATCH k k", "0:WATCH j", "1:MSET j 1 k 1", "0:MULTI", "0:NOSUCH", "0:EXEC", "0:MULTI", "0:PING",
         "0:EXEC", "0:WATCH k", "0:SELECT 2", "1:SET k 11", "0:MULTI", "0:PING", "0:EXEC", "0:SELECT 0",
         "0:WATCH k", "1:MULTI", "1:SET k 1", "1:DISCARD", "0:MULTI", "0:PING", "0:EXEC");
}

/* Nothing expires in the background; what a sleep of the server outlasts has expired for sure. */
Test(scenes, watched_keys_and_expiry) {
    PLAY("0:DEBUG SET-ACTIVE-EXPIRE 0", "0:SET k 1 PX 1", "0:DEBUG SLEEP 0.01", "0:WATCH k", "0:MULTI",
         "0:GET k", "0:EXEC", "0:SET k 1 PX 1", "0:DEBUG SLEEP 0.01", "0:WATCH k", "1:GET k", "0:MULTI",
         "0:PING", "0:EXEC", "0:SET k 1 PX 1", "0:DEBUG SLEEP 0.01", "0:WATCH k", "1:SET k 2", "0:MULTI",
         "0:PING", "0:EXEC", "0:SET k 1 PX 1", "0:DEBUG SLEEP 0.01", "0:WATCH k", "1:DEL k", "0:MULTI",
         "0:PING", "0:EXEC", "0:SET k 1 PX 1", "0:DEBUG SLEEP 0.01", "0:WATCH k", "1:FLUSHALL", "0:MULTI",
         "0:PING", "0:EXEC", "0:DEBUG SET-ACTIVE-EXPIRE 1");
}

Test(scenes, pauses_of_writes) {
    PLAY("0:CLIENT PAUSE 100000 WRITE", "1:SET a 1", "2:GET a", "3:PUBLISH c x", "4:PFCOUNT h", "5:FLUSHALL",
         "2:EXISTS a", "0:CLIENT UNPAUSE", "2:GET a", "0:CLIENT UNPAUSE", "3:MULTI", "3:SET b 1",
         "0:CLIENT PAUSE 100000 WRITE", "3:GET b", "3:EXEC", "4:MULTI", "4:GET b", "4:EXEC", "5:MULTI",
         "5:SET c 1", "2:SET b", "2:NOSUCH", "0:CLIENT UNPAUSE", "5:EXEC", "2:GET c",
         "0:CLIENT PAUSE 100000 WRITE", "1:BLPOP l 0", "2:LRANGE l 0 -1", "3:RPUSH l a b", "0:CLIENT UNPAUSE",
         "2:LRANGE l 0 -1");
}

Test(scenes, arguments_of_pauses) {
    PLAY("0:CLIENT PAUSE abc", "0:CLIENT PAUSE -1", "0:CLIENT PAUSE 1 x", "0:CLIENT PAUSE",
         "0:CLIENT PAUSE 1 ALL x", "0:CLIENT PAUSE 1.5", "0:CLIENT UNPAUSE x",
         "0:CLIENT PAUSE 99999999999999999999", "0:CLIENT PAUSE 100000 WRITE", "0:CLIENT PAUSE 1 WRITE",
         "1:SET a 4", "0:CLIENT UNPAUSE");
}

/* How long they last is not compared, only what is said in the end. */
Test(scenes, pauses_of_everything_end) {
    struct pair p = pair_start("");
    PAIR_SAME(&p, "CLIENT PAUSE 0", "PING", "CLIENT PAUSE 1", "PING", "SET a 1", "CLIENT PAUSE 50 ALL",
              "GET a", "PING", "CLIENT PAUSE 50 WRITE", "SET a 2", "GET a");
    pair_free(&p);
}

static void expires_while_watched(struct srv *s) {
    int64_t left = 0;
    EXPECT(s, "OK", "DEBUG SET-ACTIVE-EXPIRE 0");
    for (int tries = 0; left <= 0 && tries < 100; tries++) { /* until it is watched before its end */
        EXPECT(s, "OK", "UNWATCH");
        EXPECT(s, "OK", "SET k 1 PX 300");
        EXPECT(s, "OK", "WATCH k");
        left = srv_int(s, "PTTL k");
    }
    EXPECT(s, "OK", "DEBUG SLEEP 0.35");
    EXPECT(s, "OK", "MULTI");
    EXPECT(s, "QUEUED", "PING");
    EXPECT(s, "(nil)", "EXEC");
}

Test(scenes, watched_keys_expire) {
    struct pair p = pair_start("");
    expires_while_watched(p.ours);
    expires_while_watched(p.real);
    pair_free(&p);
}

/* A pause stops expiry: what has expired is hidden, but stays. */
Test(scenes, pauses_and_expiry) {
    PLAY("0:DEBUG SET-ACTIVE-EXPIRE 0", "0:SET k 1 PX 150", "0:CLIENT PAUSE 100000 WRITE",
         "0:DEBUG SLEEP 0.2", "1:GET k", "1:TTL k", "1:EXISTS k", "1:DBSIZE", "1:KEYS *", "2:SET k 2 KEEPTTL",
         "0:CLIENT UNPAUSE", "1:GET k", "1:TTL k", "1:DBSIZE");
}

Test(scenes, killed_and_unblocked_while_waiting) {
    PLAY("1:BLPOP k 0", "0:CLIENT UNBLOCK %1 ERROR", "1:BLPOP k 0", "0:CLIENT UNBLOCK %1 x",
         "0:CLIENT UNBLOCK x", "0:CLIENT UNBLOCK %2", "0:CLIENT UNBLOCK 999999",
         "0:CLIENT UNBLOCK %1 TIMEOUT", "1:WAIT 3 0", "0:CLIENT UNBLOCK %1", "1:BLPOP k 0", "2:BLPOP k 0",
         "0:CLIENT KILL ID %1 SKIPME yes", "0:RPUSH k a b", "0:LRANGE k 0 -1", "0:CLIENT KILL TYPE nosuch",
         "0:CLIENT KILL ID 0", "0:CLIENT KILL 1.2.3.4:5", "0:CLIENT KILL ADDR 1.2.3.4:5",
         "0:CLIENT KILL SKIPME maybe");
}

Test(scenes, role_changes) {
    PLAY("1:BLPOP k 0", "2:BZPOPMIN z 0", "3:WATCH k", "3:MULTI", "3:SET k 1", "4:MULTI", "4:GET k",
         "5:WATCH k", "0:REPLICAOF 127.0.0.1 1", "3:EXEC", "4:EXEC", "0:SET k 2", "0:MULTI", "0:SET k 3",
         "0:EXEC", "4:BLPOP k 0.01", "6:BLPOP k 0", "0:WAIT 0 0", "0:GET k", "0:REPLICAOF NO ONE",
         "0:SET k 4", "5:MULTI", "5:PING", "5:EXEC");
}

Test(scenes, replication_within_multi) {
    PLAY("0:MULTI", "0:ROLE", "0:WAIT 1 0", "0:WAIT 0 0", "0:REPLCONF listening-port 1", "0:FAILOVER",
         "0:FAILOVER ABORT", "0:SHUTDOWN ABORT", "0:REPLICAOF NO ONE", "0:SLAVEOF a b c", "0:SLAVEOF a b",
         "0:EXEC", "0:MULTI", "0:SET a 1", "0:SLAVEOF 127.0.0.1 1", "0:SET b 2", "0:SLAVEOF NO ONE",
         "0:SET c 3", "0:EXEC", "0:GET b", "0:MULTI", "0:SLAVEOF 127.0.0.1 1", "0:EXEC", "0:SET d 4",
         "0:MULTI", "0:SLAVEOF NO ONE", "0:EXEC", "0:SET d 5", "0:MULTI", "0:CLIENT PAUSE 100000 WRITE",
         "0:SET e 6", "0:CLIENT UNPAUSE", "0:EXEC", "0:GET e");
}

Test(scenes, restored_keys_wake_and_unwatch) {
    PLAY("0:RPUSH l a b", "1:WATCH l2", "0:COPY l l2", "1:MULTI", "1:PING", "1:EXEC", "1:BLPOP w 0",
         "0:COPY l w", "0:LRANGE w 0 -1", "1:WATCH w", "0:DEBUG RELOAD", "1:MULTI", "1:PING", "1:EXEC",
         "1:WATCH w", "0:SORT l ALPHA STORE w", "1:MULTI", "1:PING", "1:EXEC", "1:WATCH nosuch",
         "0:SORT nosuch STORE nosuch2", "1:MULTI", "1:PING", "1:EXEC");
}

Test(scenes, shutdown_refuses) {
    PLAY("0:SHUTDOWN x", "0:SHUTDOWN SAVE NOSAVE", "0:SHUTDOWN ABORT", "0:SHUTDOWN ABORT NOW",
         "0:SHUTDOWN NOW x", "0:SHUTDOWN NOSAVE NOSAVE SAVE", "0:SHUTDOWN FORCE NOW ABORT", "0:PING");
}

Test(scenes, reset_of_a_connection) {
    PLAY("0:SELECT 3", "0:CLIENT SETNAME me", "0:WATCH k", "0:MULTI", "0:RESET", "0:CLIENT GETNAME",
         "0:SET k 1", "1:SELECT 0", "1:GET k", "0:RESET x", "0:MULTI", "0:NOSUCH", "0:RESET", "0:EXEC",
         "0:CLIENT REPLY ON", "0:PING");
}
