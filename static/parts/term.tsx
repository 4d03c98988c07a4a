// A name of a figure with what it means: the definition shows while the sign beside the name is pointed at or focused, and Escape hides it.
// What always holds: it lies above everything and within the window, also beside a table that scrolls and at the edge of the page.

import { useEffect, useId, useRef, useState } from "preact/hooks";
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
  const sign = useRef<HTMLButtonElement>(null), tip = useRef<HTMLSpanElement>(null);
  const [open, setOpen] = useState(false);
  const text = [means === undefined ? null : definitionOf(means), note].filter((part) => part !== null && part !== undefined).join(" ");
  useEffect(() => open && sign.current !== null && tip.current !== null ? showBeside(tip.current, sign.current) : undefined, [open]);
  if (text === "") return <span class="term">{children}</span>;
  return (
    <span
      class="term"
      onKeyDown={(event) => event.key === "Escape" && setOpen(false)}
      onMouseLeave={() => document.activeElement !== sign.current && setOpen(false)}
    >
      {children}
      <button
        ref={sign}
        type="button"
        class="help"
        aria-label={`${name}: what it means`}
        aria-describedby={id}
        onMouseEnter={() => setOpen(true)}
        onFocus={() => setOpen(true)}
        onBlur={() => setOpen(false)}
      >
        ?
      </button>
      <span ref={tip} role="tooltip" id={id} class="tip" popover="manual">{text}</span>
    </span>
  );
}

/** Between a definition and the edge of the window, px. */
const EDGE_PX = 8;

/** Shows a definition below its sign, or above it where there is no room; the function that is returned hides it. */
function showBeside(tip: HTMLElement, sign: HTMLElement): () => void {
  const place = () => {
    const { left, top, bottom } = sign.getBoundingClientRect(), { width, height } = tip.getBoundingClientRect();
    const { clientWidth, clientHeight } = document.documentElement;
    tip.style.left = `${Math.max(EDGE_PX, Math.min(left, clientWidth - width - EDGE_PX))}px`;
    tip.style.top = `${bottom + height <= clientHeight ? bottom : Math.max(0, top - height)}px`;
  };
  tip.showPopover();
  place();
  globalThis.addEventListener("scroll", place, { capture: true, passive: true });
  globalThis.addEventListener("resize", place);
  return () => {
    globalThis.removeEventListener("scroll", place, { capture: true });
    globalThis.removeEventListener("resize", place);
    if (tip.isConnected) tip.hidePopover();
  };
}
