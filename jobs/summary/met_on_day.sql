-- Each session of a single day, where it is one row already. The columns are those of met_on_days.
CREATE TEMP VIEW met AS
SELECT
  epoch_ms(last_event) - epoch_ms(first_event) AS all_ms,
  CASE WHEN NOT is_flagged THEN all_ms END AS human_ms,
  purchases > 0 AS is_buyer,
  is_buyer AND NOT is_flagged AS is_human_buyer
FROM sessions
