// The dashboard: finds out about the shop, follows the feed, and shows the page that the address names.

import { render } from "preact";
import { followFeed, onUpdate } from "./shell/feed.ts";
import { Frame } from "./shell/frame.tsx";
import { startOver } from "./shell/resource.ts";
import "./app.css";

render(<Frame />, document.getElementById("app")!);
followFeed();

/** Runs end in bursts, when many days are counted: what is on the page is asked for once a burst, ms. */
const BURST_MS = 1_000;
let waiting = false;
onUpdate("run", ({ state }) => {
  if (state === "running" || waiting) return;
  waiting = true;
  setTimeout(() => {
    waiting = false;
    startOver();
  }, BURST_MS);
});
