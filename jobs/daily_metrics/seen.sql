-- The sessions of a day's clicks and other kinds of events but purchases. Reads day_clicks.
SELECT
  session_id AS session_key,
  count(*) FILTER (kind = 'click') AS clicks,
  min(ms_of_day(timestamp)) AS first_ms,
  max(ms_of_day(timestamp)) AS last_ms
FROM day_clicks
GROUP BY session_id
