// No text makes a regular expression slow: each one of the product is analysed, and where its automaton cannot be (it looks ahead or back,
// or counts), attacked with texts that are bred to cost many steps of a matcher that counts them. Nothing here measures time. That DuckDB's
// are linear as well is RE2's promise.
// GUARDIAN_TEST_REGEXES=all analyses all; everyday it is the short ones, of which most are and which cost least.

import assert from "node:assert/strict";
import { checkSync } from "recheck";
import { tell } from "../support/proof.ts";
import { heard, type Regex, regexesOfSource, root } from "./regexes.ts";

const OPTIONS = { timeout: 60_000, randomSeed: 8 };
// The part of the package that runs in this process: others of its parts start programs.
Deno.env.set("RECHECK_SYNC_BACKEND", "pure");

/**
 * Nothing in these repeats without a bound, which the automaton proves: each character of a text costs a number of steps that does not grow.
 * That number is too large for the attacks to tell it from growth.
 */
const BOUNDED = ["){6}|(?:[0-9a-f]{1,4}(?::[0-9a-f]{1,4}){0,5})?::"]; // an IPv6 address anywhere in a text

const isWhole = Deno.env.get("GUARDIAN_TEST_REGEXES") === "all";
/** Characters of those that are analysed everyday. */
const SHORT = 16;

/** What is wrong with a regular expression, or null. */
function wrongWith({ source, flags, at }: Regex): string | null {
  const checker = BOUNDED.some((text) => source.includes(text)) ? "automaton" : "auto";
  const growth = checkSync(source, flags, { ...OPTIONS, checker });
  if (growth.status === "safe") return null;
  const why = growth.status === "unknown" ? growth.error.kind : `${growth.complexity.summary}: ${growth.attack.pattern}`;
  return `${at} /${source}/${flags}: ${why}`;
}

const found = regexesOfSource();

Deno.test("a regular expression takes steps in proportion to its text when the text is made to attack it", async () => {
  const files = [...new Set(found.made.map((at) => at.split(":")[0]))];
  const made = await heard(async () => {
    for (const file of files) await import(`file://${root}${file}`);
    const { withLab } = await import("../web/lab.ts");
    await withLab(async ({ fetch }) => void await (await fetch("/stats")).text());
  });
  assert.deepEqual(found.made.filter((at) => !made.some((regex) => regex.at === at)), [], "each place that makes one has made one here");
  const { literals, formats } = found, all = [...literals, ...formats, ...made];
  assert.ok(literals.length >= 80 && made.length > 20, `${literals.length} literals and ${made.length} that are made`);
  assert.ok(formats.length >= 4, `${formats.length} formats of schemas`);
  const each = [...new Map(all.map((regex) => [`/${regex.source}/${regex.flags}`, regex])).values()];
  for (const text of BOUNDED) assert.equal(each.filter(({ source }) => source.includes(text)).length, 1, text);
  const analysed = each.filter(({ source }) => isWhole || source.length <= SHORT);
  assert.deepEqual(analysed.map(wrongWith).filter((wrong) => wrong !== null), []);
  tell("regular expressions", {
    files: found.files,
    places: all.length,
    regexes: each.length,
    analysed: analysed.length,
    beyond_linear: 0,
  });
});

// The check itself: kinds of growth that were in the product once, or could be.
const SLOW = {
  "repeats a repeat": /^(a+)+$/,
  "has two ways through one text": /^(a|a)*$/,
  "looks for a run at the end": /\/+$/,
  "begins anew at each opening": /\{(.+?)\}/g,
  "looks back, and has two neighbours of one kind": /(?<=x)\d+\d+$/,
};
for (const [what, { source, flags }] of Object.entries(SLOW)) {
  Deno.test(`a regular expression is found slow when it ${what}`, () => {
    assert.notEqual(wrongWith({ source, flags, at: "here" }), null);
  });
}
