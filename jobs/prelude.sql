-- What the queries of all day jobs share. Ids and categories are texts; canonical integers below 2^53 sort first, by number, then the
-- other texts by their bytes: ORDER BY id_number(x) NULLS LAST, x.
CREATE TEMP MACRO id_number(id) AS
  CASE WHEN regexp_full_match(id, '0|[1-9][0-9]{0,15}') AND TRY_CAST(id AS BIGINT) <= 9007199254740991 THEN TRY_CAST(id AS BIGINT) END;
-- Of no denominator comes 0.
CREATE TEMP MACRO share(part, whole) AS CASE WHEN whole = 0 THEN 0::DOUBLE ELSE part::DOUBLE / whole::DOUBLE END;
CREATE TEMP TABLE traffics AS SELECT unnest(['all', 'humans']) AS traffic;
-- The most frequent category of an item, of equally frequent ones the first, is that of greatest weight: clicks above, place in the order
-- of categories (from 1, below 2^40) subtracted. Without clicks it has none.
CREATE TEMP MACRO category_weight(clicks, place) AS CASE WHEN clicks > 0 THEN clicks::HUGEINT * 1099511627776 - place END;
CREATE TEMP MACRO category_place(weight) AS (1099511627776 - weight % 1099511627776)::BIGINT;
-- Money for each of a count, cut to 8 decimals: enough to round it rightly to fewer, which a binary fraction is not for large sums.
CREATE TEMP MACRO money_each(money, of) AS
  CASE
    WHEN of = 0 THEN 0::DECIMAL(38, 8)
    ELSE (((money * 10000)::HUGEINT * 10000) // of::HUGEINT)::DECIMAL(38, 0) * 0.00000001::DECIMAL(9, 8)
  END;
