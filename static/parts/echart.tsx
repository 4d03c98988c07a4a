// A chart by ECharts. The option is its whole description; what all charts share (colours, type, no motion where none is wanted, tooltips
// drawn on the canvas, as the page's policy lets no style in through HTML) is set here.

import { useEffect, useImperativeHandle, useRef, useState } from "preact/hooks";
import type { Ref } from "preact";
import { blobOf } from "../shell/export.ts";
import { colour, reducedMotion, seriesColours, theme } from "../shell/theme.ts";
import type { ChartHandle } from "./chart_figure.tsx";
import type { EChartsType } from "./echarts_parts.ts";

/** As ECharts describes a chart; its documentation has the names. */
export type Option = Record<string, unknown>;

/** A point of a chart. */
export interface Point {
  readonly seriesIndex: number;
  readonly dataIndex: number;
}

const firstSeries = (row: number): Point => ({ seriesIndex: 0, dataIndex: row });

export interface EChartProps {
  /** Made anew when the theme changes, as colours are in it. */
  readonly option: () => Option;
  readonly handle: Ref<ChartHandle>;
  readonly height?: number;
  /** What draws a row of the table behind the chart; the first series, one point a row, where it is left out. */
  readonly pointAt?: (row: number) => Point;
}

export function EChart({ option, handle, height = 280, pointAt = firstSeries }: EChartProps) {
  const box = useRef<HTMLDivElement>(null), chart = useRef<EChartsType | null>(null);
  const drawn = useRef(Promise.withResolvers<EChartsType>()).current;
  const [ready, setReady] = useState(false);
  const inForce = theme.value;

  useEffect(() => {
    const host = box.current!;
    let gone = false, resized: ResizeObserver | undefined;
    const begin = (init: typeof import("./echarts_parts.ts").init) => {
      if (gone) return;
      const made = chart.current = init(host, undefined, { renderer: "canvas" });
      resized = new ResizeObserver(() => {
        if (host.clientWidth !== made.getWidth() || host.clientHeight !== made.getHeight()) made.resize();
      });
      resized.observe(host);
      setReady(true);
    };
    const unwatch = whenSeen(host, () => import("./echarts_parts.ts").then(({ init }) => inTurn(() => begin(init))));
    return () => {
      gone = true;
      unwatch();
      resized?.disconnect();
      chart.current?.dispose();
      chart.current = null;
    };
  }, []);

  useEffect(() => {
    if (!ready) return;
    const made = chart.current;
    inTurn(() => {
      if (made === null || made.isDisposed()) return;
      made.setOption({ ...common(), ...option() }, { notMerge: true });
      drawn.resolve(made);
    });
  }, [ready, option, inForce]);

  useImperativeHandle(handle, () => ({
    point: (row) => {
      chart.current?.dispatchAction({ type: "downplay" });
      chart.current?.dispatchAction({ type: "highlight", ...pointAt(row) });
      chart.current?.dispatchAction({ type: "showTip", ...pointAt(row) });
    },
    unpoint: () => {
      chart.current?.dispatchAction({ type: "downplay" });
      chart.current?.dispatchAction({ type: "hideTip" });
    },
    picture: async () => blobOf((await drawn.promise).renderToCanvas({ pixelRatio: 2, backgroundColor: colour("surface") })),
  }), [ready, pointAt]);

  return <div ref={box} class="echart" style={{ height: `${height}px` }} />;
}

/** How near to the window a chart is drawn, and after how long anyhow: what is printed must not be blank. */
const NEAR = "300px", ANYHOW_MS = 3_000;

/** Calls once when an element comes near the window, or after a while, unless the function that is returned was called before. */
function whenSeen(element: Element, act: () => void): () => void {
  const once = () => {
    stop();
    act();
  };
  const timer = setTimeout(once, ANYHOW_MS);
  const seen = new IntersectionObserver((entries) => entries.some(({ isIntersecting }) => isIntersecting) && once(), { rootMargin: NEAR });
  seen.observe(element);
  const stop = () => {
    clearTimeout(timer);
    seen.disconnect();
  };
  return stop;
}

let turn: Promise<void> = Promise.resolve();

/** Draws charts one after another, each in a task of its own, so that a page with many of them goes on to answer keys and clicks. */
function inTurn(draw: () => void): void {
  turn = turn.then(() =>
    new Promise((done) =>
      setTimeout(() => {
        try {
          draw();
        } finally {
          done();
        }
      })
    )
  );
}

function common(): Option {
  return {
    animation: !reducedMotion.matches,
    animationDuration: 200,
    color: seriesColours(),
    textStyle: { fontFamily: "system-ui, sans-serif", color: colour("text") },
    grid: { left: 8, right: 16, top: 36, bottom: 8, containLabel: true },
    legend: { top: 0, textStyle: { color: colour("text") }, inactiveColor: colour("muted") },
    tooltip: tooltip(),
  };
}

/** What every tooltip has; `more` adds to it. */
export function tooltip(more: Option = {}): Option {
  return {
    trigger: "axis",
    renderMode: "richText",
    confine: true,
    backgroundColor: colour("surface"),
    borderColor: colour("line"),
    textStyle: { color: colour("text") },
    ...more,
  };
}

/** An axis in the page's colours; `more` adds to it, and to the texts' own options. */
export function axis(
  { axisLabel = {}, nameTextStyle = {}, ...more }: { axisLabel?: Option; nameTextStyle?: Option } & Option = {},
): Option {
  const line = { lineStyle: { color: colour("line") } };
  return {
    axisLabel: { color: colour("muted"), ...axisLabel },
    nameTextStyle: { color: colour("muted"), ...nameTextStyle },
    axisLine: line,
    axisTick: line,
    splitLine: line,
    ...more,
  };
}
