// A figure that stands for itself: its name with what it means, its value, and what it is to be compared with.

import type { ComponentChildren } from "preact";
import type { Meaning } from "../shell/definitions.ts";
import { Term } from "./term.tsx";

export interface TileProps {
  readonly name: string;
  readonly value: ComponentChildren;
  readonly means?: Meaning;
  readonly note?: string;
  /** Below the value: a comparison, or what it is of. */
  readonly beside?: ComponentChildren;
}

export function Tiles({ label, children }: { label: string; children: ComponentChildren }) {
  return <dl class="tiles" aria-label={label}>{children}</dl>;
}

export function Tile({ name, value, means, note, beside }: TileProps) {
  return (
    <div class="tile">
      <dt>
        <Term name={name} means={means} note={note}>{name}</Term>
      </dt>
      <dd class="figure">
        <bdi>{value}</bdi>
      </dd>
      {beside !== undefined && beside !== null && beside !== false && <dd class="beside">{beside}</dd>}
    </div>
  );
}
