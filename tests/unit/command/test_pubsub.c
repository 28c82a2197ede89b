/* Messages around the request that causes them (where Tandem differs from redis-server 7.0.15, which puts them inside of EXEC's
 * reply), the log, and that subscriptions leave nothing behind. What is the same is compared in tests/peer. */
#include "fixture.h"

#include <criterion/criterion.h>
#include "base/alloc.h"
#include "command/pubsub.h"

TestSuite(pubsub, .init = command_setup, .fini = command_teardown);

#define MESSAGE(channel_n, channel, text_n, text)                                                            \
    ">3\r\n$7\r\nmessage\r\n$" #channel_n "\r\n" channel "\r\n$" #text_n "\r\n" text "\r\n"

Test(pubsub, messages_to_the_publisher_come_behind_its_reply) {
    struct client *c = new_client();
    ask(c, "hello 3");
    expect(c, "subscribe a", ">3\r\n$9\r\nsubscribe\r\n$1\r\na\r\n:1\r\n");
    expect(c, "publish a x", ":1\r\n" MESSAGE(1, "a", 1, "x"));
    ask(c, "multi");
    ask(c, "publish a one");
    ask(c, "ping");
    ask(c, "publish a two");
    expect(c, "exec", "*3\r\n:1\r\n+PONG\r\n:1\r\n" MESSAGE(1, "a", 3, "one") MESSAGE(1, "a", 3, "two"));
    expect(c, "ping", "+PONG\r\n");
}

Test(pubsub, publishing_enters_the_log_heard_or_not) {
    struct client *c = new_client();
    ask(c, "publish nobody x");
    ask(c, "multi");
    ask(c, "publish nobody y");
    ask(c, "spublish nobody z");
    ask(c, "exec");
    cr_assert_str_eq(logged(),
                     "SELECT 0; publish nobody x; MULTI; publish nobody y; spublish nobody z; EXEC");
}

Test(pubsub, a_client_without_subscriptions_has_nothing) {
    struct client *c = new_client();
    ask(c, "subscribe warm up"); /* tables that stay */
    ask(c, "psubscribe warm* up*");
    ask(c, "ssubscribe warm up");
    pubsub_forget(c);
    size_t before = mem_used_bytes();
    for (int i = 0; i < 3; i++) {
        ask(c, "subscribe a b c");
        ask(c, "psubscribe a* b* c*");
        ask(c, "ssubscribe a b c");
        cr_assert(pubsub_is_heard());
        cr_assert_eq(pubsub_count(c, PUBSUB_CHANNEL), 3);
        pubsub_forget(c);
        cr_assert_not(pubsub_is_heard());
        cr_assert_null(c->pubsub);
        cr_assert_not(c->flags & CLIENT_PUBSUB);
    }
    cr_assert_eq(mem_used_bytes(), before);
}
