import { expect, test } from '@jest/globals';
import { recordText } from '#cli/audit/record-text.ts';

const record = { sequence: 1, time: '2030-01-01T00:00:00Z', effect: 'unknown' };

test('what the authority did reads as that, not as a request of unknown fate', () => {
  const attributes = {
    'garrison.identity.event': 'revoked',
    'garrison.identity.spiffe_id': 'spiffe://td/ns/a/sa/b',
    'garrison.identity.serial': '01ab',
    'garrison.identity.profile': 'leaf',
    'garrison.identity.caller': 'admin',
    'garrison.identity.grant': 'admin',
    'garrison.identity.reason': 'lost',
  };
  expect(recordText({ ...record, attributes })).toBe(
    '2030-01-01T00:00:00Z  revoked  spiffe://td/ns/a/sa/b  01ab\n    leaf, asked by admin, by right of admin; lost',
  );
});

test('a request stays a request', () => {
  expect(recordText({ ...record, attributes: { other: 'x' } })).toContain('unknown');
});
