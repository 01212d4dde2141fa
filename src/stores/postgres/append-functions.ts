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

/**
 * How a function's statements are planned: once a connection, because the planner would make most plans anew for each call, hoping for a
 * better one when it knows how long the arrays are; and by index, because a plan that was made for an empty table is kept while it grows.
 */
export const plannedOnce = 'SET plan_cache_mode = force_generic_plan SET enable_seqscan = off SET enable_bitmapscan = off'

/** Whoever holds the order lock is patient with nobody, and the server is not patient with him. */
const whileHeld = "set_config('lock_timeout', '20ms', true), set_config('idle_in_transaction_session_timeout', '10s', true)"

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
  PERFORM ${whileHeld};
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

${batchFunction(schema)}
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

/** @param schema  its name, quoted. */
export const keptViewsFunctions = (schema: string): string => `
-- Until the transaction ends no view may come that its events are not in: whoever appends in a transaction of his own shares these claims.
-- One that sees an old picture, with an old epoch, is refused by the server; the lock that finds it out is let go again.
CREATE FUNCTION ${schema}.share_views(what text[]) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  PERFORM pg_advisory_xact_lock_shared(${schema}.claim_lock(name)) FROM unnest(what) AS name;
  IF current_setting('transaction_isolation') <> 'read committed' THEN
    BEGIN
      PERFORM epoch FROM ${schema}.view_epoch FOR SHARE;
      RAISE EXCEPTION 'seen' USING ERRCODE = 'DC001';
    EXCEPTION WHEN SQLSTATE 'DC001' THEN NULL;
    END;
  END IF;
END $$;

-- Who changes the views needs these claims alone, and after them the order lock, when he asks for it. He does not wait for long, because
-- who comes after him waits behind him, and might have what he waits for: what he could not get at once he lets go, and tries again.
CREATE FUNCTION ${schema}.claim_views(what text[], with_order_lock boolean) RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE
  before text := current_setting('lock_timeout');
BEGIN
  PERFORM ${schema}.need_read_committed();
  BEGIN
    PERFORM set_config('lock_timeout', '300ms', true);
    PERFORM pg_advisory_xact_lock(${schema}.claim_lock(name)) FROM unnest(what) AS name;
    IF with_order_lock THEN PERFORM ${schema}.hold_order_lock(); END IF;
    PERFORM set_config('lock_timeout', before, true);
  EXCEPTION WHEN lock_not_available OR deadlock_detected THEN RETURN false;
  END;
  RETURN true;
END $$;

${batchFunction(schema, comparingEpochs(schema))}
`

/**
 * How the batch function of step 3 differs from that of step 1, which is left for processes of an older version that are still running.
 * Both are made of one text.
 */
const comparingEpochs = (schema: string): BatchFunction => ({
  name: 'append_batch_at',
  parameter: '\n  -- The epoch of the views that its requests were checked against; null: none was.\n  in_epoch bigint,',
  declaration: '\n  found_epoch bigint;',
  column: `, (SELECT v.epoch FROM ${schema}.view_epoch v WHERE v.id = 1)`,
  variable: ', found_epoch',
  check: `  -- Views are others by now: everybody is told, one by one.
  IF in_epoch <> found_epoch THEN
    refused := s_request;
    RETURN;
  END IF;
`,
})

interface BatchFunction {
  readonly name: string
  readonly parameter: string
  readonly declaration: string
  readonly column: string
  readonly variable: string
  readonly check: string
}

const comparingNone: BatchFunction = { name: 'append_batch', parameter: '', declaration: '', column: '', variable: '', check: '' }

