// node-redis drives a server through its own API, in RESP2 and RESP3. usage: node node_redis.js PORT  (NODE_PATH has it)
const assert = require("assert");
const { createClient } = require("redis");

const port = Number(process.argv[2]);

async function day(RESP) {
  const r = createClient({ socket: { port, host: "127.0.0.1" }, RESP });
  await r.connect();
  await r.flushAll();

  assert.equal(await r.set("k", "v", { EX: 100 }), "OK");
  assert.equal(await r.get("k"), "v");
  assert.equal(await r.ttl("k"), 100);
  await r.hSet("h", { a: 1, b: "x" });
  assert.deepEqual({ ...(await r.hGetAll("h")) }, { a: "1", b: "x" });
  assert.equal(await r.sAdd("s", ["a", "b"]), 2);
  assert.deepEqual(new Set(await r.sMembers("s")), new Set(["a", "b"]));
  await r.zAdd("z", [{ score: 1, value: "one" }, { score: 2.5, value: "two" }]);
  assert.deepEqual(await r.zRangeWithScores("z", 0, -1), [{ value: "one", score: 1 }, { value: "two", score: 2.5 }]);
  assert.equal(await r.zScore("z", "two"), 2.5);
  assert.deepEqual(await r.multi().incr("n").incr("n").get("n").exec(), [1, 2, "2"]);
  await assert.rejects(r.lPush("k", "x"), /WRONGTYPE/);

  const id = await r.xAdd("x", "*", { f: "v" });
  await r.xGroupCreate("x", "g", "0");
  const read = await r.xReadGroup("g", "me", { key: "x", id: ">" });
  assert.match(JSON.stringify(read), new RegExp(id));
  assert.equal(await r.xAck("x", "g", id), 1);

  const seen = new Set();
  for (let i = 0; i < 300; i++) await r.set("many:" + i, i);
  for await (const keys of r.scanIterator({ MATCH: "many:*", COUNT: 50 })) [].concat(keys).forEach((k) => seen.add(k));
  assert.equal(seen.size, 300);

  const sub = r.duplicate();
  await sub.connect();
  const message = new Promise((go) => sub.subscribe("news", go));
  while ((await r.publish("news", "today")) === 0);
  assert.equal(await message, "today");
  await sub.unsubscribe("news");

  const info = await r.info("replication");
  assert.match(info, /role:master/);
  assert.equal((await r.configGet("maxmemory"))["maxmemory"], "0");
  const blocked = sub.blPop("queue", 0);
  await r.rPush("queue", "job");
  const { key, element } = await blocked; // after a subscription this library gives bytes
  assert.equal(`${key} ${element}`, "queue job");
  sub.destroy();
  r.destroy();
}

(async () => {
  await day(2);
  await day(3);
  console.log("node-redis ok");
})().catch((e) => {
  console.error(e);
  process.exit(1);
});
