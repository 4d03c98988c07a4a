// The two rules as SQL in DuckDB alone, straight from the file, with as many threads as it takes by itself; nothing is stored.
// Usage: duckdb_rules.ts FILE plain|careful. `plain` is the rules as one reads them; `careful` counts each half minute of a session once, and
// looks at the items of those windows alone that have clicks enough.

import { DuckDBInstance } from "@duckdb/node-api";
import { tell } from "./tell.ts";

const [file, how] = Deno.args;
const db = await (await DuckDBInstance.create(":memory:")).connect();
const columns = "{'session': 'VARCHAR', 'clicked': 'TIMESTAMP', 'item': 'VARCHAR', 'category': 'VARCHAR'}";
await db.run(`CREATE VIEW clicks AS SELECT session, item, epoch_ms(clicked) AS ms
  FROM read_csv('${file.replaceAll("'", "''")}', header = false, columns = ${columns})`);

const plain = `
  SELECT 'HIGH_FREQUENCY' AS rule, session, ms // 10000 * 10000 AS start FROM clicks GROUP BY ALL HAVING count(*) >= 50
  UNION ALL
  SELECT 'BOT_LIKE', session, (ms // 30000 - back) * 30000 AS start FROM clicks, (VALUES (0), (1)) AS earlier(back)
  GROUP BY ALL HAVING count(*) >= 100 AND count(DISTINCT item) <= 5`;

const careful = `
  WITH tens AS MATERIALIZED (SELECT session, ms // 10000 AS ten, count(*) AS clicks FROM clicks GROUP BY ALL),
  windows AS (
    SELECT session, ten // 3 - back AS half FROM tens, (VALUES (0), (1)) AS earlier(back) GROUP BY ALL HAVING sum(clicks) >= 100
  ),
  busy AS (SELECT DISTINCT session FROM windows),
  theirs AS MATERIALIZED (SELECT session, item, ms // 30000 AS half FROM clicks WHERE session IN (FROM busy) GROUP BY ALL)
  SELECT 'HIGH_FREQUENCY' AS rule, session, ten * 10000 AS start FROM tens WHERE clicks >= 50
  UNION ALL
  SELECT 'BOT_LIKE', session, windows.half * 30000 FROM windows JOIN theirs USING (session)
  WHERE theirs.half IN (windows.half, windows.half + 1) GROUP BY ALL HAVING count(DISTINCT item) <= 5`;

const rows = (await db.runAndReadAll(how === "plain" ? plain : careful)).getRows();
// Nothing of what is above counts rows, and a count of its own would read the file again.
tell(null, rows.map(([rule, session, start]) => `${rule} ${session} ${start}`));
