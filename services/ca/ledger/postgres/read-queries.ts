import { entryColumns } from '../rows.ts';

export const entries = `SELECT ${entryColumns}
  FROM garrison.intents i LEFT JOIN garrison.outcomes o USING (number) LEFT JOIN garrison.revocations r USING (number)`;

export const concluded = `SELECT ${entryColumns}, o.position
  FROM garrison.outcomes o JOIN garrison.intents i USING (number) LEFT JOIN garrison.revocations r USING (number)
  WHERE o.position > $1 ORDER BY o.position LIMIT $2`;

export const revoked = `SELECT ${entryColumns}, r.position
  FROM garrison.revocations r JOIN garrison.intents i USING (number) LEFT JOIN garrison.outcomes o USING (number)
  WHERE r.position > $1 ORDER BY r.position LIMIT $2`;

export const revokedSerials = `SELECT encode(i.serial, 'hex') AS serial
  FROM garrison.revocations r JOIN garrison.intents i USING (number) WHERE i.not_after >= $1 ORDER BY i.number`;

export const live = `SELECT i.issuer_key_id, count(*) AS leaves FROM garrison.intents i
  WHERE i.profile = 'leaf' AND i.not_after >= $1
    AND NOT EXISTS (SELECT FROM garrison.outcomes o WHERE o.number = i.number AND o.state = 'failed')
    AND NOT EXISTS (SELECT FROM garrison.revocations r WHERE r.number = i.number)
  GROUP BY i.issuer_key_id ORDER BY i.issuer_key_id`;
