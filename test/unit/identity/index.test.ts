import { expect, test } from '@jest/globals';
import * as identity from 'garrison/identity';

test('the identity client has these names and no others', () => {
  expect(Object.keys(identity).sort()).toMatchInlineSnapshot(`
   [
     "GarrisonError",
     "WorkloadIdentity",
     "anyone",
     "memberOf",
     "oneOf",
     "parseSpiffeId",
     "parseTrustDomain",
     "peerOf",
   ]
  `);
});

test('an authorizer takes whole identities and trust domains, spelled as SPIFFE spells them', () => {
  const web = identity.parseSpiffeId('spiffe://example.org/web');
  expect(identity.anyone()(web)).toBe(true);
  expect(identity.memberOf('example.org')(web)).toBe(true);
  expect(identity.memberOf('example.or')(web)).toBe(false);
  expect(identity.oneOf('spiffe://example.org/web')(web)).toBe(true);
  expect(identity.oneOf('spiffe://example.org/we', 'spiffe://example.org/web/x')(web)).toBe(false);
  expect(identity.oneOf()(web)).toBe(false);
  expect(() => identity.memberOf('spiffe://example.org')).toThrow();
  expect(() => identity.oneOf('example.org/web')).toThrow();
});
