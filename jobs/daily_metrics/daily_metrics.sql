-- The figures of a day, one row for each traffic. Reads sessions, items, traffics and day (metric_date). The sessions are gone through
-- once: sums of flagged and of other sessions, which together are all.
WITH met AS (
  SELECT
    is_flagged,
    sum(clicks) AS clicks,
    sum(purchases) AS purchases,
    count(*) AS sessions,
    count(*) FILTER (purchases > 0) AS buyers,
    sum(epoch_ms(last_event) - epoch_ms(first_event)) AS duration_ms,
    sum(revenue) AS revenue,
    sum(purchases_without_price) AS purchases_without_price,
    sum(purchases_other_currency) AS purchases_other_currency
  FROM sessions
  GROUP BY is_flagged
),
touched AS (
  SELECT item_id, sum(human_clicks + human_purchases) > 0 AS by_humans FROM items GROUP BY item_id
),
item_counts AS (
  SELECT count(*) AS of_all, count(*) FILTER (by_humans) AS of_humans FROM touched
),
counted AS (
  SELECT traffic, coalesce(sum(COLUMNS(met.* EXCLUDE (is_flagged))), 0)
  FROM traffics
  LEFT JOIN met ON traffic = 'all' OR NOT is_flagged
  GROUP BY traffic
)
SELECT
  traffic,
  day.metric_date,
  clicks::BIGINT AS total_clicks,
  purchases::BIGINT AS total_purchases,
  sessions::BIGINT AS unique_sessions,
  CASE traffic WHEN 'all' THEN of_all ELSE of_humans END AS unique_items,
  share(buyers, sessions) AS conversion_rate,
  share(duration_ms, 1000 * sessions) AS avg_session_duration_sec,
  share(clicks, sessions) AS avg_clicks_per_session,
  revenue::DECIMAL(38, 4) AS total_revenue,
  money_each(revenue, purchases) AS avg_order_value,
  money_each(revenue, buyers) AS avg_basket_value,
  purchases_without_price::BIGINT AS purchases_without_price,
  purchases_other_currency::BIGINT AS purchases_other_currency
FROM counted, item_counts, day
