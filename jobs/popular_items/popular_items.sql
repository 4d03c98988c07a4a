-- The items of a day by revenue, then clicks, then id. Reads item_totals, day and bounds (rows_max).
WITH ranked AS (
  SELECT
    *,
    row_number() OVER (PARTITION BY traffic ORDER BY revenue DESC, clicks DESC, id_number(item_id) NULLS LAST, item_id) AS rank
  FROM item_totals
)
SELECT
  traffic,
  day.metric_date,
  item_id,
  category,
  clicks AS click_count,
  purchases AS purchase_count,
  revenue,
  rank,
  share(purchases, clicks) AS click_to_purchase_ratio
FROM ranked, day, bounds
WHERE rank <= rows_max
