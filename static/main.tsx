// The dashboard: finds out who is there and about the shop, follows the feed, and shows the page that the address names.

import { render } from "preact";
import { Door } from "./shell/door.tsx";
import { followFeed, leaveFeed, onUpdate } from "./shell/feed.ts";
import { startOver } from "./shell/resource.ts";
import { onSignedIn, sessionKnown } from "./shell/session.ts";
import "./app.css";

sessionKnown();
render(<Door />, document.getElementById("app")!);
followFeed();
onSignedIn((isIn) => {
  if (!isIn) return leaveFeed();
  startOver();
  followFeed();
});

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
