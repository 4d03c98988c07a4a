-- How far the sessions of a day came: three disjoint stages, and how many reached each. Reads sessions, traffics and day.
WITH counts AS (
  SELECT
    is_flagged,
    CASE WHEN purchases > 0 THEN 3 WHEN clicks = 1 THEN 1 ELSE 2 END AS stage,
    count(*) AS sessions
  FROM sessions
  GROUP BY is_flagged, stage
),
stages AS (
  SELECT
    traffic,
    named.stage,
    funnel_stage,
    coalesce(sum(sessions), 0)::BIGINT AS sessions
  FROM traffics
  CROSS JOIN (VALUES (1, 'Single View'), (2, 'Multi View'), (3, 'Purchase')) named(stage, funnel_stage)
  LEFT JOIN counts ON counts.stage = named.stage AND (traffic = 'all' OR NOT is_flagged)
  GROUP BY ALL
),
followed AS (
  SELECT
    *,
    sum(sessions) OVER (PARTITION BY traffic)::BIGINT AS all_sessions,
    coalesce(lag(sessions) OVER (PARTITION BY traffic ORDER BY stage), 0) AS previous,
    sum(sessions) OVER (PARTITION BY traffic ORDER BY stage DESC)::BIGINT AS reached
  FROM stages
)
SELECT
  traffic,
  day.metric_date,
  funnel_stage,
  stage AS stage_order,
  sessions AS session_count,
  share(100 * sessions, all_sessions) AS percentage,
  share(100 * (previous - sessions), previous) AS drop_rate,
  reached,
  share(100 * reached, all_sessions) AS reached_rate
FROM followed, day
