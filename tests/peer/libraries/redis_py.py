"""redis-py drives a server through its own API: what an application does on a working day. usage: redis_py.py PORT"""
import sys
import threading

import redis

port = int(sys.argv[1])
r = redis.Redis(port=port, decode_responses=True)
r.flushall()


def equal(got, want):
    assert got == want, f"got {got!r}, expected {want!r}"


def strings():
    equal(r.set("k", "v", ex=100), True)
    equal(r.get("k"), "v")
    equal(r.set("k", "w", nx=True), None)
    equal(r.set("k", "w", get=True, keepttl=True), "v")
    equal(r.ttl("k"), 100)
    equal(r.incrby("n", 5), 5)
    equal(r.incrbyfloat("n", 0.5), 5.5)
    equal(r.mset({"a": 1, "b": 2}), True)
    equal(r.mget("a", "b", "none"), ["1", "2", None])
    equal(r.getrange("k", 0, 0), "w")
    equal(r.bitfield("bits").incrby("u8", 0, 200).overflow("SAT").incrby("u8", 0, 200).execute(), [200, 255])
    binary = redis.Redis(port=port)
    binary.set(b"\x00\xff", bytes(range(256)))
    equal(binary.get(b"\x00\xff"), bytes(range(256)))
    equal(binary.restore("copy", 0, binary.dump("k")), b"OK")
    equal(r.get("copy"), "w")


def aggregates():
    equal(r.rpush("l", *range(10)), 10)
    equal(r.lrange("l", 0, -1), [str(i) for i in range(10)])
    equal(r.lpos("l", "7"), 7)
    equal(r.blpop("l", timeout=1), ("l", "0"))
    equal(r.blmove("l", "m", 1, "LEFT", "RIGHT"), "1")
    equal(r.lmpop(2, "none", "l", direction="LEFT", count=2), ["l", ["2", "3"]])
    equal(r.hset("h", mapping={"f": 1, "g": "x"}), 2)
    equal(r.hgetall("h"), {"f": "1", "g": "x"})
    equal(r.hincrby("h", "f", 41), 42)
    equal(r.sadd("s", "a", "b", "c"), 3)
    equal(r.smembers("s"), {"a", "b", "c"})
    equal(r.smismember("s", ["a", "z"]), [1, 0])
    equal(r.zadd("z", {"one": 1, "two": 2, "three": 3}), 3)
    equal(r.zrange("z", 0, -1, withscores=True), [("one", 1.0), ("two", 2.0), ("three", 3.0)])
    equal(r.zrange("z", "(1", "+inf", byscore=True), ["two", "three"])
    equal(r.zadd("z", {"one": 5}, gt=True, ch=True), 1)
    equal(r.zpopmin("z"), [("two", 2.0)])
    equal(r.bzpopmax(["z"], timeout=1), ("z", "one", 5.0))
    equal(r.pfadd("hll", *range(1000)), 1)
    assert 950 < r.pfcount("hll") < 1050
    equal(r.geoadd("g", (13.361389, 38.115556, "Palermo", 15.087269, 37.502669, "Catania")), 2)
    equal(round(r.geodist("g", "Palermo", "Catania", "km")), 166)
    equal(r.geosearch("g", longitude=15, latitude=37, radius=200, unit="km", sort="ASC"), ["Catania", "Palermo"])
    equal(r.sort("m", desc=True), ["1"])


def streams():
    first = r.xadd("x", {"a": 1})
    equal(r.xgroup_create("x", "g", "0"), True)
    equal(r.xreadgroup("g", "me", {"x": ">"}), [["x", [(first, {"a": "1"})]]])
    equal(r.xpending("x", "g")["pending"], 1)
    equal(r.xclaim("x", "g", "you", 0, [first]), [(first, {"a": "1"})])
    equal(r.xack("x", "g", first), 1)
    equal(r.xinfo_stream("x")["length"], 1)
    equal(len(r.xinfo_groups("x")), 1)
    equal(r.xread({"x": "$"}, block=10), [])


def transactions():
    with r.pipeline() as p:
        p.watch("n")
        p.multi()
        p.set("n", 1)
        r.set("n", "from elsewhere")
        try:
            p.execute()
            assert False, "the watched key was changed"
        except redis.WatchError:
            pass
    equal(r.pipeline().set("t", 1).incr("t").get("t").execute(), [True, 2, "2"])
    try:
        r.pipeline().set("t", "x").incr("t").execute()
        assert False, "not a number"
    except redis.ResponseError as e:
        assert "not an integer" in str(e), e


def publishing():
    p = r.pubsub(ignore_subscribe_messages=True)
    p.subscribe("channel")
    p.psubscribe("pat*")
    seen = []
    p.get_message(timeout=1)
    while r.pubsub_numsub("channel") != [("channel", 1)] or r.pubsub_numpat() != 1:
        p.get_message(timeout=0.01)
    equal(r.publish("channel", "hello"), 1)
    equal(r.publish("pattern", "there"), 1)
    while len(seen) < 2:
        m = p.get_message(timeout=5)
        if m:
            seen.append((m["type"], m["channel"], m["data"]))
    equal(seen, [("message", "channel", "hello"), ("pmessage", "pattern", "there")])
    p.close()


def server():
    equal(r.ping(), True)
    equal(r.info("server")["redis_version"], "7.0.15")
    equal(r.config_get("maxmemory-policy"), {"maxmemory-policy": "noeviction"})
    equal(r.config_set("slowlog-max-len", 100), True)
    equal(r.client_setname("worker"), True)
    equal([c["name"] for c in r.client_list() if c["id"] == str(r.client_id())], ["worker"])
    assert r.command_count() > 200
    assert "get" in r.command()
    equal(r.object("encoding", "h"), "listpack")
    equal(sorted(r.scan_iter(match="[ls]", count=3)), ["l", "s"])
    equal(dict(r.hscan_iter("h")), {"f": "42", "g": "x"})
    equal(r.wait(0, 10), 0)
    equal(r.role()[0], "master")
    equal(r.slowlog_reset(), True)
    try:
        r.eval("return 1", 0)
        assert False, "there is no scripting"
    except redis.ResponseError:
        pass


def many_threads():
    """A pool of connections, one counter."""
    pool = redis.Redis(connection_pool=redis.BlockingConnectionPool(port=port, max_connections=8))
    pool.delete("counter")

    def work():
        for _ in range(200):
            pool.incr("counter")

    threads = [threading.Thread(target=work) for _ in range(16)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    equal(pool.get("counter"), b"3200")
    pool.client_kill_filter(skipme=True)  # their connections are gone: the library opens new ones
    equal(pool.get("counter"), b"3200")


for part in (strings, aggregates, streams, transactions, publishing, server, many_threads):
    part()
print("redis-py", redis.__version__, "ok")
