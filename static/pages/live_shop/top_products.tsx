// The items that are looked at most in the last half hour.

import { useCallback } from "preact/hooks";
import { ChartFigure } from "../../parts/chart_figure.tsx";
import { axis, EChart } from "../../parts/echart.tsx";
import type { Column } from "../../parts/table.tsx";
import { count } from "../../shell/format.ts";
import type { LiveFigures } from "../../shell/live_figures.ts";

type Product = LiveFigures["top_products"][number];

const columns: readonly Column<Product>[] = [
  { key: "item_id", label: "Item", value: ({ item_id }) => item_id, show: ({ item_id }) => String(item_id) },
  { key: "clicks", label: "Clicks", value: ({ clicks }) => clicks, numeric: true, means: ["LiveProduct", "clicks"] },
  { key: "purchases", label: "Purchases", value: ({ purchases }) => purchases, numeric: true, means: ["LiveProduct", "purchases"] },
];

const NAME_CHARACTERS = 16;

export function TopProducts({ products }: { products: readonly Product[] }) {
  const option = useCallback(() => ({
    yAxis: axis({ type: "category", inverse: true, data: products.map(({ item_id }) => shortened(String(item_id))) }),
    xAxis: axis({ type: "value", minInterval: 1 }),
    series: [
      { type: "bar", name: "Clicks", data: products.map(({ clicks }) => clicks) },
      { type: "bar", name: "Purchases", data: products.map(({ purchases }) => purchases) },
    ],
  }), [products]);
  const [first] = products;
  const summary = first === undefined
    ? "Nothing was clicked in the last 30 minutes."
    : `Most clicked in the last 30 minutes: item ${shortened(String(first.item_id))}, ${count(first.clicks)} clicks.`;
  return (
    <ChartFigure
      title="Top products"
      summary={summary}
      columns={columns}
      rows={products}
      rowKey={({ item_id }) => String(item_id)}
      fileName="live_top_products"
      chart={(handle) => <EChart option={option} handle={handle} height={320} />}
    />
  );
}

function shortened(text: string): string {
  const characters = [...text];
  return characters.length <= NAME_CHARACTERS ? text : characters.slice(0, NAME_CHARACTERS - 1).join("") + "…";
}
