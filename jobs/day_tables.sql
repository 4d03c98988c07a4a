-- What `all` and `humans` leave to count of the items. Reads items (of one day or of several).
CREATE OR REPLACE TEMP VIEW traffic_items AS
SELECT 'all' AS traffic, metric_date, item_id, category, clicks, purchases, revenue FROM items
UNION ALL
SELECT 'humans', metric_date, item_id, category, human_clicks, human_purchases, human_revenue
FROM items
WHERE human_clicks > 0 OR human_purchases > 0;
