-- Items whose clicks rise: three days up to metric_date against the three before. Ten clicks more on both sides keep rare items from
-- looking like sensations. Reads traffic_items of the six days, day and bounds (rows_max).
WITH counts AS (
  SELECT
    traffic,
    item_id,
    sum(clicks) FILTER (traffic_items.metric_date > day.metric_date - 3)::BIGINT AS recent_clicks,
    sum(purchases) FILTER (traffic_items.metric_date > day.metric_date - 3)::BIGINT AS recent_purchases,
    coalesce(sum(clicks) FILTER (traffic_items.metric_date <= day.metric_date - 3), 0)::BIGINT AS previous_clicks
  FROM traffic_items, day
  GROUP BY traffic, item_id
  HAVING recent_clicks >= 10
),
clicked_as AS (
  SELECT traffic, item_id, category, sum(clicks) AS clicks
  FROM traffic_items, day
  WHERE category IS NOT NULL AND clicks > 0 AND traffic_items.metric_date > day.metric_date - 3
  GROUP BY traffic, item_id, category
),
named AS (
  SELECT traffic, item_id, first(category ORDER BY clicks DESC, id_number(category) NULLS LAST, category) AS category
  FROM clicked_as
  GROUP BY traffic, item_id
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
)
SELECT
  ranked.traffic,
  day.metric_date,
  ranked.item_id,
  named.category,
  recent_clicks,
  recent_purchases,
  previous_clicks,
  trend_score,
  rank
FROM ranked
CROSS JOIN day
CROSS JOIN bounds
LEFT JOIN named ON named.traffic = ranked.traffic AND named.item_id = ranked.item_id
WHERE rank <= rows_max
