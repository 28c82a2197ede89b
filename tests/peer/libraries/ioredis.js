// ioredis drives a server through its own API. usage: node ioredis.js PORT  (NODE_PATH has the library)
const assert = require("assert");
const { Redis } = require("ioredis");

const port = Number(process.argv[2]);

async function main() {
  const r = new Redis(port, "127.0.0.1");
  await r.flushall();

  assert.equal(await r.set("k", "v", "EX", 100), "OK");
  assert.equal(await r.get("k"), "v");
  assert.equal(await r.set("k", "w", "NX"), null);
  assert.deepEqual(await r.mget("k", "none"), ["v", null]);
  assert.deepEqual(await r.getBuffer("k"), Buffer.from("v"));
  await r.hset("h", { a: 1, b: "x" });
  assert.deepEqual(await r.hgetall("h"), { a: "1", b: "x" });
  await r.rpush("l", 1, 2, 3);
  assert.deepEqual(await r.lrange("l", 0, -1), ["1", "2", "3"]);
  await r.zadd("z", 1, "a", 2.5, "b");
  assert.deepEqual(await r.zrange("z", 0, -1, "WITHSCORES"), ["a", "1", "b", "2.5"]);

  // Pipelines and transactions, with errors in their places.
  const out = await r.pipeline().set("n", 1).incr("n").lpush("n", "x").get("n").exec();
  assert.deepEqual(out.map(([, v]) => v).filter((_, i) => i !== 2), ["OK", 2, "2"]);
  assert.match(out[2][0].message, /WRONGTYPE/);
  assert.deepEqual(await r.multi().incr("n").incr("n").exec(), [[null, 3], [null, 4]]);
  await r.watch("n");
  const other = r.duplicate();
  await other.set("n", 10);
  assert.equal(await r.multi().incr("n").exec(), null);
  await assert.rejects(r.incr("h"), /WRONGTYPE/);
  await assert.rejects(r.call("NOSUCHCOMMAND"), /unknown command/);

  // Streams as objects of scanning; blocking reads on a connection of their own.
  for (let i = 0; i < 500; i++) r.set("many:" + i, i);
  const seen = new Set();
  for await (const keys of r.scanStream({ match: "many:*", count: 50 })) keys.forEach((k) => seen.add(k));
  assert.equal(seen.size, 500);
  const waiting = other.xread("BLOCK", 0, "STREAMS", "x", "$");
  while (!/cmd=xread/.test(await r.client("LIST"))) await new Promise((go) => setTimeout(go, 5));
  const id = await r.xadd("x", "*", "f", "v");
  assert.deepEqual(await waiting, [["x", [[id, ["f", "v"]]]]]);
  const popped = other.blpop("queue", 0);
  await r.rpush("queue", "job");
  assert.deepEqual(await popped, ["queue", "job"]);

  // Publish and subscribe, also through the prefix of keys.
  const sub = r.duplicate();
  await sub.subscribe("news");
  await sub.psubscribe("n*s");
  const got = [];
  const both = new Promise((go) => {
    sub.on("message", (c, m) => (got.push([c, m]), got.length === 2 && go()));
    sub.on("pmessage", (p, c, m) => (got.push([p, c, m]), got.length === 2 && go()));
  });
  assert.equal(await r.publish("news", "today"), 2);
  await both;
  assert.deepEqual(got, [["news", "today"], ["n*s", "news", "today"]]);
  await sub.unsubscribe("news");
  await sub.punsubscribe("n*s");
  assert.equal(await sub.ping(), "PONG");

  // A killed connection comes back by itself, with its database.
  const third = new Redis({ port, host: "127.0.0.1", db: 3 });
  await third.set("here", 1);
  await r.client("KILL", "ID", await third.client("ID"));
  while (true) {
    try {
      assert.equal(await third.get("here"), "1");
      break;
    } catch (e) {
      if (e instanceof assert.AssertionError) throw e;
    }
  }
  for (const c of [r, other, sub, third]) c.disconnect();
  console.log("ioredis ok");
}

main().catch((e) => {
  console.error(e);
  process.exit(1);
});
