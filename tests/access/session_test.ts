import assert from "node:assert/strict";
import { type Holder, type Holders, Sessions } from "../../src/access/sessions.ts";
import { limits } from "../../src/limits.ts";
import { sealedKv } from "../../src/store/sealed.ts";
import { TestClock } from "../support/clock.ts";
import { tell } from "../support/proof.ts";

const CLIENT = { scheme: "https", host: "guardian.example" } as const;
const { sessionIdleMs, sessionMaxMs, sessionsPerTokenMax } = limits;

class Fixture implements Holders {
  readonly clock = new TestClock();
  readonly holders = new Map<string, Holder>([["tok", { name: "anna", scopes: ["operate"], proof: "1" }]]);
  readonly uses: string[] = [];
  /** Whether the file takes nothing. */
  isFailing = false;
  readonly kv: Deno.Kv;

  constructor(readonly file: Deno.Kv) {
    this.kv = new Proxy(sealedKv(file), {
      get: (target, name) => {
        if (this.isFailing && name === "atomic") throw new Error("disk I/O error");
        const member = target[name as keyof Deno.Kv];
        return typeof member === "function" ? (member as () => void).bind(target) : member;
      },
    });
  }

  holderOf(id: string): Holder | null {
    return this.holders.get(id) ?? null;
  }

  noteUse(id: string): void {
    this.uses.push(id);
  }

  open(): Promise<Sessions> {
    return Sessions.open(this.kv, this.clock, this);
  }

  async stored(): Promise<string[]> {
    const all: string[] = [];
    for await (const { key, value } of this.kv.list({ prefix: [] })) all.push(JSON.stringify([key, value]));
    return all;
  }
}

async function withSessions(work: (fixture: Fixture, sessions: Sessions) => Promise<void>): Promise<void> {
  using file = await Deno.openKv(":memory:");
  const fixture = new Fixture(file);
  await work(fixture, await fixture.open());
}

const asking = (cookie: string) => new Request("https://guardian.example/", { headers: { cookie } });

/** Signs in, and returns what a browser sends from then on. */
async function begun(sessions: Sessions, token = "tok", client: Parameters<Sessions["begin"]>[1] = CLIENT): Promise<string> {
  const made = await sessions.begin(token, client);
  assert.ok(made);
  return made.cookie.split(";")[0];
}

Deno.test("session lets its cookie in, over a restart too, and nothing that is stored opens it or proves an order", async () => {
  await withSessions(async (fixture, sessions) => {
    const made = await sessions.begin("tok", CLIENT), cookie = made!.cookie.split(";")[0], id = cookie.split("=")[1];
    assert.match(id, /^[A-Za-z0-9_-]{43}$/);
    for (const source of [sessions, await fixture.open()]) {
      const credential = source.credentialOf(asking(cookie));
      assert.deepEqual(credential, { kind: "session", id: "tok", scopes: ["operate"], csrf: made!.credential.csrf });
    }
    const stored = await fixture.stored();
    assert.equal(stored.length, 1);
    for (const secret of [id, made!.credential.csrf]) assert.ok(!stored[0].includes(secret), stored[0]);
    const [, hash] = JSON.parse(stored[0])[0];
    assert.equal(sessions.credentialOf(asking(`__Host-guardian=${hash.slice(0, 43)}`)), null);
    assert.notEqual((await sessions.begin("tok", CLIENT))!.credential.csrf, made!.credential.csrf);
    assert.equal(await sessions.begin("nobody", CLIENT), null);
  });
});

Deno.test("cookie that differs in any one character, or goes by the other name, is no session", async () => {
  await withSessions(async (_fixture, sessions) => {
    const cookie = await begun(sessions), id = cookie.split("=")[1];
    for (let c = 0; c < id.length; c++) {
      const other = id.slice(0, c) + (id[c] === "a" ? "b" : "a") + id.slice(c + 1);
      assert.equal(sessions.credentialOf(asking(`__Host-guardian=${other}`)), null);
    }
    for (const other of [`guardian=${id}`, `__Host-guardian=${id}x`, `__Host-guardian=${id.slice(1)}`, `x__Host-guardian=${id}`, id, ""]) {
      assert.equal(sessions.credentialOf(asking(other)), null, other);
    }
    const decoy = `__Host-guardian=${"A".repeat(43)}`;
    for (const around of [`a=b; ${cookie}`, `${cookie};c=d`, `${decoy}; ${cookie}; guardian=x`]) {
      assert.ok(sessions.credentialOf(asking(around)), around);
    }
    assert.equal(sessions.credentialOf(asking([...Array(4).fill(decoy), cookie].join("; "))), null, "behind more than a browser sends");
  });
});

