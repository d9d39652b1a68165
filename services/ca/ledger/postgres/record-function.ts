import { channel, leaseLost, locks } from './locks.ts';

/**
 * All that one process has to record at one moment, in one statement and one transaction: as fast as the network, however
 * many there are. What cannot stand is told item by item and leaves the others as they are.
 *
 * `p_again`: the same batch was sent before and nobody knows what became of it; what stands already is then no fault.
 */
export const recordFunction = `
  CREATE FUNCTION record(
    p_instance integer, p_holder uuid, p_again boolean, p_intents jsonb, p_outcomes jsonb, p_jwts jsonb
  ) RETURNS TABLE (kind text, item bigint, fault text) LANGUAGE plpgsql AS $body$
  BEGIN
    PERFORM FROM garrison.instances l WHERE l.instance = p_instance AND l.holder = p_holder FOR SHARE;
    IF NOT FOUND THEN
      RAISE EXCEPTION 'the lease of instance % is lost', p_instance USING ERRCODE = '${leaseLost}';
    END IF;

    IF jsonb_array_length(p_intents) > 0 THEN
      RETURN QUERY
      WITH given AS MATERIALIZED (
        SELECT o.item, decode(x->>0, 'hex') AS serial, x->>1 AS profile, x->>2 AS spiffe_id, x->>3 AS dns_names,
          (x->>4)::bigint AS not_before, (x->>5)::bigint AS not_after, decode(x->>6, 'hex') AS issuer_key_id,
          decode(x->>7, 'hex') AS public_key_hash, decode(x->>8, 'hex') AS tbs_hash, x->>9 AS caller,
          x->>10 AS authority_grant, (x->>11)::bigint AS requested_at,
          decode(x->>12, 'hex') AS token, (x->>13)::bigint AS redeem_at
        FROM jsonb_array_elements(p_intents) WITH ORDINALITY AS o(x, item)
      ), known AS MATERIALIZED (
        SELECT g.item, p_again AND i.tbs_hash = g.tbs_hash AS same
        FROM given g JOIN garrison.intents i ON i.serial = g.serial
      ), fresh AS MATERIALIZED (
        SELECT DISTINCT ON (g.serial) g.* FROM given g
        WHERE g.item NOT IN (SELECT k.item FROM known k) ORDER BY g.serial, g.item
      ), redeemers AS MATERIALIZED (
        SELECT DISTINCT ON (f.token) f.item, f.token, f.redeem_at FROM fresh f
        WHERE f.token IS NOT NULL ORDER BY f.token, f.item
      ), locked AS MATERIALIZED (
        -- In one order everywhere, so that two batches never wait for each other.
        SELECT t.hash FROM garrison.tokens t WHERE t.hash IN (SELECT r.token FROM redeemers r)
        ORDER BY t.hash FOR UPDATE
      ), redeemed AS (
        UPDATE garrison.tokens t SET redeemed_at = r.redeem_at FROM redeemers r JOIN locked l ON l.hash = r.token
        WHERE t.hash = r.token AND t.redeemed_at IS NULL AND t.expires_at > r.redeem_at
        RETURNING r.item
      ), inserted AS (
        INSERT INTO garrison.intents (serial, profile, spiffe_id, dns_names, not_before, not_after, issuer_key_id,
          public_key_hash, tbs_hash, caller, authority_grant, requested_at)
        SELECT f.serial, f.profile, f.spiffe_id, f.dns_names, f.not_before, f.not_after, f.issuer_key_id,
          f.public_key_hash, f.tbs_hash, f.caller, f.authority_grant, f.requested_at
        FROM fresh f WHERE f.token IS NULL OR f.item IN (SELECT d.item FROM redeemed d) ORDER BY f.item
      )
      SELECT 'intent', g.item, CASE WHEN f.item IS NULL THEN 'exists' ELSE 'token' END
      FROM given g LEFT JOIN fresh f ON f.item = g.item LEFT JOIN known k ON k.item = g.item
      WHERE k.same IS NOT TRUE
        AND (f.item IS NULL OR (f.token IS NOT NULL AND g.item NOT IN (SELECT d.item FROM redeemed d)));
      IF EXISTS (SELECT FROM jsonb_array_elements(p_intents) AS o(x) WHERE x->>12 IS NOT NULL) THEN
        PERFORM pg_notify('${channel}', 'tokens ' || p_holder);
      END IF;
    END IF;

    IF jsonb_array_length(p_outcomes) > 0 OR jsonb_array_length(p_jwts) > 0 THEN
      PERFORM pg_advisory_xact_lock(${locks.order});
    END IF;

    IF jsonb_array_length(p_outcomes) > 0 THEN
      RETURN QUERY
      WITH given AS MATERIALIZED (
        SELECT o.item, decode(x->>0, 'hex') AS serial, x->>1 AS state, decode(x->>2, 'base64') AS certificate,
          x->>3 AS reason, (x->>4)::bigint AS concluded_at
        FROM jsonb_array_elements(p_outcomes) WITH ORDINALITY AS o(x, item)
      ), added AS (
        INSERT INTO garrison.outcomes (number, state, certificate, reason, concluded_at)
        SELECT i.number, g.state, g.certificate, g.reason, g.concluded_at
        FROM given g JOIN garrison.intents i ON i.serial = g.serial ORDER BY g.item
        ON CONFLICT (number) DO NOTHING RETURNING outcomes.number
      )
      SELECT 'outcome', g.item, 'absent'
      FROM given g LEFT JOIN garrison.intents i ON i.serial = g.serial LEFT JOIN added a ON a.number = i.number
      WHERE a.number IS NULL AND NOT (p_again AND EXISTS (
        SELECT FROM garrison.outcomes o WHERE o.number = i.number AND o.state = g.state
          AND o.certificate IS NOT DISTINCT FROM g.certificate));
    END IF;

    INSERT INTO garrison.jwts (spiffe_id, audience, key_id, token_hash, issued_at, expires_at, caller, authority_grant)
    SELECT x->>0, x->>1, x->>2, decode(x->>3, 'hex'), (x->>4)::bigint, (x->>5)::bigint, x->>6, x->>7
    FROM jsonb_array_elements(p_jwts) WITH ORDINALITY AS o(x, item)
    WHERE NOT (p_again AND EXISTS (
      SELECT FROM garrison.jwts j WHERE j.spiffe_id = x->>0 AND j.token_hash = decode(x->>3, 'hex')))
    ORDER BY o.item;
  END
  $body$;
`;
