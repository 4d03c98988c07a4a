// What the system tells of the process's own connections, held against what the runtime and the other end of them know.

import assert from "node:assert/strict";
import { peerOf, Sockets } from "../../src/cli/sockets.ts";
import type { Peer, Seen } from "../../src/web/connections.ts";

const ignore = Deno.build.os !== "linux";

/** All connections of a port. */
function lookAt(sockets: Sockets, port: number): (Seen & Peer)[] {
  const found: (Seen & Peer)[] = [];
  for (let handle = 0; handle < sockets.handlesEnd; handle++) {
    sockets.look(handle, [port], (seen, peerOf) => found.push({ ...seen, ...peerOf() }));
  }
  return found;
}

/** A listener, and a connection to it with both of its ends. */
async function connected(hostname: string, to: string) {
  const listener = Deno.listen({ hostname, port: 0 }), { port } = listener.addr;
  const [client, served] = await Promise.all([Deno.connect({ hostname: to, port }), listener.accept()]);
  const close = () => [client, served, listener].forEach((one) => one.close());
  return { port, client, served, name: `${served.remoteAddr.hostname}:${served.remoteAddr.port}`, [Symbol.dispose]: close };
}

Deno.test({
  name: "sockets tell of a port's connections alone, by the names that the runtime gives to their peers, and of their bytes",
  ignore,
  fn: async () => {
    const sockets = Sockets.open();
    for (const [hostname, to] of [["127.0.0.1", "127.0.0.1"], ["::1", "::1"], ["::", "127.0.0.1"], ["::", "::1"]]) {
      using one = await connected(hostname, to);
      using _other = await connected(hostname, to);
      await one.client.write(new Uint8Array(10));
      await one.served.read(new Uint8Array(100));
      await one.served.write(new Uint8Array(20));
      await one.client.read(new Uint8Array(100));
      const [{ name, received, taken, queued }, ...rest] = lookAt(sockets, one.port);
      assert.deepEqual([name, received, taken, queued, rest], [one.name, 10, 20, 0, []], `${hostname} ${to}`);
    }
    sockets.close();
  },
});

Deno.test({
  name: "sockets name the clients of the server as its requests do, over IPv4 and IPv6 on one address, by HTTP and by HTTPS",
  ignore,
  fn: async () => {
    const sockets = Sockets.open(),
      fileOf = (name: string) => Deno.readTextFile(new URL(`../access/certificates/${name}`, import.meta.url));
    const tls = { cert: await fileOf("localhost.crt"), key: await fileOf("localhost.key") };
    for (const options of [{}, tls]) {
      const named: string[] = [], seen: string[] = [];
      let port = 0;
      await using server = Deno.serve({ hostname: "::", port: 0, onListen: () => {}, ...options }, (_, { remoteAddr }) => {
        named.push(`${remoteAddr.hostname}:${remoteAddr.port}`);
        seen.push(...lookAt(sockets, port).map(({ name }) => name));
        return new Response();
      });
      port = server.addr.port;
      for (const host of ["127.0.0.1", "[::1]"]) {
        using one = Deno.createHttpClient({ caCerts: [tls.cert], poolMaxIdlePerHost: 0 });
        // The certificate names no IPv6 address.
        if (options === tls && host === "[::1]") continue;
        await (await fetch(`${options === tls ? "https" : "http"}://${host}:${port}/`, { client: one })).body?.cancel();
      }
      assert.equal(named.length, options === tls ? 1 : 2);
      for (const name of named) assert.ok(seen.includes(name), `${name} is among ${seen}`);
    }
    sockets.close();
  },
});

Deno.test({
  name: "sockets leave no file open when they cannot be looked at",
  ignore,
  fn: () => {
    const sockets = Sockets.open(), before = sockets.lowestFree(), { listen } = Deno;
    Deno.listen = () => {
      throw new Error("no port is free");
    };
    try {
      for (let times = 0; times < 5; times++) assert.throws(() => Sockets.open(), /no port is free/);
    } finally {
      Deno.listen = listen;
    }
    assert.equal(sockets.lowestFree(), before);
    sockets.close();
  },
});

Deno.test({
  name: "sockets tell how much of an answer is not taken, and cut the connection that is meant alone",
  ignore,
  fn: async () => {
    const sockets = Sockets.open();
    using one = await connected("127.0.0.1", "127.0.0.1");
    // As much as the system takes, of which the client's side has a part.
    const written = await one.served.write(new Uint8Array(64 * 2 ** 20));
    const [seen] = lookAt(sockets, one.port);
    assert.equal(seen.taken + seen.queued, written);
    assert.ok(seen.queued > 0, "some wait");
    assert.equal(sockets.cut(seen.handle, seen.id + 1, true), false, "it is another one by now");
    assert.equal(lookAt(sockets, one.port).length, 1);
    assert.equal(sockets.cut(seen.handle, seen.id, true), true);
    assert.equal(await one.served.read(new Uint8Array(1)).catch(() => null), null, "it has ended");
    sockets.close();
  },
});

Deno.test("peers of one /64 of IPv6 are one group, and an IPv4 address is its own", () => {
  const bytes = (text: string) => Uint8Array.from(text.match(/../g)!, (two) => parseInt(two, 16));
  const group = (text: string) => peerOf(bytes(text), 1).group;
  assert.equal(group("20010db8000000010000000000000001"), group("20010db80000000100000000ffff0002"));
  assert.notEqual(group("20010db8000000010000000000000001"), group("20010db8000000020000000000000001"));
  assert.equal(group("0a000001"), group("00000000000000000000ffff0a000001"));
  assert.notEqual(group("0a000001"), group("0a000002"));
});
