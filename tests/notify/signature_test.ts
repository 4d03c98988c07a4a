// Signatures and secrets, judged by the specification's own implementation and its vector.

import assert from "node:assert/strict";
import { Webhook } from "standardwebhooks";
import { secretBytes, signedHeaders } from "../../src/notify/signature.ts";

const SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

function secretOf(bytes: number): string {
  return `whsec_${btoa(String.fromCharCode(...new Uint8Array(bytes).map((_, i) => (i * 37) & 255)))}`;
}

Deno.test("signature is that of the vector that implementations of the specification share", () => {
  const headers = signedHeaders(secretBytes(SECRET)!, "msg_p5jXN8AQM9LWM0D4loKWxJek", 1_614_265_330_999, '{"test": 2432232314}');
  assert.deepEqual(headers, {
    "webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
    "webhook-timestamp": "1614265330",
    "webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
  });
});

Deno.test("signature is verified by another implementation for secrets of every length, and not with another body", () => {
  for (let length = 24; length <= 64; length++) {
    const secret = secretOf(length), body = JSON.stringify({ reason: "Gäste, 50 % schneller – 🤖", length });
    const headers = signedHeaders(secretBytes(secret)!, "an id", Date.now(), body);
    const judge = new Webhook(secret);
    assert.deepEqual(judge.verify(body, headers), JSON.parse(body));
    assert.throws(() => judge.verify(body.replace("50", "51"), headers), /No matching signature/);
    assert.throws(() => judge.verify(body, { ...headers, "webhook-id": "another" }), /No matching signature/);
  }
});

Deno.test("secret is taken from 24 to 64 bytes of base64 behind its prefix, and nothing else is", () => {
  for (const [bytes, fits] of [[23, false], [24, true], [25, true], [63, true], [64, true], [65, false]] as const) {
    assert.equal(secretBytes(secretOf(bytes))?.length ?? null, fits ? bytes : null, `${bytes} bytes`);
  }
  const good = secretOf(32);
  const wrong = ["", "whsec_", good.slice(6), good.replace("=", ""), `${good}=`, good.replace("whsec_", "whsec-"), `${good}\n`];
  for (const secret of [...wrong, good.slice(0, -4) + "?===", secretOf(32).replaceAll("A", "-")]) {
    if (secret !== good) assert.equal(secretBytes(secret), null, JSON.stringify(secret));
  }
});
