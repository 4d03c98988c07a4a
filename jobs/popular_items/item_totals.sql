-- Each item with its sums and its category: the most frequent among its clicks, of equally frequent ones the smaller. Reads traffic_items.
CREATE OR REPLACE TEMP TABLE item_totals AS
WITH totals AS (
  SELECT traffic, item_id, sum(clicks)::BIGINT AS clicks, sum(purchases)::BIGINT AS purchases, sum(revenue) AS revenue
  FROM traffic_items
  GROUP BY traffic, item_id
),
clicked_as AS (
  SELECT traffic, item_id, category, sum(clicks) AS clicks
  FROM traffic_items
  WHERE category IS NOT NULL AND clicks > 0
  GROUP BY traffic, item_id, category
),
named AS (
  SELECT traffic, item_id, first(category ORDER BY clicks DESC, id_number(category) NULLS LAST, category) AS category
  FROM clicked_as
  GROUP BY traffic, item_id
)
SELECT totals.*, named.category
FROM totals
LEFT JOIN named ON named.traffic = totals.traffic AND named.item_id = totals.item_id
