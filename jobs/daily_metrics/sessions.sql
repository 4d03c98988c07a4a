-- One row for each session with a click or a purchase on the day. Reads seen (sessions of day_clicks), day_purchases, flagged (session_id,
-- unique) and shop (shop_currency). Revenue is in the shop's currency alone; a purchase that names none is in it.
-- Times are whole milliseconds of the day while rows are put together: half the memory for each session, of which there are millions.
WITH bought AS (
  SELECT
    session_key(session_id) AS session_key,
    count(*) AS purchases,
    count(*) FILTER (coalesce(price, 0) = 0) AS purchases_without_price,
    count(*) FILTER (currency <> shop_currency) AS purchases_other_currency,
    sum((price * quantity)::DECIMAL(38, 4)) FILTER (coalesce(currency = shop_currency, true)) AS revenue,
    min(ms_of_day(timestamp)) AS first_ms,
    max(ms_of_day(timestamp)) AS last_ms
  FROM day_purchases, shop
  GROUP BY ALL
),
met AS (
  SELECT
    coalesce(seen.session_key, bought.session_key) AS session_key,
    coalesce(clicks, 0)::BIGINT AS clicks,
    coalesce(purchases, 0) AS purchases,
    coalesce(purchases_without_price, 0) AS purchases_without_price,
    coalesce(purchases_other_currency, 0) AS purchases_other_currency,
    coalesce(revenue, 0)::DECIMAL(38, 4) AS revenue,
    time_of_ms(least(seen.first_ms, bought.first_ms)) AS first_event,
    time_of_ms(greatest(seen.last_ms, bought.last_ms)) AS last_event
  FROM seen
  FULL JOIN bought ON seen.session_key = bought.session_key
  WHERE clicks > 0 OR purchases > 0
),
flagged_keys AS (
  SELECT session_key(session_id) AS flagged_key FROM flagged
)
SELECT met.session_key::VARCHAR AS session_id, met.* EXCLUDE (session_key), flagged_key IS NOT NULL AS is_flagged
FROM met
LEFT JOIN flagged_keys ON flagged_key = met.session_key
