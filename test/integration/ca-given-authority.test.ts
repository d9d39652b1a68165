import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeEach, describe, expect, test } from '@jest/globals';
import { parseTrustDomain } from '#ca/spiffe-id.ts';
import { systemClock } from '#runtime/clock.ts';
import { lookIntoFolder } from '#services/ca/plugged-in/look-into-folder.ts';
import { readPluggedIn } from '#services/ca/plugged-in/read-plugged-in.ts';
import { diskUpstream } from '#services/ca/upstream/disk-upstream.ts';
import type { IntermediateRequest } from '#services/ca/upstream/upstream.ts';
import { OpensslAuthority, plugIn } from '#test/fakes/openssl-authority.ts';

const corp = new OpensslAuthority();
const root = corp.root('corp root');
const rules = { trustDomain: parseTrustDomain('example.org'), dnsNames: ['localhost'] };
const folder = mkdtempSync(join(tmpdir(), 'gga-'));
afterAll(() => {
  corp[Symbol.dispose]();
  rmSync(folder, { recursive: true });
});
type Kept = ReturnType<OpensslAuthority['under']>;

/** The same authority, in files for the one and for the other. */
const ways: readonly [string, (issuing: Kept, anchor?: Kept | null) => Promise<unknown>][] = [
  [
    'ca.pluggedIn',
    (issuing, anchor = root) => {
      plugIn(folder, issuing, anchor === null ? [issuing] : [anchor]);
      return Promise.resolve().then(() =>
        readPluggedIn(lookIntoFolder(folder), { ...rules, passphrase: undefined, now: new Date() }),
      );
    },
  ],
  [
    'ca.upstream.disk',
    async (issuing, anchor = root) => {
      const file = (name: string, text: string): string => {
        writeFileSync(join(folder, name), text, { mode: 0o600 });
        return join(folder, name);
      };
      const files = {
        certificate: file('upstream.pem', issuing.certificate),
        key: file('upstream-key.pem', issuing.key),
        bundle: anchor === null ? undefined : file('roots.pem', anchor.certificate),
      };
      // What is good comes as far as the request, which is none.
      const ceremony = { ...rules, clock: systemClock, instance: () => 1, life: { issuingSeconds: 3600 } };
      const upstream = diskUpstream(files, undefined, ceremony as unknown as Parameters<typeof diskUpstream>[2]);
      const request = { publicKey: undefined } as unknown as IntermediateRequest;
      await upstream.newIntermediate(request).catch((error: unknown) => {
        if (!(error instanceof TypeError)) throw error;
      });
    },
  ],
];

describe.each(ways)('what is given as %s', (place, take) => {
  test.each<[string, Parameters<OpensslAuthority['under']>[2], RegExp | undefined]>([
    [
      'a trust domain of somebody else',
      { uri: 'spiffe://other.example' },
      /CN=issuing.*pem` is of `spiffe:\/\/other.example`/,
    ],
    ['SHA-1', { digest: 'sha1' }, /CN=issuing.*pem` is signed with SHA-1, which peers refuse/],
    ['MD5', { digest: 'md5' }, /is signed with MD5/],
    [
      'URIs of others only',
      { constraints: 'permitted;URI:other.example' },
      /`permitted;URI:other.example`\) that forbid `spiffe:\/\/example.org/,
    ],
    ['not our URIs', { constraints: 'excluded;URI:example.org' }, /`excluded;URI:example.org`\) that forbid/],
    ['only what is below our host', { constraints: 'permitted;URI:.example.org' }, /that forbid/],
    [
      'other DNS names only',
      { constraints: 'permitted;URI:example.org,permitted;DNS:corp.example' },
      /forbid the DNS name `localhost`/,
    ],
    ['our URIs', { constraints: 'permitted;URI:example.org' }, undefined],
    ['our URIs, in capitals', { constraints: 'permitted;URI:EXAMPLE.org,excluded;URI:.example.org' }, undefined],
    ['all hosts below the top', { constraints: 'permitted;URI:.org,permitted;DNS:localhost' }, undefined],
    ['addresses of the house', { constraints: 'permitted;IP:10.0.0.0/255.0.0.0' }, undefined],
    ['our trust domain by name', { uri: 'spiffe://example.org', digest: 'sha384' }, undefined],
  ])('%s', async (_, options, why) => {
    const issuing = corp.under(root, 'issuing', options);
    const [taken] = await Promise.allSettled([take(issuing)]);
    if (why === undefined) expect(taken).toMatchObject({ status: 'fulfilled' });
    else {
      const error: unknown = expect.objectContaining({ place, message: expect.stringMatching(why) as unknown });
      expect(taken).toMatchObject({ status: 'rejected', reason: error });
    }
    if (options?.constraints === undefined) return;
    const leaf = corp.under(issuing, 'leaf', { ca: false, uri: 'spiffe://example.org/ns/a/sa/b', dns: 'localhost' });
    expect(corp.takes(leaf, issuing, root)).toBe(why === undefined);
  });

  test('no chain up to a root: refused', async () => {
    await expect(take(corp.under(root, 'issuing'), null)).rejects.toThrow(
      /CN=issuing.* is not a root: another authority has signed it/,
    );
  });
});

describe('an authority above, in files', () => {
  const [, disk] = ways[1] ?? [];
  beforeEach(() => expect(disk).toBeDefined());

  test('that may sign leaves only: refused, with what to have instead', async () => {
    const why = /leaves no room for the intermediate that is made here \(`pathlen:0`\)/;
    await expect(disk?.(corp.under(root, 'issuing', { pathLength: 0 }))).rejects.toThrow(why);
    const middle = corp.under(root, 'middle', { pathLength: 1 });
    await disk?.(middle);
  });

  test('that permits other subjects only: refused', async () => {
    const constraints = 'permitted;dirName:house\n[house]\nO=Corp';
    await expect(disk?.(corp.under(root, 'issuing', { constraints }))).rejects.toThrow(/permit only other subjects/);
  });
});
