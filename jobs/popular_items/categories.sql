-- The categories of a day by revenue, then clicks, then name. A click counts for the category that it names, a purchase for that of its
-- item; what has none is in no row. Reads traffic_items, item_totals, day and bounds (rows_max).
WITH told AS (
  SELECT traffic, category, clicks, 0 AS purchases, 0 AS revenue FROM traffic_items WHERE clicks > 0
  UNION ALL
  SELECT traffic, category, 0, purchases, revenue FROM item_totals WHERE purchases > 0
),
totals AS (
  SELECT traffic, category, sum(clicks)::BIGINT AS clicks, sum(purchases)::BIGINT AS purchases, sum(revenue)::DECIMAL(38, 4) AS revenue
  FROM told
  WHERE category IS NOT NULL
  GROUP BY traffic, category
),
ranked AS (
  SELECT
    *,
    row_number() OVER (PARTITION BY traffic ORDER BY revenue DESC, clicks DESC, id_number(category) NULLS LAST, category) AS rank
  FROM totals
)
SELECT
  traffic,
  day.metric_date,
  category,
  clicks AS click_count,
  purchases AS purchase_count,
  revenue,
  rank,
  share(purchases, clicks) AS click_to_purchase_ratio
FROM ranked, day, bounds
WHERE rank <= rows_max
