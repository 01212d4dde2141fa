/**
 * The tables of work, and the function that commits it.
 *
 * Invariant: what a piece of work has led to is written only while the row of its part is locked at the epoch under which it was
 * begun; who takes the part over changes that row. So after a takeover nothing of the old owner can be written any more.
 */

import { plannedOnce } from './append-functions.ts'

/** @param schema  its name, quoted. */
export const workSchema = (schema: string): string => `
-- The processes that work on subscriptions.
CREATE TABLE ${schema}.owners (
  owner text COLLATE "C" PRIMARY KEY,
  beat bigint NOT NULL,
  about text NOT NULL
) WITH (fillfactor = 50);

CREATE TABLE ${schema}.parts (
  subscription text COLLATE "C" NOT NULL,
  part text COLLATE "C" NOT NULL,
  owner text COLLATE "C",
  epoch bigint NOT NULL,
  position bigint NOT NULL,
  state text NOT NULL,
  PRIMARY KEY (subscription, part)
) WITH (fillfactor = 50);

CREATE TABLE ${schema}.records (
  kind text COLLATE "C" NOT NULL,
  owner text COLLATE "C" NOT NULL,
  tenant text COLLATE "C" NOT NULL,
  key text COLLATE "C" NOT NULL,
  slot integer NOT NULL,
  status text COLLATE "C" NOT NULL,
  due_at bigint,
  body text NOT NULL,
  revision bigint NOT NULL,
  PRIMARY KEY (kind, owner, tenant, key)
) WITH (fillfactor = 80);
CREATE INDEX records_due ON ${schema}.records (kind, owner, due_at) WHERE due_at IS NOT NULL;

-- Which rows of a view are live, where they are not the first ones: those of generation 2 are kept under 'name@2'.
CREATE TABLE ${schema}.generations (
  view text COLLATE "C" PRIMARY KEY,
  generation bigint NOT NULL
);

-- A sign of life; everybody's comes back.
CREATE FUNCTION ${schema}.beat(in_owner text, in_about text) RETURNS SETOF ${schema}.owners LANGUAGE sql AS $$
  INSERT INTO ${schema}.owners VALUES (in_owner, 1, in_about)
    ON CONFLICT (owner) DO UPDATE SET beat = owners.beat + 1, about = excluded.about;
  SELECT * FROM ${schema}.owners ORDER BY owner;
$$;

-- Divides a subscription anew, if it still is divided into the parts that the caller holds.
CREATE FUNCTION ${schema}.divide(
  in_subscription text, held_part text[], held_epoch bigint[], new_part text[], new_position bigint[], new_state text[]
) RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE
  last_epoch bigint;
BEGIN
  PERFORM pg_advisory_xact_lock(${schema}.claim_lock('w' || in_subscription));
  PERFORM FROM ${schema}.parts p WHERE p.subscription = in_subscription ORDER BY p.part FOR UPDATE;
  IF EXISTS (
    SELECT FROM (SELECT part, epoch FROM ${schema}.parts WHERE subscription = in_subscription) AS there
    FULL JOIN unnest(held_part, held_epoch) AS held(part, epoch) USING (part, epoch)
    WHERE there IS NULL OR held IS NULL
  ) THEN RETURN false; END IF;
  SELECT coalesce(max(epoch), 0) INTO last_epoch FROM ${schema}.parts WHERE subscription = in_subscription;
  DELETE FROM ${schema}.parts WHERE subscription = in_subscription;
  INSERT INTO ${schema}.parts (subscription, part, owner, epoch, position, state)
    SELECT in_subscription, n.part, NULL, last_epoch + 1, n.position, n.state
    FROM unnest(new_part, new_position, new_state) AS n(part, position, state);
  RETURN true;
END $$;

-- Writes what pieces of work have led to, or nothing of it: whose lease is lost is named in "lost", whose record was changed in
-- "changed". Pieces are numbered from 1.
CREATE FUNCTION ${schema}.commit_work(
  p_subscription text[], p_part text[], p_epoch bigint[], p_position bigint[], p_state text[], p_work integer[],
  r_kind text[], r_owner text[], r_tenant text[], r_key text[], r_slot integer[], r_status text[], r_due bigint[], r_body text[],
  r_expected bigint[], r_work integer[],
  v_tenant text[], v_view text[], v_key text[], v_row text[],
  OUT lost integer[], OUT changed integer[]
) LANGUAGE plpgsql ${plannedOnce} AS $$
BEGIN
  PERFORM FROM ${schema}.parts p WHERE (p.subscription, p.part) IN (SELECT * FROM unnest(p_subscription, p_part))
    ORDER BY p.subscription, p.part FOR NO KEY UPDATE;
  lost := ARRAY(
    SELECT w.work FROM unnest(p_subscription, p_part, p_epoch, p_work) AS w(subscription, part, epoch, work)
    WHERE NOT EXISTS (SELECT FROM ${schema}.parts p WHERE (p.subscription, p.part, p.epoch) = (w.subscription, w.part, w.epoch))
  );
  IF cardinality(r_key) > 0 THEN
    PERFORM FROM ${schema}.records r WHERE (r.kind, r.owner, r.tenant, r.key) IN (SELECT * FROM unnest(r_kind, r_owner, r_tenant, r_key))
      ORDER BY r.kind, r.owner, r.tenant, r.key FOR UPDATE;
    changed := ARRAY(
      SELECT w.work FROM unnest(r_kind, r_owner, r_tenant, r_key, r_expected, r_work) AS w(kind, owner, tenant, key, expected, work)
      LEFT JOIN ${schema}.records r ON (r.kind, r.owner, r.tenant, r.key) = (w.kind, w.owner, w.tenant, w.key)
      WHERE w.expected IS NOT NULL AND w.expected <> coalesce(r.revision, 0)
    );
  END IF;
  IF cardinality(lost) > 0 OR cardinality(changed) > 0 THEN RETURN; END IF;

  UPDATE ${schema}.parts p SET position = coalesce(w.position, p.position), state = coalesce(w.state, p.state)
    FROM unnest(p_subscription, p_part, p_position, p_state) AS w(subscription, part, position, state)
    WHERE (p.subscription, p.part) = (w.subscription, w.part) AND (w.position IS NOT NULL OR w.state IS NOT NULL);
  IF cardinality(r_key) > 0 THEN
    DELETE FROM ${schema}.records r USING unnest(r_kind, r_owner, r_tenant, r_key, r_body) AS w(kind, owner, tenant, key, body)
      WHERE (r.kind, r.owner, r.tenant, r.key) = (w.kind, w.owner, w.tenant, w.key) AND w.body IS NULL;
    INSERT INTO ${schema}.records (kind, owner, tenant, key, slot, status, due_at, body, revision)
      SELECT w.kind, w.owner, w.tenant, w.key, w.slot, w.status, w.due, w.body, 1
      FROM unnest(r_kind, r_owner, r_tenant, r_key, r_slot, r_status, r_due, r_body) AS w(kind, owner, tenant, key, slot, status, due, body)
      WHERE w.body IS NOT NULL
      ON CONFLICT (kind, owner, tenant, key) DO UPDATE SET
        slot = excluded.slot, status = excluded.status, due_at = excluded.due_at, body = excluded.body, revision = records.revision + 1;
    -- One that was not there, and so could not be locked, was made by somebody else in the meantime.
    IF EXISTS (
      SELECT FROM unnest(r_kind, r_owner, r_tenant, r_key, r_expected, r_body) AS w(kind, owner, tenant, key, expected, body)
      JOIN ${schema}.records r ON (r.kind, r.owner, r.tenant, r.key) = (w.kind, w.owner, w.tenant, w.key)
      WHERE w.expected = 0 AND w.body IS NOT NULL AND r.revision <> 1
    ) THEN
      RAISE EXCEPTION 'a record was made at the same time' USING ERRCODE = 'serialization_failure';
    END IF;
  END IF;
  IF cardinality(v_key) > 0 THEN
    INSERT INTO ${schema}.view_rows (tenant, view, key, row_version, row)
      SELECT v.tenant, v.view, v.key, 1, v.row::json FROM unnest(v_tenant, v_view, v_key, v_row) AS v(tenant, view, key, row)
      ON CONFLICT (tenant, view, key) DO UPDATE SET row = excluded.row, row_version = view_rows.row_version + 1;
  END IF;
END $$;
`
