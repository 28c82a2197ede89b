"""Eviction: what it costs, and how good its choice is."""
import random, subprocess, sys

from bench_parts.harness import PROGRAMS, Server, VALUES, compare, opt, pipe, request, sets, stop


def full(kind, policy, keys):
    """A server that has memory for about so many keys of 100 bytes, whatever it needs for one."""
    s = Server(kind, "--maxmemory-policy", policy)
    pipe(s, sets(keys, VALUES["zeros"], policy == "volatile-ttl"))
    s.cmd("CONFIG", "SET", "maxmemory", s.info("used_memory"))
    return s


def hit_ratio(server, picks):
    """A cache's life: GET, and on a miss SET; picks are numbers of keys. The second half counts."""
    hits = 0
    with server.connect() as s, s.makefile("rb") as replies:
        for start in range(0, len(picks), 200):
            keys = [b"z:%d" % i for i in picks[start:start + 200]]
            s.sendall(b"".join(request(b"GET", k) for k in keys))
            missing = []
            for k in keys:
                if replies.readline() == b"$-1\r\n":
                    missing.append(k)
                else:
                    replies.readline()
                    hits += start >= len(picks) // 2
            s.sendall(b"".join(request(b"SET", k, VALUES["zeros"](0)) for k in missing))
            for _ in missing:
                replies.readline()
    return 100 * hits / (len(picks) - len(picks) // 2)


def bench_evict():
    """CPU where each new key costs an old one its place; and how good the choice is, with room for as many keys in both."""
    room = opt.keys // 10
    for policy in ("allkeys-lru", "allkeys-lfu", "allkeys-random", "volatile-ttl"):
        servers = {k: full(k, policy, room) for k in PROGRAMS}
        def cpu(kind):
            s, n = servers[kind], 400_000
            evicted, before = int(s.info("evicted_keys")), s.cpu_s()
            words = ["SET", "k:__rand_int__", "x" * 100, *(["PX", "1__rand_int__"] if policy == "volatile-ttl" else [])]
            subprocess.run(["redis-benchmark", "-p", str(s.port), "-n", str(n), "-P", "16", "-r", str(10**9), "-q", *words],
                           stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=True)
            if int(s.info("evicted_keys")) - evicted < n / 2:
                sys.exit("bench: nothing is evicted")
            return (s.cpu_s() - before) / n * 1e6
        compare([(f"CPU per SET that evicts, {policy}, pipeline 16", "us", "0.60x")], cpu)
        stop(servers)

    keys = 2 * room
    weights, total = [], 0.0
    for i in range(keys):
        total += 1 / (i + 1)**0.9
        weights.append(total)
    chance = random.Random(7)
    names = list(range(keys))
    chance.shuffle(names)
    picks = chance.choices(names, cum_weights=weights, k=10 * keys)
    for policy in ("allkeys-lru", "allkeys-lfu"):
        def ratio(kind):
            s = full(kind, policy, room // 5)
            got = hit_ratio(s, picks)
            s.stop()
            return got
        compare([(f"hits of GET, Zipf load, room for a tenth, {policy}", "%", "1.00x")], ratio, 3, 3)
