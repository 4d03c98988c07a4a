-- Items whose clicks rise: three days up to metric_date against the three before. Ten clicks more on both sides keep rare items from
-- looking like sensations. Reads items and traffic_items of the six days, day and bounds (rows_max).
-- Categories are counted for the items that are shown alone.
WITH sums AS (
  SELECT
    item_id,
    coalesce(sum(clicks) FILTER (is_recent), 0)::BIGINT AS clicks,
    coalesce(sum(human_clicks) FILTER (is_recent), 0)::BIGINT AS human_clicks,
    coalesce(sum(purchases) FILTER (is_recent), 0)::BIGINT AS purchases,
    coalesce(sum(human_purchases) FILTER (is_recent), 0)::BIGINT AS human_purchases,
    coalesce(sum(clicks) FILTER (NOT is_recent), 0)::BIGINT AS clicks_before,
    coalesce(sum(human_clicks) FILTER (NOT is_recent), 0)::BIGINT AS human_clicks_before
  FROM (SELECT items.*, items.metric_date > day.metric_date - 3 AS is_recent FROM items, day)
  GROUP BY item_id
),
counts AS (
  SELECT 'all' AS traffic, item_id, clicks AS recent_clicks, purchases AS recent_purchases, clicks_before AS previous_clicks
  FROM sums
  WHERE clicks >= 10
  UNION ALL
  SELECT 'humans', item_id, human_clicks, human_purchases, human_clicks_before
  FROM sums
  WHERE human_clicks >= 10
),
scored AS (
  SELECT *, share(recent_clicks + 10, previous_clicks + 10) AS trend_score FROM counts
),
ranked AS (
  SELECT
    *,
    row_number() OVER (
      PARTITION BY traffic
      ORDER BY trend_score DESC, recent_clicks DESC, id_number(item_id) NULLS LAST, item_id
    ) AS rank
  FROM scored
),
chosen AS (
  SELECT ranked.* FROM ranked, bounds WHERE rank <= rows_max
),
clicked_as AS (
  SELECT traffic, item_id, category, sum(clicks) AS clicks
  FROM traffic_items, day
  WHERE category IS NOT NULL AND clicks > 0 AND traffic_items.metric_date > day.metric_date - 3
    AND item_id IN (SELECT item_id FROM chosen)
  GROUP BY traffic, item_id, category
),
named AS (
  SELECT traffic, item_id, first(category ORDER BY clicks DESC, id_number(category) NULLS LAST, category) AS category
  FROM clicked_as
  GROUP BY traffic, item_id
)
SELECT
  chosen.traffic,
  day.metric_date,
  chosen.item_id,
  named.category,
  recent_clicks,
  recent_purchases,
  previous_clicks,
  trend_score,
  rank
FROM chosen
CROSS JOIN day
LEFT JOIN named ON named.traffic = chosen.traffic AND named.item_id = chosen.item_id
