import { expect, test } from '@jest/globals';
import { parseTrustDomain } from '#ca/spiffe-id.ts';
import type { SerialHex } from '#ca/issue/serial.ts';
import { lint } from '#ca/issue/lint.ts';
import { prepare } from '#ca/issue/prepare.ts';
import { sign } from '#ca/issue/sign.ts';
import { Authorities, type Authority } from '#services/ca/authority/authorities.ts';
import { AuthorityUses } from '#services/ca/authority-use/authority-uses.ts';
import { MemoryLedger } from '#services/ca/ledger/memory-ledger.ts';
import type { Intent } from '#services/ca/ledger/port.ts';
import { leafPlan, testAuthority, type TestAuthority } from '#test/fakes/test-authority.ts';
import { TestClock } from '#test/fakes/test-clock.ts';

const now = new Date('2030-01-01T00:00:00Z');
const hour = 3_600_000;
const trustDomain = parseTrustDomain('example.org');
const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');
let serials = 0;

function authority(id: string, state: Authority['state'], { root, issuing }: TestAuthority): Authority {
  return {
    id,
    state,
    since: now,
    root,
    issuing,
    jwtKey: {},
    signers: {},
    record: {},
    chain: [],
    given: false,
  } as unknown as Authority;
}

/** A leaf on the record, as if it had been asked for so many hours ago. */
async function issued(
  ledger: MemoryLedger,
  by: TestAuthority,
  name: string,
  hoursAgo: number,
  hours: number,
  more: Partial<Intent> = {},
): Promise<SerialHex> {
  const serial = (serials += 1).toString(16).padStart(40, '0') as SerialHex;
  const requestedAt = new Date(now.getTime() - hoursAgo * hour);
  await ledger.intend({
    serial,
    profile: 'leaf',
    spiffeId: `spiffe://example.org/${name}`,
    dnsNames: [],
    notBefore: requestedAt,
    notAfter: new Date(requestedAt.getTime() + hours * hour),
    issuerKeyId: hex(by.issuing.keyId),
    publicKeyHash: '00'.repeat(32),
    tbsHash: '00'.repeat(32),
    caller: 'self',
    grant: 'self',
    requestedAt,
    ...more,
  });
  const certificate = await sign(lint(prepare(leafPlan(by, now))), by.signer);
  await ledger.conclude(serial, { kind: 'issued', certificate }, requestedAt);
  return serial;
}

test('who still uses an authority is told apart from who has moved, and from who never counted', async () => {
  const [old, next] = [await testAuthority(now), await testAuthority(now)];
  await using ledger = new MemoryLedger();
  const authorities = new Authorities([authority('old', 'old', old), authority('next', 'active', next)], 1);
  const uses = new AuthorityUses({ ledger, authorities, clock: new TestClock(), trustDomain });
  await issued(ledger, old, 'stays', 5, 10);
  await issued(ledger, old, 'stays', 4, 20);
  await issued(ledger, old, 'moved', 5, 24);
  await issued(ledger, next, 'moved', 1, 24);
  // Under the new one first and then, by a process that was behind, under the old one again: it still uses that.
  await issued(ledger, next, 'back', 3, 24);
  await issued(ledger, old, 'back', 2, 6);
  await issued(ledger, old, 'ended', 5, 1);
  const revoked = await issued(ledger, old, 'revoked', 1, 24);
  await ledger.revoke(revoked, 'x', now);

  const counts = await uses.counts();
  expect(counts.map(({ authority: { id }, certificates }) => [id, certificates])).toEqual([
    ['next', 2],
    ['old', 4],
  ]);
  const at = (hours: number): Date => new Date(now.getTime() + hours * hour);
  const { identities, complete } = await uses.identities('old', 10);
  expect(complete).toBe(true);
  expect(identities).toEqual([
    {
      spiffeId: 'spiffe://example.org/stays',
      certificates: 2,
      lastExpires: at(16),
      moved: undefined,
      downstream: false,
    },
    { spiffeId: 'spiffe://example.org/back', certificates: 1, lastExpires: at(4), moved: undefined, downstream: false },
    { spiffeId: 'spiffe://example.org/moved', certificates: 1, lastExpires: at(19), moved: at(-1), downstream: false },
  ]);
  expect(await uses.identities('old', 1)).toMatchObject({ identities: [{}], complete: false });
});

test('authorities below, whose own certificates may be gone, still use what signed their intermediates', async () => {
  const [old, next] = [await testAuthority(now), await testAuthority(now)];
  await using ledger = new MemoryLedger();
  const authorities = new Authorities([authority('old', 'old', old), authority('next', 'active', next)], 1);
  const uses = new AuthorityUses({ ledger, authorities, clock: new TestClock(), trustDomain });
  const signed = async (by: TestAuthority, cell: string, hoursAgo: number): Promise<SerialHex> => {
    const caller = await issued(ledger, by, cell, hoursAgo, 1);
    const more = { profile: 'intermediate', spiffeId: 'spiffe://example.org', caller: `svid:${caller}` } as const;
    return issued(ledger, by, 'ignored', hoursAgo, 20 * 24, { ...more, grant: `registration:mesh/${cell}` });
  };
  // Its own leaf is long over, and older than any leaf that could be in use.
  await signed(old, 'cell-7', 10 * 24);
  await signed(old, 'cell-8', 6);
  await signed(next, 'cell-8', 2);
  await ledger.revoke(await signed(old, 'cell-9', 6), 'x', now);
  await issued(ledger, old, 'stays', 5, 24);

  expect((await uses.counts()).map(({ certificates, intermediates }) => [certificates, intermediates])).toEqual([
    [0, 1],
    [1, 2],
  ]);
  const at = (hours: number): Date => new Date(now.getTime() + hours * hour);
  const one = { certificates: 1, downstream: true };
  expect((await uses.identities('old', 10)).identities).toEqual([
    { ...one, spiffeId: 'spiffe://example.org/cell-7', lastExpires: at(10 * 24), moved: undefined },
    { ...one, downstream: false, spiffeId: 'spiffe://example.org/stays', lastExpires: at(19), moved: undefined },
    { ...one, spiffeId: 'spiffe://example.org/cell-8', lastExpires: at(20 * 24 - 6), moved: at(-2) },
  ]);
});
