-- Each item with its sums and its category: the most frequent among its clicks, of equally frequent ones the smaller. Reads items, of one
-- day: a category has one row for each item. Categories are put in order once, and compared as numbers (see category_weight) after that.
CREATE OR REPLACE TEMP TABLE item_totals AS
WITH places AS (
  SELECT category, row_number() OVER (ORDER BY id_number(category) NULLS LAST, category) AS place
  FROM (SELECT DISTINCT category FROM items WHERE category IS NOT NULL)
),
totals AS (
  SELECT
    item_id,
    sum(clicks)::BIGINT AS clicks,
    sum(human_clicks)::BIGINT AS human_clicks,
    sum(purchases)::BIGINT AS purchases,
    sum(human_purchases)::BIGINT AS human_purchases,
    sum(revenue) AS revenue,
    sum(human_revenue) AS human_revenue,
    max(category_weight(clicks, place)) AS heaviest,
    max(category_weight(human_clicks, place)) AS human_heaviest
  FROM items
  LEFT JOIN places ON places.category = items.category
  GROUP BY item_id
),
by_traffic AS (
  SELECT 'all' AS traffic, item_id, clicks, purchases, revenue, category_place(heaviest) AS place FROM totals
  UNION ALL
  SELECT 'humans', item_id, human_clicks, human_purchases, human_revenue, category_place(human_heaviest)
  FROM totals
  WHERE human_clicks > 0 OR human_purchases > 0
)
SELECT by_traffic.* EXCLUDE (place), places.category
FROM by_traffic
LEFT JOIN places ON places.place = by_traffic.place
