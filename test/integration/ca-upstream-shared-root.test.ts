import { X509Certificate } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import { systemClock } from '#runtime/clock.ts';
import { workloadIdentity } from '#runtime/identity/workload-identity.ts';
import type { Identity } from '#runtime/identity-source.ts';
import { silentLogger } from '#runtime/logger.ts';
import { joinToken } from '#test/fakes/certificate-client.ts';
import { registration, runCa } from '#test/fakes/running-ca.ts';
import { SharedRoot, until } from '#test/fakes/shared-root.ts';

const child = 'spiffe://example.org/ns/shop/sa/child-ca';
const options = { clock: systemClock, logger: silentLogger, signal: new AbortController().signal };
/** Who signed for the authority that signed for somebody. */
const aboveOf = ({ certificates: [, issuing = ''] }: Identity): string => new X509Certificate(issuing).issuer;

test('of two authorities under one root the older is tainted: an authority below has another intermediate, its workloads others', async () => {
  await using cleanUp = new AsyncDisposableStack();
  const policies = {
    'child.yaml': registration('child', 'child-ca', ['token:child'], '  downstream: true\n  x509Ttl: 24h\n'),
  };
  const world = cleanUp.use(await SharedRoot.open(policies));
  const files = mkdtempSync(join(tmpdir(), 'gus-'));
  cleanUp.defer(() => rmSync(files, { recursive: true }));
  const [forChild, forWorkload] = [join(files, 'child'), join(files, 'workload')];
  writeFileSync(forChild, await joinToken(world.running, { name: 'child' }), { mode: 0o600 });
  const { ca: address } = world.running.ca.addresses;
  const upstream = { spiffe: { address, identity: { token: forChild } } };
  const below = cleanUp.use(await runCa({ settings: { upstream } }));
  const bearer = await joinToken(below, { spiffeId: 'spiffe://example.org/ns/shop/sa/first' });
  writeFileSync(forWorkload, bearer, { mode: 0o600 });
  const source = { ca: below.ca.addresses.ca, token: forWorkload };
  const workload = cleanUp.use(await workloadIdentity(source, options));
  expect(aboveOf(workload.current())).toContain('issuing 1');

  await world.taintOlder();
  await until(workload, (current) => aboveOf(current).includes('issuing 2'));
  await world.tellMore([workload]);

  // The child itself, and its intermediate.
  expect([await world.issued(child), await world.issued('spiffe://example.org')]).toEqual([2, 2]);
});
