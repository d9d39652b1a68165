import { cpSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Metadata } from '@grpc/grpc-js';
import { afterAll, expect, test } from '@jest/globals';
import { SpiffeWorkloadAPIClient } from '#proto/gen/spiffe/workload/workload.ts';
import { grpcClient } from '#runtime/grpc/client.ts';
import { Command, run } from '#test/fakes/command.ts';
import { ownUid } from '#test/fakes/own-uid.ts';
import { Messages } from '#test/fakes/stream-messages.ts';

const root = join(import.meta.dirname, '../..');
const folder = mkdtempSync(join(tmpdir(), 'gae-'));
afterAll(() => rmSync(folder, { recursive: true }));

interface Ready {
  readonly addresses: Readonly<Record<string, string>>;
}

/** The example as it is, with free ports and this user in the place of its own. */
function replaceIn(name: string, ...pairs: readonly (readonly [string, string])[]): void {
  const file = join(folder, name);
  let text = readFileSync(file, 'utf8');
  for (const [from, to] of pairs) {
    expect(text).toContain(from);
    text = text.replaceAll(from, to);
  }
  writeFileSync(file, text);
}

test('the example of the agent does what docs/agent.md says', async () => {
  cpSync(join(root, 'examples/agent'), folder, { recursive: true });
  const [, documented = ''] = readFileSync(join(root, 'examples/agent/agent.yaml'), 'utf8').split(/^#.*\n/);
  expect(readFileSync(join(root, 'docs/agent.md'), 'utf8')).toContain(documented);
  replaceIn('policies/shop.yaml', ['unix:uid:1001', ownUid]);
  replaceIn('garrison.yaml', ['policies:', 'ca: { listen: "127.0.0.1:0", admin: "127.0.0.1:0" }\npolicies:']);
  await using authority = new Command(['ca', '--config', 'garrison.yaml', '--output', 'json'], { cwd: folder });
  const { addresses } = JSON.parse(await authority.line()) as Ready;
  replaceIn('agent.yaml', ['127.0.0.1:15012', addresses['ca'] ?? ''], ['127.0.0.1:15044', '127.0.0.1:0']);
  const made = await run(
    ['identity', 'token', 'create', '--config', 'garrison.yaml', '--name', 'east', '--out', './token'],
    folder,
  );
  expect(made).toMatchObject({ code: 0 });

  await using agent = new Command(['agent', '--config', 'agent.yaml', '--output', 'json'], { cwd: folder });
  const served = JSON.parse(await agent.line()) as Ready;
  const client = grpcClient(
    SpiffeWorkloadAPIClient,
    { path: join(folder, 'run/workload.sock') },
    { kind: 'plaintext' },
  );
  // For workloads of every user, so its folder is too; the state is not.
  const modes = ['run', 'state'].map((name) => statSync(join(folder, name)).mode & 0o777);
  expect(modes).toEqual([0o755, 0o700]);
  const header = new Metadata();
  header.set('workload.spiffe.io', 'true');
  using messages = new Messages(client.fetchX509Svid({}, header));
  const { svids } = await messages.next();
  expect(svids.map(({ spiffeId }) => spiffeId)).toEqual(['spiffe://example.org/ns/shop/sa/cart']);

  const status = await run(['status', '--server', served.addresses['agentAdmin'] ?? '', '--output', 'json'], folder);
  expect(JSON.parse(status.stdout)).toMatchObject({
    process: 'agent',
    ready: true,
    status: {
      identity: { id: 'spiffe://example.org/nodes/east', refused: null },
      authority: { connected: true, problem: null },
      workloads: { streams: 1, entries: 1, svids: 1, held: 1 },
    },
  });
  const all = await run(['status', '--config', 'garrison.yaml', '--output', 'json'], folder);
  expect(JSON.parse(all.stdout)).toMatchObject({
    process: 'ca',
    status: { agents: [{ spiffeId: 'spiffe://example.org/nodes/east', entries: 1 }] },
  });
  const page = async (path: string): Promise<unknown> =>
    (await fetch(`http://${served.addresses['agentAdmin'] ?? ''}${path}`)).json();
  expect(await page('/entries')).toMatchObject([
    { name: 'shop/cart', spiffeId: 'spiffe://example.org/ns/shop/sa/cart', svid: { serial: expect.any(String) } },
  ]);
  expect(await page('/revision')).toMatchObject({ trustDomain: 'example.org', connected: true });
  const listed = await run(
    ['identity', 'list', '--config', 'garrison.yaml', '--caller', 'node:spiffe://example.org/nodes/east'],
    folder,
  );
  expect(listed.stdout).toContain('spiffe://example.org/ns/shop/sa/cart');
  client.close();
  const ended = await agent.end();
  expect(ended.code).toBe(0);
}, 30_000);
