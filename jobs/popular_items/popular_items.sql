-- The items of a day by revenue, then clicks, then id, with those that are among the first by clicks or by purchases, of equal ones by that
-- rank. Reads item_totals, day and bounds (rows_max).
WITH ranked AS (
  SELECT
    *,
    row_number() OVER (PARTITION BY traffic ORDER BY revenue DESC, clicks DESC, id_number(item_id) NULLS LAST, item_id) AS rank
  FROM item_totals
),
placed AS (
  SELECT
    *,
    row_number() OVER (PARTITION BY traffic ORDER BY clicks DESC, rank) AS rank_by_clicks,
    row_number() OVER (PARTITION BY traffic ORDER BY purchases DESC, rank) AS rank_by_purchases
  FROM ranked
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
FROM placed, day, bounds
WHERE least(rank, rank_by_clicks, rank_by_purchases) <= rows_max
