// A chart as everybody can use it: a figure with a caption and a summary in words, the table behind it, files of both, and a cursor that the
// arrow keys move from point to point, each told in words. What draws the chart is handed in.

import { useId, useRef, useState } from "preact/hooks";
import type { ComponentChildren, Ref } from "preact";
import type { Meaning } from "../shell/definitions.ts";
import { saveBlob } from "../shell/export.ts";
import { type Column, ExportButtons, Table } from "./table.tsx";
import { Term } from "./term.tsx";

/** What a drawn chart can be told. index: the row of the table behind it. */
export interface ChartHandle {
  point(index: number): void;
  unpoint(): void;
  picture(): Promise<Blob>;
}

export interface ChartFigureProps<Row> {
  readonly title: string;
  readonly means?: Meaning;
  readonly note?: string;
  /** What the chart shows, in a sentence with its figures. */
  readonly summary: string;
  readonly columns: readonly Column<Row>[];
  readonly rows: readonly Row[];
  readonly rowKey: (row: Row) => string;
  readonly fileName: string;
  /** Draws into the space that it gets, and sets the handle. */
  readonly chart: (handle: Ref<ChartHandle>) => ComponentChildren;
  /** In the place of the chart when there are no rows. */
  readonly empty?: string;
  /** What else could be shown: a choice below the summary. */
  readonly choice?: ComponentChildren;
}

export function ChartFigure<Row>(props: ChartFigureProps<Row>) {
  const { title, means, note, summary, columns, rows, rowKey, fileName, chart, choice, empty = "Nothing to show for this choice." } = props;
  const handle = useRef<ChartHandle>(null);
  const [asTable, setAsTable] = useState(false);
  const [at, setAt] = useState<number | null>(null);
  const id = useId();
  const told = at !== null && at < rows.length ? pointInWords(columns, rows[at]) : "";
  const move = (index: number | null) => {
    setAt(index);
    if (index === null) handle.current?.unpoint();
    else handle.current?.point(index);
  };
  const onKeyDown = (event: KeyboardEvent) => {
    const next = nextPoint(event.key, at, rows.length);
    if (next === undefined) return;
    event.preventDefault();
    move(next);
  };
  const savePicture = async () => handle.current !== null && saveBlob(`${fileName}.png`, await handle.current.picture());
  return (
    <figure class="card chart" aria-labelledby={id}>
      <figcaption>
        <h3 id={id}>
          <Term name={title} means={means} note={note}>{title}</Term>
        </h3>
        <p class="summary">{summary}</p>
      </figcaption>
      {choice}
      {rows.length === 0
        ? <p class="empty">{empty}</p>
        : asTable
        ? <Table caption={title} captionHidden columns={columns} rows={rows} rowKey={rowKey} fileName={fileName} exports={false} />
        : (
          <div
            class="plot"
            role="group"
            aria-roledescription="chart"
            aria-label={`${title}. ${summary} Arrow keys move from point to point.`}
            tabIndex={0}
            onKeyDown={onKeyDown}
            onBlur={() => move(null)}
          >
            {chart(handle)}
          </div>
        )}
      <p class="visually-hidden" aria-live="polite">{told}</p>
      {rows.length > 0 && (
        <div class="tools">
          <button type="button" aria-pressed={asTable} aria-label={`${title} as a table`} onClick={() => setAsTable(!asTable)}>
            Table
          </button>
          <ExportButtons fileName={fileName} columns={columns} rows={rows} what={title} />
          {!asTable && <button type="button" aria-label={`${title} as a PNG picture`} onClick={savePicture}>PNG</button>}
        </div>
      )}
    </figure>
  );
}

/** Where a key moves the cursor; undefined for a key that is not its own. */
function nextPoint(key: string, at: number | null, length: number): number | null | undefined {
  switch (key) {
    case "ArrowRight":
      return Math.min((at ?? -1) + 1, length - 1);
    case "ArrowLeft":
      return Math.max((at ?? length) - 1, 0);
    case "Home":
      return 0;
    case "End":
      return length - 1;
    case "Escape":
      return null;
  }
}

function pointInWords<Row>(columns: readonly Column<Row>[], row: Row): string {
  return columns.map(({ label, value, show }) => {
    const shown = show?.(row);
    return `${label}: ${typeof shown === "string" || typeof shown === "number" ? shown : value(row) ?? "none"}`;
  }).join(", ");
}
