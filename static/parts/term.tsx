// A name of a figure with what it means: the definition shows while the sign beside the name is pointed at or focused, and Escape hides it.

import { useId, useState } from "preact/hooks";
import type { ComponentChildren } from "preact";
import { definitionOf, type Meaning } from "../shell/definitions.ts";

export function Term({ children, name, means, note }: {
  children: ComponentChildren;
  /** The name as a text, for those who hear it. */
  name: string;
  means?: Meaning;
  /** Said behind the definition, or in its place. */
  note?: string;
}) {
  const id = useId();
  const [closed, setClosed] = useState(false);
  const text = [means === undefined ? null : definitionOf(means), note].filter((part) => part !== null && part !== undefined).join(" ");
  if (text === "") return <span class="term">{children}</span>;
  return (
    <span
      class={closed ? "term closed" : "term"}
      onKeyDown={(event) => event.key === "Escape" && setClosed(true)}
      onFocusCapture={() => setClosed(false)}
      onMouseEnter={() => setClosed(false)}
    >
      {children}
      <button type="button" class="help" aria-label={`${name}: what it means`} aria-describedby={id}>?</button>
      <span role="tooltip" id={id} class="tip">{text}</span>
    </span>
  );
}
