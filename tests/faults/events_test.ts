// Whatever call to storage fails while events come in, be it once or from then on, before it takes effect or with its answer lost: the product
// says so clearly, tears nothing, and in the end has what it would have had.

import { liveOn } from "./events_script.ts";
import { everyCall, LIVES, type Way } from "./every_call.ts";

const ways: readonly Way[] = [
  { name: "fails once", fault: { on: false, landed: false }, heal: "running" },
  { name: "fails from then on, until the disk is mended", fault: { on: true, landed: false }, heal: "running" },
  { name: "fails from then on, until a restart", fault: { on: true, landed: false }, heal: "stopped" },
  { name: "takes effect and its answer is lost, once", fault: { on: false, landed: true }, heal: "running" },
  { name: "takes effect and its answer is lost, from then on", fault: { on: true, landed: true }, heal: "stopped" },
];

Deno.test(`every call to storage that fails is told, and nothing is lost or doubled, while events come in (${LIVES} lives)`, () =>
  everyCall("events", { live: liveOn }, ways));
