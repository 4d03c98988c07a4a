// One anomaly in the list, and below it what it opens to. What always holds: a row is drawn again only when what it says has changed, so that
// news of one do not cost the drawing of a hundred.

import { Component } from "preact";
import type { Anomaly } from "../../shell/answers.ts";
import { count, instant } from "../../shell/format.ts";
import { filterHref, toggleOpen, typeWords } from "./choices.ts";
import { Opened } from "./opened.tsx";
import { VerdictCell } from "./verdict_buttons.tsx";

interface RowProps {
  readonly anomaly: Anomaly;
  readonly open: boolean;
  /** All that the rows' links and times depend on beside: the address, the time zone. */
  readonly around: string;
  readonly columns: number;
}

export const statusSigns: Record<Anomaly["status"], string> = { confirmed: "", provisional: "info", retracted: "muted" };

export class Row extends Component<RowProps> {
  override shouldComponentUpdate(next: RowProps): boolean {
    const { anomaly, open, around } = this.props;
    return next.anomaly !== anomaly || next.open !== open || next.around !== around;
  }

  override render({ anomaly, open, columns }: RowProps) {
    const { anomaly_id, session_id, anomaly_type, severity, status, click_count, unique_items, unique_items_capped, reason } = anomaly;
    const session = String(session_id);
    const panel = `opened-${anomaly_id}`;
    return (
      <>
        <tr class={open ? "open" : status === "retracted" ? "retracted" : ""}>
          <th scope="row">
            <button
              type="button"
              class="opener"
              aria-expanded={open}
              aria-controls={open ? panel : undefined}
              onClick={() => toggleOpen(anomaly)}
            >
              <span class="arrow" aria-hidden="true">{open ? "▼" : "▶"}</span>
              <span>{instant(anomaly.window_start)}</span>
            </button>
          </th>
          <td class="id">
            <a href={filterHref({ session })} aria-label={`Session ${session}: its anomalies alone`}>
              <bdi>{session}</bdi>
            </a>
          </td>
          <td>{typeWords(anomaly_type)}</td>
          <td>
            <span class={`sign ${severity}`}>{severity}</span>
          </td>
          <td>
            <span class={`sign ${statusSigns[status]}`}>{status}</span>
          </td>
          <td class="numeric">{count(click_count)}</td>
          <td class="numeric">{unique_items_capped ? "≥ " : ""}{count(unique_items)}</td>
          <td class="reason">
            <bdi>{reason}</bdi>
          </td>
          <td>
            <VerdictCell anomaly={anomaly} />
          </td>
        </tr>
        {open && (
          <tr class="opened" id={panel}>
            <td colSpan={columns}>
              <Opened anomaly={anomaly} />
            </td>
          </tr>
        )}
      </>
    );
  }
}
