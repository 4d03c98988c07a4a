-- Each session of several days once, for both kinds of traffic in one go. Reads sessions; human_ms is NULL where no human was met.
CREATE TEMP VIEW met AS
SELECT
  epoch_ms(max(last_event)) - epoch_ms(min(first_event)) AS all_ms,
  epoch_ms(max(last_event) FILTER (NOT is_flagged)) - epoch_ms(min(first_event) FILTER (NOT is_flagged)) AS human_ms,
  bool_or(purchases > 0) AS is_buyer,
  coalesce(bool_or(purchases > 0) FILTER (NOT is_flagged), false) AS is_human_buyer
FROM sessions
GROUP BY session_id
