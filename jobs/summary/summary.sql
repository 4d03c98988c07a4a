-- All finished days together, each session once: its length is from its first event to its last, over midnight too. Reads sessions and
-- items of the days, met (each session once), span (first_date, last_date, days) and traffics.
WITH sums AS (
  SELECT
    is_flagged,
    sum(clicks) AS clicks,
    sum(purchases) AS purchases,
    sum(revenue) AS revenue,
    sum(purchases_without_price) AS purchases_without_price,
    sum(purchases_other_currency) AS purchases_other_currency
  FROM sessions
  GROUP BY is_flagged
),
counted AS (
  SELECT traffic, coalesce(sum(COLUMNS(sums.* EXCLUDE (is_flagged))), 0)
  FROM traffics
  LEFT JOIN sums ON traffic = 'all' OR NOT is_flagged
  GROUP BY traffic
),
met_counts AS (
  SELECT
    count(*) AS sessions,
    count(*) FILTER (is_buyer) AS buyers,
    sum(all_ms) AS duration_ms,
    count(human_ms) AS human_sessions,
    count(*) FILTER (is_human_buyer) AS human_buyers,
    coalesce(sum(human_ms), 0) AS human_duration_ms
  FROM met
),
lengths AS (
  SELECT 'all' AS traffic, sessions, buyers, duration_ms FROM met_counts
  UNION ALL
  SELECT 'humans', human_sessions, human_buyers, human_duration_ms FROM met_counts
),
touched AS (
  SELECT item_id, sum(human_clicks + human_purchases) > 0 AS by_humans FROM items GROUP BY item_id
),
item_counts AS (
  SELECT count(*) AS of_all, count(*) FILTER (by_humans) AS of_humans FROM touched
)
SELECT
  traffic,
  first_date,
  last_date,
  days,
  clicks::BIGINT AS total_clicks,
  purchases::BIGINT AS total_purchases,
  sessions AS unique_sessions,
  CASE traffic WHEN 'all' THEN of_all ELSE of_humans END AS unique_items,
  buyers AS buying_sessions,
  share(buyers, sessions) AS conversion_rate,
  share(duration_ms, 1000 * sessions) AS avg_session_duration_sec,
  share(clicks, sessions) AS avg_clicks_per_session,
  revenue::DECIMAL(38, 4) AS total_revenue,
  money_each(revenue, purchases) AS avg_order_value,
  money_each(revenue, buyers) AS avg_basket_value,
  purchases_without_price::BIGINT AS purchases_without_price,
  purchases_other_currency::BIGINT AS purchases_other_currency,
  true AS exact
FROM counted
JOIN lengths USING (traffic)
CROSS JOIN item_counts
CROSS JOIN span