Deno.test("cookie is for secure connections alone everywhere but over plain HTTP to this machine", async () => {
  await withSessions(async (_fixture, sessions) => {
    const plain = /^guardian=[\w-]{43}; Path=\/; Max-Age=604800; HttpOnly; SameSite=Strict$/;
    const secure = /^__Host-guardian=[\w-]{43}; Path=\/; Max-Age=604800; HttpOnly; SameSite=Strict; Secure$/;
    const cases: [scheme: "http" | "https", host: string, wanted: RegExp][] = [
      ["http", "localhost:8080", plain],
      ["http", "127.0.0.1", plain],
      ["http", "[::1]:8080", plain],
      ["https", "localhost", secure],
      ["https", "guardian.example:8443", secure],
      ["http", "guardian.example", secure],
      ["http", "10.0.0.5:8080", secure],
      ["http", "localhost.evil.example", secure],
    ];
    for (const [scheme, host, wanted] of cases) {
      const { cookie } = (await sessions.begin("tok", { scheme, host }))!;
      assert.match(cookie, wanted, `${scheme}://${host}`);
      assert.ok(sessions.credentialOf(asking(cookie.split(";")[0])));
    }
  });
});

Deno.test("session ends after a time without a request and after a time in any case, to the millisecond", async () => {
  await withSessions(async ({ clock }, sessions) => {
    const idle = await begun(sessions);
    clock.pass(sessionIdleMs - 1);
    assert.ok(sessions.credentialOf(asking(idle)));
    clock.pass(sessionIdleMs);
    assert.equal(sessions.credentialOf(asking(idle)), null);
    clock.pass(-1);
    assert.ok(sessions.credentialOf(asking(idle)), "a limit, not a switch");

    const busy = await begun(sessions), start = clock.now();
    while (clock.now() + sessionIdleMs - 1 < start + sessionMaxMs - 1) {
      clock.pass(sessionIdleMs - 1);
      assert.ok(sessions.credentialOf(asking(busy)));
    }
    clock.pass(start + sessionMaxMs - 1 - clock.now());
    assert.ok(sessions.credentialOf(asking(busy)));
    clock.pass(1);
    assert.equal(sessions.credentialOf(asking(busy)), null);
  });
});

Deno.test("session that is asked whether it holds is not kept alive by that", async () => {
  await withSessions(async ({ clock }, sessions) => {
    const credential = sessions.credentialOf(asking(await begun(sessions)))!;
    clock.pass(sessionIdleMs - 1);
    assert.equal(sessions.holds(credential), true);
    clock.pass(1);
    assert.equal(sessions.holds(credential), false);
    assert.equal(sessions.holds({ ...credential }), false, "one that was not given out");
  });
});

Deno.test("use is written every five minutes and counts for the token, and a restart knows it", async () => {
  await withSessions(async (fixture, sessions) => {
    const cookie = await begun(sessions), { clock } = fixture;
    clock.pass(299_999);
    sessions.credentialOf(asking(cookie));
    assert.deepEqual(fixture.uses, []);
    clock.pass(1);
    sessions.credentialOf(asking(cookie));
    assert.deepEqual(fixture.uses, ["tok"]);
    await begun(sessions); // writes go one after another
    clock.pass(sessionIdleMs - 1);
    assert.ok((await fixture.open()).credentialOf(asking(cookie)));
    clock.pass(1);
    assert.equal((await fixture.open()).size, 0);
    assert.deepEqual(await fixture.stored(), [], "what is over is cleared away at a start");
  });
});

Deno.test("session ends at once with its token, and another token under the same id does not bring it back", async () => {
  await withSessions(async (fixture, sessions) => {
    const cookie = await begun(sessions), credential = sessions.credentialOf(asking(cookie))!;
    const holder = fixture.holders.get("tok")!;
    fixture.holders.set("tok", { ...holder, scopes: ["read"] });
    assert.deepEqual(sessions.credentialOf(asking(cookie))?.scopes, ["read"]);
    fixture.holders.delete("tok");
    assert.equal(sessions.credentialOf(asking(cookie)), null);
    assert.equal(sessions.holds(credential), false);
    fixture.holders.set("tok", { ...holder, proof: "2" });
    assert.equal(sessions.credentialOf(asking(cookie)), null);
    assert.equal((await fixture.open()).credentialOf(asking(cookie)), null);
    const next = await begun(sessions);
    assert.ok(sessions.credentialOf(asking(next)));
  });
});

