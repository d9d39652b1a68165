import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { buildGoSpiffe } from '#test/fakes/build-go-spiffe.ts';
import { ownUid } from '#test/fakes/own-uid.ts';
import { registration, runCa } from '#test/fakes/running-ca.ts';

const folder = mkdtempSync(join(tmpdir(), 'ggo-'));
const program = join(folder, 'go-spiffe');

beforeAll(() => buildGoSpiffe(program), 300_000);
afterAll(() => rmSync(folder, { recursive: true }));

test('go-spiffe gets its identities, makes mutual TLS with them, and sees them rotate without a failed handshake', async () => {
  await using running = await runCa({
    settings: { bundleEndpoint: { listen: { host: '127.0.0.1', port: 0 }, web: undefined, refreshHintMs: 300_000 } },
    policies: {
      '1.yaml': registration('go', 'go', [ownUid, `unix:path:${program}`], '  hint: main\n  x509Ttl: 4s\n'),
      '2.yaml': registration('other', 'other', [ownUid, 'unix:path:/bin/false']),
    },
  });
  const address = `unix://${join(running.state, 'workload.sock')}`;
  const { bundle } = running.ca.addresses;
  const endpoint = `https://127.0.0.1:${bundle !== undefined && 'port' in bundle ? bundle.port : 0}/`;
  const { stdout } = await promisify(execFile)(program, [address, endpoint], { timeout: 60_000 });
  const seen = JSON.parse(stdout) as { handshakes: number };
  expect(seen).toMatchObject({
    ids: ['spiffe://example.org/ns/shop/sa/go'],
    hints: ['main'],
    bundles: ['example.org'],
    peer: 'spiffe://example.org/ns/shop/sa/go',
    refused: true,
    endpoint: [1, 1, 1],
    jwt: 'spiffe://example.org/ns/shop/sa/go',
    rotated: true,
  });
  expect(seen.handshakes).toBeGreaterThan(10);
}, 60_000);
