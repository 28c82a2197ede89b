"""Memory per key and per connection; what an idle server costs."""
import resource, time

from bench_parts.harness import Server, compare, opt, pipe, sets


def bench_memory():
    kinds = (("int", lambda i: b"%d" % (i * 7919 % 10**9 + 100000), False, "48"), ("16-byte value", lambda i: b"v:%014d" % i, False, "60"),
             ("100-byte value", lambda i: b"v:%098d" % i, False, "142"), ("16-byte value with TTL", lambda i: b"v:%014d" % i, True, "76"))
    for name, value, ttl, goal in kinds:
        def measure(kind):
            s = Server(kind)
            before = s.rss()
            pipe(s, sets(opt.keys, value, ttl))
            used = (s.rss() - before) / opt.keys
            s.stop()
            return used
        compare([(f"resident bytes per key, {name}", "B", goal)], measure, 1)


def bench_idle():
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    want = min(hard, 12000)
    resource.setrlimit(resource.RLIMIT_NOFILE, (want, hard))
    n = min(5000, want - 500)

    def connections(kind):
        s = Server(kind, "--maxclients", str(n + 100))
        before = s.rss()
        conns = [s.connect() for _ in range(n)]
        for c in conns:
            c.sendall(b"PING\r\n")
            c.recv(100)
        time.sleep(3)  # the reference gives idle buffers back in its cron
        used = (s.rss() - before) / n
        for c in conns:
            c.close()
        s.stop()
        return used

    def cpu(kind):
        s = Server(kind)
        time.sleep(1)
        before = s.cpu_s()
        time.sleep(5)
        used = (s.cpu_s() - before) / 5 * 1e6
        s.stop()
        return used
    compare([("idle connection", "B", "1024 B")], connections, 1)
    compare([("CPU of an idle server, per second", "us", "")], cpu, 1)
