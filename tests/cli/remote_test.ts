// Commands that are told where a server is, against one that lets nobody in without a credential: whom they show what.

import assert from "node:assert/strict";
import { join } from "node:path";
import { openAccess } from "../../src/access/access.ts";
import { makeOwnerSecret } from "../../src/access/owner.ts";
import { generateCommand } from "../../src/cli/generate.ts";
import { serverAt } from "../../src/cli/remote.ts";
import { replayCommand } from "../../src/cli/replay.ts";
import type { Shell } from "../../src/cli/shell.ts";
import { loadSettings, type Settings } from "../../src/config.ts";
import { systemClock } from "../../src/clock.ts";
import { type Lab, withLab } from "../web/lab.ts";

const TOKEN = "a-token-for-the-tests-of-commands-0123";

interface Closed {
  readonly url: string;
  readonly data: string;
  readonly secret: string;
  readonly guardian: Lab["guardian"];
}

/** A server that asks for a token or its owner's secret, which is in the folder, where it also says where it answers. */
async function withClosedServer(work: (server: Closed) => Promise<void>): Promise<void> {
  let secret = "";
  const access = { current: openAccess({ token: TOKEN }) };
  const door = new Proxy(access.current, {
    get(_, name) {
      const member = access.current[name as keyof typeof access.current] as unknown;
      return typeof member === "function" ? member.bind(access.current) : member;
    },
  });
  await withLab(async ({ guardian, fetch }) => {
    const { data } = guardian.folder;
    secret = await makeOwnerSecret(data);
    access.current = openAccess({ token: TOKEN, ownerSecret: secret });
    const answer = async (request: Request) => {
      const { pathname, search } = new URL(request.url), { method, headers } = request;
      return await fetch(pathname + search, { method, headers, body: method === "POST" ? await request.bytes() : undefined });
    };
    const server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen: () => {} }, answer);
    try {
      const url = `http://127.0.0.1:${server.addr.port}`;
      await guardian.folder.tell(url, url);
      await work({ url, data, secret, guardian });
    } finally {
      await server.shutdown();
    }
  }, { access: door });
}

function settingsOf(data: string, token?: string): Settings {
  const environment: Record<string, string> = token === undefined ? {} : { GUARDIAN_TOKEN: token };
  return loadSettings({ flags: { data }, environment, readFile: () => "{}" });
}

function shellFor(out: string[]): Shell {
  return {
    environment: {},
    errorColumns: null,
    out: (line) => out.push(line),
    outBytes: () => assert.fail("bytes are not for this command"),
    err: (line) => out.push(line),
    ask: () => null,
    onStop: () => () => {},
    exitNow: (code) => assert.fail(`left with ${code}`),
  };
}

Deno.test("address of the folder's own server is shown the owner's secret, and no other is", async () => {
  await withClosedServer(async ({ url, data, secret }) => {
    const { port } = new URL(url), settings = settingsOf(data), own = { url, token: secret };
    for (const given of [url, `${url}/`, `http://localhost:${port}`, `http://[::1]:${port}`]) {
      // At the address that the folder tells, as somebody else may listen on another one of this machine.
      assert.deepEqual(await serverAt(given, settings), own, given);
    }
    for (
      const given of [
        `http://127.0.0.1:${Number(port) ^ 1}`,
        `http://evil.example:${port}`,
        `https://127.0.0.1:${port}`,
        `${url}/prefix`,
        `http://127.0.0.1.evil.example:${port}`,
        `http://127.0.0.1:${port}@evil.example`,
        "localhost",
      ]
    ) assert.deepEqual(await serverAt(given, settings), { url: given, token: null }, given);
    assert.deepEqual(await serverAt(url, settingsOf(data, TOKEN)), { url, token: TOKEN }, "a token that is set goes before");
    assert.deepEqual(await serverAt(url, settingsOf(join(data, "none"))), { url, token: null }, "another folder");
  });
});

Deno.test("replay and generate get in at the folder's own server without a token, and at another one by a token alone", async () => {
  await withClosedServer(async ({ url, data, guardian }) => {
    const folder = await Deno.makeTempDir({ prefix: "guardian-remote-" }), file = join(folder, "clicks.dat");
    try {
      await Deno.writeTextFile(file, "1,2014-04-07T10:00:00.000Z,11,0\n1,2014-04-07T10:00:01.000Z,12,0\n");
      const replay = (settings: Settings) => replayCommand([file], { url, json: true }, settings, shellFor([]));
      const generate = (settings: Settings) =>
        generateCommand({ url, json: true, days: "0.1", visitors: "200" }, settings, shellFor([]), systemClock, () => Promise.resolve());
      for (const command of [replay, generate]) {
        await assert.rejects(command(settingsOf(folder)), { code: "unauthorized" });
        assert.equal(await command(settingsOf(folder, TOKEN)), 0);
        const before = guardian.intake.accepted;
        assert.ok(before > 0);
        assert.equal(await command(settingsOf(data)), 0);
        await assert.rejects(command(settingsOf(data, TOKEN.replace("0123", "4567"))), { code: "unauthorized" });
      }
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  });
});
