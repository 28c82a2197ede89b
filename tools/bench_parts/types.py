"""The data types: memory per element, CPU per request, files of all of them."""
import subprocess, time

from bench_parts.harness import Server, compare, each, opt, pipe, request, stop

BATCH = 100  # elements a request


def elements(n, command, key, *places):
    """n elements into one key, many a request; places: what an element consists of, made of its number."""
    for start in range(0, n, BATCH):
        words = [p(i) for i in range(start, min(start + BATCH, n)) for p in places]
        yield request(command, key, *words), 1


def value(prefix):
    return lambda i: b"%s%014d" % (prefix, i)


def number(i):
    return b"%d" % i


FILLS = {
    "hash": lambda n, key: elements(n, "HSET", key, value(b"f:"), value(b"v:")),
    "set": lambda n, key: elements(n, "SADD", key, value(b"m:")),
    "sorted set": lambda n, key: elements(n, "ZADD", key, number, value(b"m:")),
    "list": lambda n, key: elements(n, "RPUSH", key, value(b"e:")),
}


def stream(n, key):
    for i in range(n // 3):
        yield request("XADD", key, "*", "first", b"v:%014d" % i, "second", b"v:%014d" % i, "third", b"v:%014d" % i), 2  # lines of the reply


def small_hashes(n):
    for i in range(n // 8):
        yield request("HSET", b"small:%07d" % i, *(w for f in range(8) for w in (b"f%d" % f, b"v:%06d" % i))), 1


def bench_types():
    n = opt.keys

    def resident(fill, elements):
        def measure(kind):
            s = Server(kind)
            before = s.rss()
            pipe(s, fill())
            used = (s.rss() - before) / elements
            s.stop()
            return used
        return measure
    for name, goal in (("hash", "58"), ("set", "40"), ("sorted set", "72"), ("list", "19")):
        compare([(f"resident bytes per element of 16 bytes, big {name}", "B", goal)], resident(lambda: FILLS[name](n, "big"), n), 1)
    compare([("the same, field of a stream with 3 fields an entry", "B", "30")],
            resident(lambda: stream(n, "big"), n), 1)
    compare([("resident bytes per field, hashes of 8 small fields", "B", "30")], resident(lambda: small_hashes(n), n), 1)
    requests_of_types(n)
    files_of_types(n)


def requests_of_types(n):
    servers = each()
    for s in servers.values():
        for name, fill in FILLS.items():
            pipe(s, fill(n, name))
        pipe(s, elements(100, "RPUSH", "short list", value(b"e:")))
        pipe(s, elements(100, "ZADD", "short sorted set", number, value(b"m:")))
    rand = "__rand_int__"
    ten = [w for i in range(10) for w in (f"key{i}:{rand}", "xxx")]
    tests = (("LPUSH", 400_000, ["LPUSH", "queue", "xxx"]), ("LPOP", 400_000, ["LPOP", "queue"]),
             ("SADD", 400_000, ["SADD", "set", f"m:{rand}"]), ("SPOP", 300_000, ["SPOP", "set"]),
             ("HSET", 400_000, ["HSET", "hash", f"f:{rand}", "xxx"]),
             ("ZADD, 1M members", 300_000, ["ZADD", "sorted set", rand, f"m:{rand}"]),
             ("ZRANGE of 100", 60_000, ["ZRANGE", "short sorted set", "0", "99"]),
             ("LRANGE of 100", 60_000, ["LRANGE", "short list", "0", "99"]),
             ("XADD", 300_000, ["XADD", "stream", "*", "field", "xxx"]), ("MSET of 10", 100_000, ["MSET", *ten]))
    for name, count, words in tests:
        def cpu(kind):
            s = servers[kind]
            before = s.cpu_s()
            subprocess.run(["redis-benchmark", "-p", str(s.port), "-n", str(count), "-P", "16", "-r", str(n), "-q", *words],
                           stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=True)
            return (s.cpu_s() - before) / count * 1e6
        if name == "LPOP":  # each round finds something to pop
            pop = cpu

            def cpu(kind):
                pipe(servers[kind], elements(count, "RPUSH", "queue", value(b"e:")))
                return pop(kind)
        compare([(f"CPU per {name}, pipeline 16", "us", "0.60x")], cpu)
    stop(servers)


def files_of_types(n):
    """A fifth of the elements in each type, half of them in one big key and half in small ones."""
    def small():
        for name, make in FILLS.items():
            for k in range(n // 10 // 20):
                yield from make(20, b"%s:%06d" % (name.encode(), k))

    def fill(s):
        for name, make in FILLS.items():
            pipe(s, make(n // 10, "big " + name))
        pipe(s, small())
        pipe(s, stream(n // 5, "big stream"))

    def save(kind):
        s = Server(kind)
        fill(s)
        t0 = time.perf_counter()
        s.cmd("SAVE")
        saved = time.perf_counter() - t0
        t0 = time.perf_counter()
        s.cmd("DEBUG", "RELOAD", "NOSAVE")
        loaded = time.perf_counter() - t0
        s.stop()
        return saved, loaded
    compare([(f"SAVE of all types, {n // 1000}k elements", "s", "0.6x"), ("load of the same", "s", "0.6x")], save)
