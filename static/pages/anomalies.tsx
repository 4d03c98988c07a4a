// Who was taken for a bot, and why: the counts, when they came, and every anomaly with its reason and evidence, as they come in. What always
// holds: the list stays where it is while a person is in it, and what a person says of a session is shown as saved only once it is.

import { traffic } from "../shell/address.ts";
import { Figures } from "./anomalies/figures.tsx";
import { AnomalyList } from "./anomalies/list.tsx";

export function Anomalies() {
  return (
    <div class="page">
      {traffic.value === "humans" && (
        <p class="aside">These are the sessions that “Humans” leaves out of the figures; here they are shown whatever is chosen.</p>
      )}
      <Figures />
      <AnomalyList />
      <p>
        Turn them away in your shop: the blocklist has the sessions of the last 24 hours, less those that are not bots. Take it{" "}
        <a href="/blocklist?format=csv" download="blocklist.csv">as CSV</a> or{" "}
        <a href="/blocklist?format=lines" download="blocklist.txt">as one session a line</a>.
      </p>
    </div>
  );
}
