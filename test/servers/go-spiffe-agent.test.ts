import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { buildGoSpiffe } from '#test/fakes/build-go-spiffe.ts';
import { joinToken } from '#test/fakes/certificate-client.ts';
import { nodeRegistration } from '#test/fakes/node-documents.ts';
import { ownUid } from '#test/fakes/own-uid.ts';
import { runAgent } from '#test/fakes/running-agent.ts';
import { registration, runCa } from '#test/fakes/running-ca.ts';

const folder = mkdtempSync(join(tmpdir(), 'gga-'));
const program = join(folder, 'go-spiffe');

beforeAll(() => buildGoSpiffe(program), 300_000);
afterAll(() => rmSync(folder, { recursive: true }));

test('go-spiffe works against the agent of a node as against the authority, while its certificates are replaced', async () => {
  await using running = await runCa({
    policies: {
      'node.yaml': nodeRegistration('east', ['spiffe://example.org/ns/shop/*']),
      '1.yaml': registration('go', 'go', [ownUid, `unix:path:${program}`], '  hint: main\n  x509Ttl: 4s\n'),
      '2.yaml': registration('other', 'other', [ownUid, 'unix:path:/bin/false']),
    },
  });
  await using node = await runAgent({ ca: running.ca.addresses.ca, token: await joinToken(running, { name: 'east' }) });
  const { stdout } = await promisify(execFile)(program, [`unix://${node.socket}`, ''], { timeout: 60_000 });
  const seen = JSON.parse(stdout) as { handshakes: number };
  expect(seen).toMatchObject({
    ids: ['spiffe://example.org/ns/shop/sa/go'],
    hints: ['main'],
    bundles: ['example.org'],
    peer: 'spiffe://example.org/ns/shop/sa/go',
    refused: true,
    jwt: 'spiffe://example.org/ns/shop/sa/go',
    rotated: true,
  });
  expect(seen.handshakes).toBeGreaterThan(10);
}, 60_000);
