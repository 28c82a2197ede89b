"""CPU per request."""
from bench_parts.harness import compare, cpu_us, each, opt, pipe, request, sets, stop


def bench_requests():
    servers = each()
    for s in servers.values():
        pipe(s, sets(opt.keys, lambda i: b"xxx"))
        pipe(s, ((b"".join(request(b"INCR", b"counter:%012d" % i) for i in range(a, a + 1000)), 1000)
                 for a in range(0, opt.keys, 1000)))
    for pipeline, n, goal in ((16, 2_000_000, "0.60x"), (1, 300_000, "0.92x")):
        for test in ("set", "get", "incr"):
            compare([(f"CPU per {test.upper()}, 50 clients, pipeline {pipeline}", "us", goal)],
                    lambda k: cpu_us(servers[k], test, n, pipeline))
    compare([("CPU per MULTI, 10 SET, EXEC", "us", "0.60x")], lambda k: transactions_us(servers[k], 30_000))
    stop(servers)


def transactions_us(server, n):
    """The server's CPU per transaction: 12 commands, and 22 lines of replies."""
    def transaction(i):
        sets = (request(b"SET", b"key:%012d" % ((i * 10 + k) * 7919 % opt.keys), b"xxx") for k in range(10))
        return request(b"MULTI") + b"".join(sets) + request(b"EXEC")
    requests = [(transaction(i), 22) for i in range(n)]
    before = server.cpu_s()
    pipe(server, requests)
    return (server.cpu_s() - before) / n * 1e6
