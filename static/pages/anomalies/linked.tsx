// An anomaly that the address opens and that is on no page which is shown: found by its session, whatever became of it.

import { Loaded, Notice } from "../../parts/notice.tsx";
import { choose } from "../../shell/address.ts";
import { pathOfOne } from "./filters.ts";
import { Opened } from "./opened.tsx";
import { useLiveRows } from "./use_live_rows.ts";

interface LinkedProps {
  readonly id: string;
  readonly session: string | null;
  readonly at: string | null;
}

export function Linked({ id, session, at }: LinkedProps) {
  const path = session === null ? null : pathOfOne(session, at);
  const { list, resource } = useLiveRows({ path, newestPage: false, isStill: () => false, fits: () => false });
  const anomaly = list.rows.find(({ anomaly_id }) => anomaly_id === id);
  const close = <button type="button" onClick={() => choose({ open: null, of: null, at: null })}>Close</button>;
  if (session === null) return <NotFound why="The link does not say of which session it is; choose the session below.">{close}</NotFound>;
  return (
    <section class="section" aria-labelledby="linked">
      <h2 id="linked">Opened by a link</h2>
      <Loaded of={resource} what="the anomaly">
        {() =>
          anomaly === undefined
            ? <NotFound why="It is not kept any more, or the link is of another shop.">{close}</NotFound>
            : (
              <div class="card">
                {close}
                <Opened key={id} anomaly={anomaly} />
              </div>
            )}
      </Loaded>
    </section>
  );
}

function NotFound({ why, children }: { why: string; children: preact.ComponentChildren }) {
  return <Notice kind="warning" title="This anomaly cannot be shown">{why} {children}</Notice>;
}
