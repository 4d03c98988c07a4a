// The figures of a window against the limits of its rule: a bar each, and the same in words.

import type { Anomaly, Rule } from "../../shell/answers.ts";
import { count, counted } from "../../shell/format.ts";

/** A figure on a scale from 0 with a limit on it; the bar is for the eye alone, the words say all. */
function Meter({ name, value, limit, over, words }: { name: string; value: number; limit: number; over: boolean; words: string }) {
  const scale = Math.max(value, limit) * 1.15;
  const share = (figure: number) => `${Math.min(100, (100 * figure) / scale)}%`;
  return (
    <div class="meter">
      <dt>{name}</dt>
      <dd>
        <span class="bar" aria-hidden="true">
          <span class={over ? "filled over" : "filled"} style={{ width: share(value) }} />
          <span class="limit" style={{ left: share(limit) }} />
        </span>
        {words}
      </dd>
    </div>
  );
}

export function Meters({ anomaly, rules }: { anomaly: Anomaly; rules: readonly Rule[] | null }) {
  const rule = rules?.find(({ anomaly_type }) => anomaly_type === anomaly.anomaly_type);
  const { click_count: clicks, unique_items: items, unique_items_capped: capped, rule_version: version } = anomaly;
  if (rule === undefined) {
    return <p>{counted(clicks, "click")} on {capped ? "at least " : ""}{counted(items, "different item")}.</p>;
  }
  const { clicks_min: least, items_max: most, window_s: length } = rule;
  const itemsWords = `${capped ? "at least " : ""}${counted(items, "different item")}`;
  return (
    <>
      <dl class="meters" aria-label="The window against the rule">
        <Meter
          name={`Clicks in ${length} seconds`}
          value={clicks}
          limit={least}
          over={clicks >= least}
          words={`${counted(clicks, "click")}; the rule fires from ${count(least)} on.`}
        />
        {most === null
          ? (
            <div class="meter">
              <dt>Different items</dt>
              <dd>{itemsWords}; this rule fires on any number of them.</dd>
            </div>
          )
          : (
            <Meter
              name="Different items"
              value={items}
              limit={most}
              over={items <= most}
              words={`${itemsWords}; people look at more than ${count(most)}.`}
            />
          )}
      </dl>
      {version !== rule.version && (
        <p class="aside">
          Found by version {version} of the rule; the limits shown are those of version {rule.version}, which is in force now.
        </p>
      )}
    </>
  );
}
