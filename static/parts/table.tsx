// A table of figures: sorted by a click on a head, exported as CSV or JSON. Rows hold raw values; how they look is the columns' matter.

import { useId, useRef, useState } from "preact/hooks";
import type { ComponentChildren } from "preact";
import type { Meaning } from "../shell/definitions.ts";
import { type Cell, csvOf, jsonOf, saveText } from "../shell/export.ts";
import { count } from "../shell/format.ts";
import { Term } from "./term.tsx";

export interface Column<Row> {
  /** Name in exports: as the API calls it. */
  readonly key: string;
  readonly label: string;
  readonly value: (row: Row) => Cell;
  /** How it is shown; the value itself where it is left out. */
  readonly show?: (row: Row) => ComponentChildren;
  readonly numeric?: boolean;
  readonly means?: Meaning;
  readonly note?: string;
}

export interface TableProps<Row> {
  readonly caption: string;
  readonly columns: readonly Column<Row>[];
  readonly rows: readonly Row[];
  readonly rowKey: (row: Row) => string;
  /** Name of exported files, without an ending. */
  readonly fileName: string;
  readonly captionHidden?: boolean;
  readonly exports?: boolean;
  /** Rows shown at first, where many would make the page slow or long; files have them all. */
  readonly rowsFirst?: number;
}

export function Table<Row>(props: TableProps<Row>) {
  const { caption, columns, rows, rowKey, fileName, captionHidden = false, exports = true, rowsFirst = Infinity } = props;
  const [sort, setSort] = useState<{ key: string; down: boolean } | null>(null);
  const [whole, setWhole] = useState(false);
  const id = useId(), region = useRef<HTMLDivElement>(null);
  const all = sort === null ? rows : sorted(rows, columns.find(({ key }) => key === sort.key), sort.down);
  const shown = whole ? all : all.slice(0, rowsFirst);
  const showAll = () => {
    setWhole(true);
    region.current?.focus({ preventScroll: true }); // as the button goes
  };
  const next = (key: string, numeric: boolean) =>
    setSort(sort?.key !== key ? { key, down: numeric } : sort.down === numeric ? { key, down: !numeric } : null);
  return (
    <div class="table-block">
      <div class="scroll" role="region" aria-labelledby={id} tabIndex={0} ref={region}>
        <table>
          <caption id={id} class={captionHidden ? "visually-hidden" : ""}>{caption}</caption>
          <thead>
            <tr>
              {columns.map(({ key, label, numeric = false, means, note }) => (
                <th
                  key={key}
                  scope="col"
                  class={numeric ? "numeric" : ""}
                  aria-sort={sort?.key === key ? (sort.down ? "descending" : "ascending") : undefined}
                >
                  <Term name={label} means={means} note={note}>
                    <button type="button" class="sort" onClick={() => next(key, numeric)}>
                      {label}
                      <span aria-hidden="true" class="arrow">{sort?.key === key ? (sort.down ? "▼" : "▲") : ""}</span>
                    </button>
                  </Term>
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {shown.map((row) => (
              <tr key={rowKey(row)}>
                {columns.map(({ key, value, show, numeric }, i) => {
                  const content = <bdi>{show === undefined ? value(row) : show(row)}</bdi>;
                  return i === 0
                    ? <th key={key} scope="row" class={numeric ? "numeric" : ""}>{content}</th>
                    : <td key={key} class={numeric ? "numeric" : ""}>{content}</td>;
                })}
              </tr>
            ))}
          </tbody>
        </table>
      </div>
      <div class="choices">
        {exports && <ExportButtons fileName={fileName} columns={columns} rows={all} what={caption} />}
        {shown.length < all.length && <button type="button" onClick={showAll}>Show all {count(all.length)} rows</button>}
      </div>
    </div>
  );
}

function sorted<Row>(rows: readonly Row[], column: Column<Row> | undefined, down: boolean): readonly Row[] {
  if (column === undefined) return rows;
  const side = down ? -1 : 1;
  return rows.toSorted((a, b) => {
    const x = column.value(a), y = column.value(b);
    if (x === null || x === undefined) return y === null || y === undefined ? 0 : 1; // what is not there stays last
    if (y === null || y === undefined) return -1;
    if (typeof x === "number" && typeof y === "number") return side * (x - y);
    return side * String(x).localeCompare(String(y), "en", { numeric: true });
  });
}

export function ExportButtons<Row>({ fileName, columns, rows, what }: {
  fileName: string;
  columns: readonly Pick<Column<Row>, "key" | "value">[];
  rows: readonly Row[];
  what: string;
}) {
  const names = columns.map(({ key }) => key);
  const cells = () => rows.map((row) => columns.map(({ value }) => value(row)));
  return (
    <div class="exports">
      <button type="button" aria-label={`${what} as CSV`} onClick={() => saveText(`${fileName}.csv`, "text/csv", csvOf(names, cells()))}>
        CSV
      </button>
      <button
        type="button"
        aria-label={`${what} as JSON`}
        onClick={() => saveText(`${fileName}.json`, "application/json", jsonOf(names, cells()))}
      >
        JSON
      </button>
    </div>
  );
}
