// Light or dark: as the system says, unless a person has chosen here. Charts are drawn on a canvas, so they ask for the colours.

import { effect, signal } from "@preact/signals";

export type ThemeChoice = "system" | "light" | "dark";

const KEY = "theme";
const dark = matchMedia("(prefers-color-scheme: dark)");
const system = signal(dark.matches);
dark.addEventListener("change", () => system.value = dark.matches);

export const themeChoice = signal<ThemeChoice>(kept());
/** What is in force now; changes when charts have to be drawn anew. */
export const theme = signal<"light" | "dark">("light");

export const reducedMotion = matchMedia("(prefers-reduced-motion: reduce)");

effect(() => {
  const choice = themeChoice.value;
  const next = choice === "system" ? (system.value ? "dark" : "light") : choice;
  document.documentElement.dataset.theme = next;
  theme.value = next;
});

export function chooseTheme(choice: ThemeChoice): void {
  themeChoice.value = choice;
  try {
    localStorage.setItem(KEY, choice);
  } catch {
    // A browser that keeps nothing forgets this too.
  }
}

function kept(): ThemeChoice {
  try {
    const found = localStorage.getItem(KEY);
    return found === "light" || found === "dark" ? found : "system";
  } catch {
    return "system";
  }
}

/** A colour of the style sheet by its name, as in `--accent`. */
export function colour(name: string): string {
  return getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();
}

/** Colours of series, in order. */
export function seriesColours(): string[] {
  return [1, 2, 3, 4, 5, 6].map((n) => colour(`series-${n}`));
}
