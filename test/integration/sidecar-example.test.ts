import { once } from 'node:events';
import { cpSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { createServer, request } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from '@jest/globals';
import { Command, anyPorts, run } from '#test/fakes/command.ts';
import { freePort } from '#test/fakes/free-port.ts';

const root = join(import.meta.dirname, '../..');
const folder = mkdtempSync(join(tmpdir(), 'gse-'));
afterAll(() => rmSync(folder, { recursive: true }));

/** The example as it is, with free ports in the place of its own. */
function replaceIn(name: string, ports: Readonly<Record<string, string>>): void {
  const file = join(folder, name);
  let text = readFileSync(file, 'utf8');
  for (const [from, to] of Object.entries(ports)) {
    expect(text).toContain(from);
    text = text.replaceAll(from, to);
  }
  writeFileSync(file, text);
}

async function ask(port: number, method: string): Promise<{ status: number | undefined; body: string }> {
  const asked = request({ host: '127.0.0.1', port, path: '/items', method, headers: { host: 'orders.shop' } }).end();
  const [answer] = (await once(asked, 'response')) as [AsyncIterable<Buffer> & { statusCode?: number }];
  let body = '';
  for await (const chunk of answer) body += chunk.toString();
  return { status: answer.statusCode, body };
}

test('the example of a sidecar does what docs/sidecar.md says', async () => {
  cpSync(join(root, 'examples/sidecar'), folder, { recursive: true });
  const page = readFileSync(join(root, 'docs/sidecar.md'), 'utf8');
  for (const name of ['orders.yaml', 'web.yaml']) {
    const [, documented = ''] = readFileSync(join(folder, name), 'utf8').split(/^#.*\n/);
    expect(documented).not.toBe('');
    expect(page).toContain(documented);
  }
  const application = createServer((_asked, answer) => answer.end('two items')).listen(0, '127.0.0.1');
  await once(application, 'listening');
  const inbound = await freePort();
  const outbound = await freePort();
  writeFileSync(join(folder, 'garrison.yaml'), readFileSync(join(folder, 'garrison.yaml'), 'utf8') + anyPorts);
  replaceIn('policies/shop.yaml', { ': 15006': `: ${inbound}` });
  await using up = new Command(['up', '--config', 'garrison.yaml', '--output', 'json'], { cwd: folder });
  const { addresses } = JSON.parse(await up.line()) as { addresses: Readonly<Record<string, string>> };
  const [ca = '', authz = '', telemetry = ''] = [addresses['ca'], addresses['authz'], addresses['telemetry']];
  replaceIn('orders.yaml', {
    '127.0.0.1:15012': ca,
    '127.0.0.1:9091': authz,
    '127.0.0.1:9092': telemetry,
    '127.0.0.1:15006': `127.0.0.1:${inbound}`,
    '127.0.0.1:8080': `127.0.0.1:${(application.address() as AddressInfo).port}`,
    '127.0.0.1:15000': '127.0.0.1:0',
  });
  replaceIn('web.yaml', {
    '127.0.0.1:15012': ca,
    '127.0.0.1:15001': `127.0.0.1:${outbound}`,
    '127.0.0.1:15010': `127.0.0.1:0\nauthz: ${authz}\ntelemetry: ${telemetry}`,
  });
  for (const account of ['orders', 'web']) {
    const args = ['--config', 'garrison.yaml', '--service-account', `shop/${account}`, '--out', `./${account}.token`];
    expect(await run(['identity', 'token', 'create', ...args], folder)).toMatchObject({ code: 0 });
  }
  await using orders = new Command(['sidecar', '--config', 'orders.yaml', '--output', 'json'], { cwd: folder });
  await orders.line();
  await using web = new Command(['sidecar', '--config', 'web.yaml', '--output', 'json'], { cwd: folder });
  await web.line();

  expect(await ask(outbound, 'GET')).toEqual({ status: 200, body: 'two items' });
  expect(await ask(outbound, 'DELETE')).toMatchObject({ status: 403 });
  const kept = join(folder, 'orders.token.identity');
  expect(statSync(kept).mode & 0o777).toBe(0o600);
  expect(readFileSync(kept, 'utf8')).toContain('PRIVATE KEY');
  application.closeAllConnections();
  application.close();
}, 90_000);
