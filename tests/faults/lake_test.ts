// Whatever call to storage fails while the lake is written, compacted and counted, once or for want of room, before it takes effect or with its
// answer lost: the product says so clearly, tears nothing, and in the end has what it would have had.

import { everyCall, LIVES, type Way } from "./every_call.ts";
import { keepLake, makeDay } from "./lake_script.ts";

const ways: readonly Way[] = [
  { name: "fails once", fault: { on: false, landed: false }, heal: "running" },
  { name: "fails from then on for want of room, until there is some", fault: { on: true, landed: false, room: true }, heal: "running" },
  { name: "takes effect and its answer is lost, once", fault: { on: false, landed: true }, heal: "running" },
];

Deno.test(`every call to storage that fails is told, and nothing is lost or doubled, while the lake is kept (${LIVES} lives)`, () =>
  everyCall("lake and day jobs", { make: makeDay, live: keepLake }, ways));
