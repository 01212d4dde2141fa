/**
 * What runs inside the database when events are appended.
 *
 * Invariants:
 * - Positions are given while the order lock is held, which is let go only after the commit: their order is the order of commits.
 * - An append that holds the order lock waits for nobody. What a transaction of somebody else may hold for long (a stream, a key, a row) is
 *   claimed by advisory locks that are only tried; what is busy is handed back. What nobody has claimed (an event id that an open
 *   transaction has used in another stream, a row of a user's own table) is waited for, but for some milliseconds only: then the
 *   statement fails with 55P03, and who needs it tries again alone and seldom.
 * - Nothing is left behind on the connection: locks and settings end with the transaction, so a pool of transactions will do.
 * - A function's statements each see what was committed before they began, because it is refused on any other isolation than read
 *   committed; so what is checked under the order lock is the newest there is.
 */

/** @param schema  its name, quoted. */
export const appendFunctions = (schema: string): string => `
-- The lock behind which positions are given; one a schema.
CREATE FUNCTION ${schema}.order_lock() RETURNS bigint LANGUAGE sql STABLE AS $$
  SELECT hashtextextended('order', '${schema}.events'::regclass::oid::bigint)
$$;

-- A position that was told, and an append that was acknowledged, survive a crash of the server, also where the role or the database has
-- turned off waiting for the disk. What a commit waits for besides is left as it is: the standbys of "remote_apply", the own disk of "local".
CREATE FUNCTION ${schema}.commit_durably() RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  IF current_setting('synchronous_commit') = 'off' THEN PERFORM set_config('synchronous_commit', 'on', true); END IF;
END $$;

-- Whoever is on another level sees under the lock what was there before it: it would give positions twice.
CREATE FUNCTION ${schema}.need_read_committed() RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  IF current_setting('transaction_isolation') <> 'read committed' THEN
    RAISE EXCEPTION 'appends need the isolation level read committed' USING ERRCODE = 'invalid_transaction_state';
  END IF;
END $$;

-- Takes the order lock for a transaction that has more to do with it than one statement of the store: it builds a view, fills tables, or is
-- the caller's own. Everybody waits for who has it, so the server is not patient with a client that has vanished: that one would stop all
-- appends. How long its statements wait for others is left as it is: they are not the store's.
CREATE FUNCTION ${schema}.hold_order_lock() RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  PERFORM ${schema}.need_read_committed();
  PERFORM pg_advisory_xact_lock(${schema}.order_lock());
  PERFORM set_config('idle_in_transaction_session_timeout', '60s', true);
END $$;

-- Takes it for an append of the store's own, which is over at once: neither does it wait for another lock, nor the server for its client.
CREATE FUNCTION ${schema}.take_order_lock() RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  PERFORM ${schema}.need_read_committed();
  PERFORM pg_advisory_xact_lock(${schema}.order_lock());
  PERFORM set_config('lock_timeout', '20ms', true), set_config('idle_in_transaction_session_timeout', '10s', true);
  PERFORM ${schema}.commit_durably();
END $$;

-- The lock of whatever only one transaction may write: a stream, an idempotency key, a row.
CREATE FUNCTION ${schema}.claim_lock(what text) RETURNS bigint LANGUAGE sql STABLE AS $$
  SELECT hashtextextended(what, '${schema}.events'::regclass::oid::bigint)
$$;

-- Gives positions to what transactions of their own have left without one. Under the order lock only.
CREATE FUNCTION ${schema}.stamp(now_ms bigint) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
  head bigint;
  last_ms bigint;
BEGIN
  IF NOT EXISTS (SELECT FROM ${schema}.events WHERE position IS NULL) THEN RETURN; END IF;
  PERFORM ${schema}.commit_durably();
  SELECT position, recorded_at INTO head, last_ms FROM ${schema}.events WHERE position IS NOT NULL ORDER BY position DESC LIMIT 1;
  WITH waiting AS (
    SELECT tenant, stream, version, row_number() OVER (ORDER BY staged) AS n FROM ${schema}.events WHERE position IS NULL
  ), stamped AS (
    UPDATE ${schema}.events e SET position = coalesce(head, 0) + n, staged = NULL, recorded_at = greatest(now_ms, last_ms)
    FROM waiting w WHERE (e.tenant, e.stream, e.version) = (w.tenant, w.stream, w.version)
    RETURNING e.position, e.tenant, e.stream, e.type, e.schema_version, e.tags
  ), tagged AS (
    INSERT INTO ${schema}.tags SELECT tenant, tag, position FROM stamped, json_array_elements_text(tags) AS tag WHERE tags IS NOT NULL
  )
  INSERT INTO ${schema}.event_types SELECT split_part(stream, '-', 1), type, max(schema_version) FROM stamped GROUP BY 1, 2
    ON CONFLICT (category, type) DO UPDATE SET schema_version = excluded.schema_version
    WHERE excluded.schema_version > event_types.schema_version;
END $$;

-- Position of the newest event, after what waits for one has got it.
CREATE FUNCTION ${schema}.head(now_ms bigint) RETURNS bigint LANGUAGE plpgsql AS $$
BEGIN
  IF EXISTS (SELECT FROM ${schema}.events WHERE position IS NULL) THEN
    PERFORM ${schema}.hold_order_lock();
    PERFORM ${schema}.stamp(now_ms);
  END IF;
  RETURN coalesce((SELECT max(position) FROM ${schema}.events WHERE position IS NOT NULL), 0);
END $$;

-- The lowest position above one that matches a query, or null.
CREATE FUNCTION ${schema}.first_match(in_tenant text, query json, above bigint) RETURNS bigint LANGUAGE plpgsql STABLE AS $$
DECLARE
  item json;
  only_types text[];
  all_tags text[];
  found bigint;
  lowest bigint;
BEGIN
  FOR item IN SELECT * FROM json_array_elements(CASE WHEN json_array_length(query) = 0 THEN '[{}]' ELSE query END) LOOP
    only_types := ARRAY(SELECT json_array_elements_text(coalesce(item->'types', '[]')));
    all_tags := ARRAY(SELECT json_array_elements_text(coalesce(item->'tags', '[]')));
    IF cardinality(all_tags) = 0 THEN
      SELECT position INTO found FROM ${schema}.events
        WHERE position > above AND tenant = in_tenant AND (cardinality(only_types) = 0 OR type = ANY (only_types))
        ORDER BY position LIMIT 1;
    ELSE
      SELECT t.position INTO found FROM ${schema}.tags t
        WHERE t.tenant = in_tenant AND t.tag = all_tags[1] AND t.position > above
          AND (cardinality(only_types) = 0
            OR EXISTS (SELECT FROM ${schema}.events e WHERE e.position = t.position AND e.type = ANY (only_types)))
          AND NOT EXISTS (SELECT FROM unnest(all_tags[2:]) AS other
            WHERE NOT EXISTS (SELECT FROM ${schema}.tags o WHERE o.tenant = in_tenant AND o.tag = other AND o.position = t.position))
        ORDER BY t.position LIMIT 1;
    END IF;
    lowest := least(lowest, found);
  END LOOP;
  RETURN lowest;
END $$;

-- Appends many requests at once, or none of them: what is demanded of the store is checked first, and who demanded what does not hold
-- is named in "refused"; who needs what somebody else's transaction holds, in "busy". Numbers of requests start at 1.
CREATE FUNCTION ${schema}.append_batch(
  now_ms bigint,
  -- Streams: the version that is demanded (-1: any, -2: above 0, -3: only named), and by whom.
  s_tenant text[], s_stream text[], s_demand bigint[], s_request integer[],
  -- Events: the number of their stream above, and their place among what the stream gets.
  e_stream integer[], e_place integer[], e_id text[], e_type text[], e_schema integer[], e_data text[], e_metadata text[], e_tags text[],
  e_correlation text[], e_occurred bigint[],
  -- Events that must be stored.
  f_tenant text[], f_id text[], f_request integer[],
  -- Queries that nothing above a position may match.
  c_tenant text[], c_query text[], c_after bigint[], c_request integer[],
  -- Rows: the version that is demanded, the one they get, and the text.
  v_tenant text[], v_view text[], v_key text[], v_demand bigint[], v_version bigint[], v_row text[], v_request integer[],
  -- Idempotency keys; versions count from where their stream was.
  k_tenant text[], k_key text[], k_hash text[], k_outcome text[], k_stream integer[], k_first integer[], k_last integer[],
  k_expires bigint[], k_request integer[],
  -- Event types that were not known to be stored.
  y_category text[], y_type text[], y_schema integer[],
  OUT head bigint, OUT recorded bigint, OUT bases bigint[], OUT refused integer[], OUT busy integer[]
) LANGUAGE plpgsql AS $$
BEGIN
  PERFORM ${schema}.take_order_lock();

  busy := ARRAY(
    SELECT request FROM (
      SELECT request, pg_try_advisory_xact_lock(${schema}.claim_lock(what)) AS free FROM (
        SELECT request, 's' || stream || E'\\x01' || tenant FROM unnest(s_tenant, s_stream, s_demand, s_request) AS s(tenant, stream, demand, request)
        WHERE demand > -3
        UNION ALL
        SELECT request, 'k' || key || E'\\x01' || tenant FROM unnest(k_tenant, k_key, k_request) AS k(tenant, key, request)
        UNION ALL
        SELECT request, 'v' || view || E'\\x01' || key || E'\\x01' || tenant FROM unnest(v_tenant, v_view, v_key, v_request) AS v(tenant, view, key, request)
      ) AS wanted(request, what)
    ) AS tried WHERE NOT free
  );
  IF cardinality(busy) > 0 THEN RETURN; END IF;

  PERFORM ${schema}.stamp(now_ms);
  SELECT e.position, e.recorded_at INTO head, recorded FROM ${schema}.events e WHERE e.position IS NOT NULL ORDER BY e.position DESC LIMIT 1;
  head := coalesce(head, 0);
  recorded := greatest(now_ms, recorded);
  -- A clock that is far behind the newest event: everybody is told why, one by one.
  IF recorded - now_ms > 60000 AND cardinality(e_id) > 0 THEN
    refused := s_request;
    RETURN;
  END IF;
  bases := ARRAY(
    SELECT coalesce((SELECT e.version FROM ${schema}.events e WHERE e.tenant = s.tenant AND e.stream = s.stream ORDER BY e.version DESC LIMIT 1), 0)
    FROM unnest(s_tenant, s_stream) WITH ORDINALITY AS s(tenant, stream, n) ORDER BY s.n
  );
  refused := ARRAY(
    SELECT s.request FROM unnest(s_demand, bases, s_request) AS s(demand, base, request)
    WHERE (s.demand >= 0 AND s.demand <> s.base) OR (s.demand = -2 AND s.base = 0)
  );
  IF cardinality(f_id) > 0 THEN
    refused := refused || ARRAY(
      SELECT f.request FROM unnest(f_tenant, f_id, f_request) AS f(tenant, id, request)
      WHERE NOT EXISTS (SELECT FROM ${schema}.events e WHERE e.tenant = f.tenant AND e.id = f.id)
    );
  END IF;
  IF cardinality(c_query) > 0 THEN
    refused := refused || ARRAY(
      SELECT c.request FROM unnest(c_tenant, c_query, c_after, c_request) AS c(tenant, query, after, request)
      WHERE c.after < head AND ${schema}.first_match(c.tenant, c.query::json, c.after) IS NOT NULL
    );
  END IF;
  IF cardinality(v_key) > 0 THEN
    refused := refused || ARRAY(
      SELECT v.request FROM unnest(v_tenant, v_view, v_key, v_demand, v_request) AS v(tenant, view, key, demand, request)
      LEFT JOIN ${schema}.view_rows r ON r.tenant = v.tenant AND r.view = v.view AND r.key = v.key
      WHERE v.demand <> coalesce(r.row_version, 0)
    );
  END IF;
  IF cardinality(k_key) > 0 THEN
    refused := refused || ARRAY(
      SELECT k.request FROM unnest(k_tenant, k_key, k_request) AS k(tenant, key, request)
      JOIN ${schema}.idempotency i ON i.tenant = k.tenant AND i.key = k.key WHERE i.expires_at >= now_ms
    );
  END IF;
  IF cardinality(refused) > 0 THEN RETURN; END IF;

  INSERT INTO ${schema}.events
    (position, tenant, stream, version, id, type, schema_version, data, metadata, tags, correlation_id, recorded_at, occurred_at)
  SELECT head + e.n, s_tenant[e.s], s_stream[e.s], bases[e.s] + e.place, e.id, e.type, e.schema_version, e.data, e.metadata, e.tags::json,
    e.correlation_id, recorded, e.occurred_at
  FROM unnest(e_stream, e_place, e_id, e_type, e_schema, e_data, e_metadata, e_tags, e_correlation, e_occurred)
    WITH ORDINALITY AS e(s, place, id, type, schema_version, data, metadata, tags, correlation_id, occurred_at, n);
  IF array_length(array_remove(e_tags, NULL), 1) > 0 THEN
    INSERT INTO ${schema}.tags
    SELECT s_tenant[e.s], tag, head + e.n FROM unnest(e_stream, e_tags) WITH ORDINALITY AS e(s, tags, n), json_array_elements_text(e.tags::json) AS tag
    WHERE e.tags IS NOT NULL;
  END IF;
  IF cardinality(v_key) > 0 THEN
    INSERT INTO ${schema}.view_rows (tenant, view, key, row_version, row)
    SELECT v.tenant, v.view, v.key, v.version, v.row::json FROM unnest(v_tenant, v_view, v_key, v_version, v_row) AS v(tenant, view, key, version, row)
    ON CONFLICT (tenant, view, key) DO UPDATE SET row_version = excluded.row_version, row = excluded.row;
  END IF;
  IF cardinality(k_key) > 0 THEN
    INSERT INTO ${schema}.idempotency (tenant, key, hash, outcome, stream, first_version, last_version, expires_at)
    SELECT k.tenant, k.key, k.hash, k.outcome, s_stream[k.s], CASE WHEN k.first = 0 THEN 0 ELSE bases[k.s] + k.first END,
      CASE WHEN k.last = 0 THEN 0 ELSE bases[k.s] + k.last END, k.expires
    FROM unnest(k_tenant, k_key, k_hash, k_outcome, k_stream, k_first, k_last, k_expires) AS k(tenant, key, hash, outcome, s, first, last, expires)
    ON CONFLICT (tenant, key) DO UPDATE SET hash = excluded.hash, outcome = excluded.outcome, stream = excluded.stream,
      first_version = excluded.first_version, last_version = excluded.last_version, expires_at = excluded.expires_at;
  END IF;
  IF cardinality(y_type) > 0 THEN
    INSERT INTO ${schema}.event_types SELECT * FROM unnest(y_category, y_type, y_schema)
    ON CONFLICT (category, type) DO UPDATE SET schema_version = excluded.schema_version
    WHERE excluded.schema_version > event_types.schema_version;
  END IF;
END $$;

-- Appends one request inside a transaction of somebody else: without positions, which come when it has been committed.
CREATE FUNCTION ${schema}.append_staged(
  in_tenant text, in_stream text, base bigint,
  e_id text[], e_type text[], e_schema integer[], e_data text[], e_metadata text[], e_tags text[], e_correlation text[], e_occurred bigint[]
) RETURNS void LANGUAGE sql AS $$
  INSERT INTO ${schema}.events
    (staged, tenant, stream, version, id, type, schema_version, data, metadata, tags, correlation_id, occurred_at)
  SELECT nextval('${schema}.staged'), in_tenant, in_stream, base + e.n, e.id, e.type, e.schema_version, e.data, e.metadata, e.tags::json,
    e.correlation_id, e.occurred_at
  FROM unnest(e_id, e_type, e_schema, e_data, e_metadata, e_tags, e_correlation, e_occurred)
    WITH ORDINALITY AS e(id, type, schema_version, data, metadata, tags, correlation_id, occurred_at, n)
$$;
`