Deno.test("signing out ends the session at once, twice at the same time too, and no late write brings it back", async () => {
  await withSessions(async (fixture, sessions) => {
    const cookie = await begun(sessions), other = await begun(sessions);
    fixture.clock.pass(600_000);
    sessions.credentialOf(asking(cookie)); // its use is being written
    const ending = [sessions.end(asking(cookie)), sessions.end(asking(cookie))];
    assert.equal(sessions.credentialOf(asking(cookie)), null, "before it is stored");
    const [forget] = await Promise.all(ending);
    assert.deepEqual(forget, [
      "__Host-guardian=; Path=/; Max-Age=0; HttpOnly; SameSite=Strict; Secure",
      "guardian=; Path=/; Max-Age=0; HttpOnly; SameSite=Strict",
    ]);
    const again = await fixture.open();
    assert.equal(again.credentialOf(asking(cookie)), null);
    assert.ok(again.credentialOf(asking(other)), "nobody else is signed out");
    assert.equal((await fixture.stored()).length, 1);
  });
});

Deno.test("session that cannot be ended on disk is over for this process, and can be ended again", async () => {
  await withSessions(async (fixture, sessions) => {
    const cookie = await begun(sessions);
    fixture.isFailing = true;
    await assert.rejects(sessions.end(asking(cookie)));
    await assert.rejects(sessions.begin("tok", CLIENT));
    assert.equal(sessions.credentialOf(asking(cookie)), null);
    fixture.isFailing = false;
    await sessions.end(asking(cookie));
    assert.deepEqual([(await fixture.stored()).length, sessions.size, (await fixture.open()).size], [0, 0, 0]);
  });
});

for (const by of [-1, 0, 1]) {
  Deno.test(`sessions of one token at their limit ${by >= 0 ? "+" : ""}${by} are ${by > 0 ? "one fewer" : "all in force"}`, async () => {
    await withSessions(async (fixture, sessions) => {
      fixture.holders.set("other", { name: "ben", scopes: ["read"], proof: "1" });
      const foreign = await begun(sessions, "other"), cookies: string[] = [];
      for (let i = 0; i < sessionsPerTokenMax + by; i++) {
        fixture.clock.pass(1);
        // The second one has been unused for the longest.
        if (i === 2) sessions.credentialOf(asking(cookies[0]));
        cookies.push(await begun(sessions));
      }
      const gone = cookies.filter((cookie) => sessions.credentialOf(asking(cookie)) === null);
      assert.deepEqual(gone, by > 0 ? [cookies[1]] : []);
      assert.ok(sessions.credentialOf(asking(foreign)), "another token's stay");
      assert.equal((await fixture.stored()).length, sessions.size);
      assert.equal(sessions.size, Math.min(sessionsPerTokenMax, sessionsPerTokenMax + by) + 1);
    });
  });
}

Deno.test("use that is still being written does not bring a session back that made room", async () => {
  await withSessions(async (fixture, sessions) => {
    const cookies: string[] = [];
    while (cookies.length < sessionsPerTokenMax) cookies.push(await begun(sessions));
    fixture.clock.pass(300_000);
    const beginning = begun(sessions);
    for (const cookie of cookies) assert.ok(sessions.credentialOf(asking(cookie))); // written behind the one that begins
    await beginning;
    await sessions.end(asking("")); // writes go one after another
    assert.deepEqual([(await fixture.stored()).length, sessions.size], [sessionsPerTokenMax, sessionsPerTokenMax]);
  });
});

Deno.test("damaged session lets nobody in, whichever byte of it is", async () => {
  let bytes = 0;
  await withSessions(async (fixture, sessions) => {
    const cookie = await begun(sessions), [{ key, value }] = await Array.fromAsync(fixture.file.list<Uint8Array>({ prefix: [] }));
    for (let at = 0; at < value.length; at++) {
      const damaged = value.slice();
      damaged[at] ^= 1;
      await fixture.file.set(key, damaged);
      const opened = await fixture.open().catch(() => null);
      assert.equal(opened?.credentialOf(asking(cookie)) ?? null, null, `byte ${at}`);
      bytes++;
    }
  });
  tell("Sessions of the dashboard, damaged", { bytes, let_in: 0 });
});
