// Dense series over time, drawn by uPlot: redrawn in place when values change, and made anew when series, size or theme do.

import { useEffect, useImperativeHandle, useRef } from "preact/hooks";
import type { Ref } from "preact";
import uPlot from "uplot";
import { blobOf } from "../shell/export.ts";
import { count, markOf, shop, short } from "../shell/format.ts";
import { colour, seriesColours, theme } from "../shell/theme.ts";
import type { ChartHandle } from "./chart_figure.tsx";

export interface Series {
  readonly label: string;
  readonly values: readonly (number | null)[];
  /** Bars for counts of a stretch, a line for what goes on without a break. */
  readonly kind: "line" | "bars";
  readonly format?: (value: number) => string;
}

export interface TimeSeriesProps {
  /** Points in time, ms since the epoch, rising. */
  readonly times: readonly number[];
  readonly series: readonly Series[];
  readonly handle: Ref<ChartHandle>;
  readonly height?: number;
}

export function TimeSeries({ times, series, handle, height = 240 }: TimeSeriesProps) {
  const box = useRef<HTMLDivElement>(null), plot = useRef<uPlot | null>(null);
  const data = [times.map((time) => time / 1000), ...series.map(({ values }) => values)] as uPlot.AlignedData;
  const shape = JSON.stringify([series.map(({ label, kind }) => [label, kind]), height, theme.value, shop.value.timeZone]);

  useEffect(() => {
    const host = box.current!;
    const made = plot.current = new uPlot(optionsFor(series, times, host.clientWidth, height), data, host);
    // For the eye alone: whoever hears the page has the summary, the point that is told, and the table.
    made.root.querySelector(".u-legend")?.setAttribute("aria-hidden", "true");
    const resized = new ResizeObserver(() => host.clientWidth !== made.width && made.setSize({ width: host.clientWidth, height }));
    resized.observe(host);
    return () => {
      resized.disconnect();
      made.destroy();
      plot.current = null;
    };
  }, [shape]);

  useEffect(() => plot.current?.setData(data), [times, series]);

  useImperativeHandle(handle, () => ({
    point(index) {
      const drawn = plot.current;
      if (drawn === null) return;
      const top = series[0].values[index];
      drawn.setCursor({ left: drawn.valToPos(times[index] / 1000, "x"), top: top === null ? 0 : drawn.valToPos(top ?? 0, "y") });
    },
    unpoint: () => plot.current?.setCursor({ left: -10, top: -10 }),
    picture: () => pictureOf(plot.current!.ctx.canvas),
  }), [times, series]);

  return <div ref={box} class="time-series" />;
}

function optionsFor(series: readonly Series[], times: readonly number[], width: number, height: number): uPlot.Options {
  const bars = series.some(({ kind }) => kind === "bars");
  const half = times.length < 2 ? 1 : (times[1] - times[0]) / 2000; // half a bar, s: bars at the ends are whole
  const axis = { stroke: colour("muted"), grid: { stroke: colour("line"), width: 1 }, ticks: { stroke: colour("line"), width: 1 } };
  const colours = seriesColours();
  return {
    width,
    height,
    tzDate: (seconds) => uPlot.tzDate(new Date(seconds * 1000), shop.value.timeZone),
    cursor: { y: false, points: { size: 8 } },
    legend: { live: true },
    scales: {
      x: { range: (_, min, max) => bars ? [min - half, max + half] : [min, max] },
      y: { range: (_, __, max) => [0, max === null || max <= 0 ? 1 : max * 1.1] },
    },
    axes: [
      { ...axis, values: (_, splits, __, ___, step) => splits.map((at) => markOf(at * 1000, step)), space: 70 },
      { ...axis, values: (_, splits) => splits.map((at) => short(at)), size: 56 },
    ],
    series: [
      { label: " ", value: (_, at) => at === null ? "" : markOf(at * 1000, null) },
      ...series.map(({ label, kind, format }, i) => ({
        label,
        stroke: colours[i % colours.length],
        width: kind === "bars" ? 0 : 2,
        fill: kind === "bars" ? colours[i % colours.length] : undefined,
        paths: kind === "bars" ? uPlot.paths.bars!({ size: [0.8, 40] }) : undefined,
        points: { show: false },
        // Without a point under the pointer the legend names the series and no more.
        value: (_: uPlot, value: number | null, __: number, at: number | null) =>
          at === null ? "" : value === null ? "–" : format?.(value) ?? count(value),
      })),
    ],
  };
}

function pictureOf(canvas: HTMLCanvasElement): Promise<Blob> {
  const painted = document.createElement("canvas");
  painted.width = canvas.width;
  painted.height = canvas.height;
  const context = painted.getContext("2d")!;
  context.fillStyle = colour("surface");
  context.fillRect(0, 0, painted.width, painted.height);
  context.drawImage(canvas, 0, 0);
  return blobOf(painted);
}