const batchFunction = (
  schema: string,
  { name, parameter, declaration, column, variable, check } = comparingNone,
): string => `-- Appends many requests at once, or none of them: what is demanded of the store is checked first, and who demanded what does not hold
-- is named in "refused"; who needs what somebody else's transaction holds, in "busy". Numbers of requests start at 1.
--
-- This is the innermost loop of the store: each statement of it costs every append some time. What most appends do not need is in
-- "more", which is null for them.
CREATE FUNCTION ${schema}.${name}(
  now_ms bigint,${parameter}
  -- Streams: the version that is demanded (-1: any, -2: above 0, -3: only named), and by whom.
  s_tenant text[], s_stream text[], s_demand bigint[], s_request integer[],
  -- Events: the number of their stream above, and their place among what the stream gets. Tags: null where no event has any.
  e_stream integer[], e_place integer[], e_id text[], e_type text[], e_schema integer[], e_data text[], e_metadata text[], e_tags text[],
  e_correlation text[], e_occurred bigint[],
  -- follows: events that must be stored. conditions: queries that nothing above a position may match. rows: the version that is demanded,
  -- the one they get, and the text. keys: outcomes; their versions count from where their stream was. types: not known to be stored.
  more json,
  OUT head bigint, OUT recorded bigint, OUT bases bigint[], OUT refused integer[], OUT busy integer[]
) LANGUAGE plpgsql ${plannedOnce} AS $$
DECLARE
  somebody_waits boolean;${declaration}
BEGIN
  IF current_setting('transaction_isolation') <> 'read committed' THEN PERFORM ${schema}.need_read_committed(); END IF;
  PERFORM pg_advisory_xact_lock(${schema}.order_lock());
  PERFORM ${whileHeld},
    CASE WHEN current_setting('synchronous_commit') = 'off' THEN set_config('synchronous_commit', 'on', true) END;

  SELECT array_agg(request) INTO busy FROM (
    SELECT request, pg_try_advisory_xact_lock(${schema}.claim_lock('s' || stream || E'\\x01' || tenant)) AS free
    FROM unnest(s_tenant, s_stream, s_demand, s_request) AS s(tenant, stream, demand, request) WHERE demand > -3
  ) AS tried WHERE NOT free;
  IF more IS NOT NULL THEN
    busy := busy || ARRAY(
      SELECT request FROM (
        SELECT request, pg_try_advisory_xact_lock(${schema}.claim_lock(what)) AS free FROM (
          SELECT request, 'k' || key || E'\\x01' || tenant FROM json_to_recordset(more->'keys') AS k(tenant text, key text, request integer)
          UNION ALL
          SELECT request, 'v' || view || E'\\x01' || key || E'\\x01' || tenant
          FROM json_to_recordset(more->'rows') AS v(tenant text, view text, key text, request integer)
        ) AS wanted(request, what)
      ) AS tried WHERE NOT free
    );
  END IF;
  IF cardinality(busy) > 0 THEN RETURN; END IF;

  SELECT newest.position, newest.recorded_at, EXISTS (SELECT FROM ${schema}.events e WHERE e.position IS NULL)${column} INTO head, recorded, somebody_waits${variable}
  FROM (VALUES (1)) AS one LEFT JOIN LATERAL (
    SELECT e.position, e.recorded_at FROM ${schema}.events e WHERE e.position IS NOT NULL ORDER BY e.position DESC LIMIT 1
  ) AS newest ON true;
  IF somebody_waits THEN
    PERFORM ${schema}.stamp(now_ms);
    SELECT e.position, e.recorded_at INTO head, recorded FROM ${schema}.events e WHERE e.position IS NOT NULL ORDER BY e.position DESC LIMIT 1;
  END IF;
  head := coalesce(head, 0);
  recorded := greatest(now_ms, recorded);
${check}  -- A clock that is far behind the newest event: everybody is told why, one by one.
  IF recorded - now_ms > 60000 AND cardinality(e_id) > 0 THEN
    refused := s_request;
    RETURN;
  END IF;
  SELECT coalesce(array_agg(base ORDER BY n), '{}'), array_agg(request) FILTER (WHERE (demand >= 0 AND demand <> base) OR (demand = -2 AND base = 0))
  INTO bases, refused FROM (
    SELECT n, demand, request,
      coalesce((SELECT e.version FROM ${schema}.events e WHERE e.tenant = s.tenant AND e.stream = s.stream ORDER BY e.version DESC LIMIT 1), 0) AS base
    FROM unnest(s_tenant, s_stream, s_demand, s_request) WITH ORDINALITY AS s(tenant, stream, demand, request, n)
    OFFSET 0 -- or the version would be looked for each time that it is mentioned above
  ) AS found;
  IF more IS NOT NULL THEN
    refused := refused || ARRAY(
      SELECT f.request FROM json_to_recordset(more->'follows') AS f(tenant text, id text, request integer)
      WHERE NOT EXISTS (SELECT FROM ${schema}.events e WHERE e.tenant = f.tenant AND e.id = f.id)
      UNION ALL
      SELECT c.request FROM json_to_recordset(more->'conditions') AS c(tenant text, query json, after bigint, request integer)
      WHERE c.after < head AND ${schema}.first_match(c.tenant, c.query, c.after) IS NOT NULL
      UNION ALL
      SELECT v.request FROM json_to_recordset(more->'rows') AS v(tenant text, view text, key text, demand bigint, request integer)
      LEFT JOIN ${schema}.view_rows r ON r.tenant = v.tenant AND r.view = v.view AND r.key = v.key
      WHERE v.demand <> coalesce(r.row_version, 0)
      UNION ALL
      SELECT k.request FROM json_to_recordset(more->'keys') AS k(tenant text, key text, request integer)
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
  IF e_tags IS NOT NULL THEN
    INSERT INTO ${schema}.tags
    SELECT s_tenant[e.s], tag, head + e.n FROM unnest(e_stream, e_tags) WITH ORDINALITY AS e(s, tags, n), json_array_elements_text(e.tags::json) AS tag
    WHERE e.tags IS NOT NULL;
  END IF;
  IF more IS NOT NULL THEN
    INSERT INTO ${schema}.view_rows (tenant, view, key, row_version, row)
    SELECT v.tenant, v.view, v.key, v.version, v.row::json
    FROM json_to_recordset(more->'rows') AS v(tenant text, view text, key text, version bigint, "row" text)
    ON CONFLICT (tenant, view, key) DO UPDATE SET row_version = excluded.row_version, row = excluded.row;
    INSERT INTO ${schema}.idempotency (tenant, key, hash, outcome, stream, first_version, last_version, expires_at)
    SELECT k.tenant, k.key, k.hash, k.outcome, s_stream[k.stream], CASE WHEN k.first = 0 THEN 0 ELSE bases[k.stream] + k.first END,
      CASE WHEN k.last = 0 THEN 0 ELSE bases[k.stream] + k.last END, k."expiresAt"
    FROM json_to_recordset(more->'keys')
      AS k(tenant text, key text, hash text, outcome text, stream integer, first integer, last integer, "expiresAt" bigint)
    ON CONFLICT (tenant, key) DO UPDATE SET hash = excluded.hash, outcome = excluded.outcome, stream = excluded.stream,
      first_version = excluded.first_version, last_version = excluded.last_version, expires_at = excluded.expires_at;
    INSERT INTO ${schema}.event_types
    SELECT t.category, t.type, t.version FROM json_to_recordset(more->'types') AS t(category text, type text, version integer)
    ON CONFLICT (category, type) DO UPDATE SET schema_version = excluded.schema_version
    WHERE excluded.schema_version > event_types.schema_version;
  END IF;
END $$;
`
