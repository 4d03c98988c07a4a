-- What happened to each item on the day, in rows to be summed: one for each item and category clicked (category NULL: the clicks named
-- none), and one with category NULL for the purchases of each item. Each figure stands twice: of everybody, and of those not flagged.
WITH clicked AS (
  SELECT
    item_id,
    category,
    count(*) AS clicks,
    count(*) - count(flagged.session_id) AS human_clicks
  FROM day_clicks
  LEFT JOIN flagged ON flagged.session_id = day_clicks.session_id
  WHERE kind = 'click' AND item_id IS NOT NULL
  GROUP BY item_id, category
),
sold AS (
  SELECT
    item_id,
    flagged.session_id IS NULL AS is_human,
    CASE WHEN coalesce(currency = shop_currency, true) THEN coalesce(price * quantity, 0) ELSE 0 END::DECIMAL(38, 4) AS revenue
  FROM day_purchases
  CROSS JOIN shop
  LEFT JOIN flagged ON flagged.session_id = day_purchases.session_id
  WHERE item_id IS NOT NULL
)
SELECT
  item_id,
  category,
  clicks,
  human_clicks,
  0 AS purchases,
  0 AS human_purchases,
  0::DECIMAL(38, 4) AS revenue,
  0::DECIMAL(38, 4) AS human_revenue
FROM clicked
UNION ALL
SELECT
  item_id,
  NULL,
  0,
  0,
  count(*),
  count(*) FILTER (is_human),
  sum(revenue),
  coalesce(sum(revenue) FILTER (is_human), 0)
FROM sold
GROUP BY item_id
