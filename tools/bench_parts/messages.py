"""Messages to many subscribers, and reads of clients that cache."""
import random, select, threading

from bench_parts.harness import compare, each, opt, request, stop

SUBSCRIBERS = 1000
MESSAGE = b"x" * 32
HEARD = len(request("message", "news", MESSAGE))


class Audience:
    """Subscribers of one server, which read all that comes."""

    def __init__(self, server, n):
        self.connections, self.heard = {}, 0
        self.poll = select.epoll()
        for _ in range(n):
            s = server.connect()
            s.sendall(request("SUBSCRIBE", "news"))
            s.recv(4096)
            s.setblocking(False)
            self.connections[s.fileno()] = s
            self.poll.register(s, select.EPOLLIN)

    def hear(self, nbytes):
        buffer, want = bytearray(1 << 20), self.heard + nbytes
        while self.heard < want:
            for fd, _ in self.poll.poll(1):
                self.heard += self.connections[fd].recv_into(buffer)

    def leave(self):
        for s in self.connections.values():
            s.close()


def publish_us(server, n, pipeline):
    """The server's CPU per PUBLISH, the sending to all subscribers included."""
    audience = Audience(server, SUBSCRIBERS)
    reader = threading.Thread(target=audience.hear, args=(n * SUBSCRIBERS * HEARD,))
    before = server.cpu_s()
    reader.start()
    with server.connect() as s:
        for _ in range(0, n, pipeline):
            s.sendall(request("PUBLISH", "news", MESSAGE) * pipeline)
            lines = pipeline
            while lines > 0:
                lines -= s.recv(4096).count(b"\n")
    reader.join()
    us = (server.cpu_s() - before) / n * 1e6
    audience.leave()
    return us


def get_us(server, n, pipeline):
    """The server's CPU per GET of a client that is told of changes."""
    keys = min(opt.keys, 10_000)
    with server.connect() as s:
        s.sendall(request("HELLO", "3") + b"".join(request("SET", b"key:%06d" % i, b"value") for i in range(keys)))
        s.sendall(request("CLIENT", "TRACKING", "ON") + request("ECHO", "tracking-is-on"))
        got = b""
        while b"tracking-is-on\r\n" not in got:
            got = got[-64:] + s.recv(1 << 20)
        batches = [b"".join(request("GET", b"key:%06d" % random.randrange(keys)) for _ in range(pipeline)) for _ in range(50)]
        before = server.cpu_s()
        for i in range(n // pipeline):
            s.sendall(batches[i % 50])
            lines = 2 * pipeline
            while lines > 0:
                lines -= s.recv(1 << 20).count(b"\n")
        return (server.cpu_s() - before) / n * 1e6


def bench_messages():
    servers = each()
    for pipeline, n in ((16, 1600), (1, 200)):
        compare([(f"CPU per PUBLISH to {SUBSCRIBERS} subscribers, pipeline {pipeline}", "us", "0.60x")],
                lambda k: publish_us(servers[k], n, pipeline))
    compare([("CPU per GET with tracking on, pipeline 200", "us", "0.70x")], lambda k: get_us(servers[k], 100_000, 200))
    stop(servers)
