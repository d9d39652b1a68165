import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { readBundle } from '#ca/bundle/read-bundle.ts';
import { validateJwt } from '#ca/jwt/validate-jwt.ts';

interface Table {
  readonly now: string;
  readonly audience: string;
  /** Bundle documents by trust domain. */
  readonly bundles: Readonly<Record<string, unknown>>;
  readonly cases: readonly {
    readonly name: string;
    readonly token: string;
    /** Seconds after `now`. */
    readonly at: number;
    readonly valid: boolean;
    readonly reason?: string;
  }[];
}

const file = join(import.meta.dirname, 'cases/jwt-svids.json');
const { now, audience, bundles, cases } = JSON.parse(readFileSync(file, 'utf8')) as Table;
const keys = new Map(Object.entries(bundles).map(([name, text]) => [name, readBundle(JSON.stringify(text)).jwtKeys]));

describe('a JWT-SVID', () => {
  test.each(cases.map((one) => [one.name, one] as const))('with %s', async (_, { token, at, valid, reason = '' }) => {
    const moment = new Date(Date.parse(now) + at * 1000);
    const validated = validateJwt({ token, audience, now: moment, keysOf: (domain) => keys.get(domain) });
    if (valid) {
      expect((await validated).id.toString()).toBe('spiffe://td/ns/a/sa/b');
    } else {
      await expect(validated).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' });
      await expect(validated).rejects.toThrow(reason);
    }
  });
});
