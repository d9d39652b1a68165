import { execFile, spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';

const garrison = join(import.meta.dirname, '../../bin/garrison.js');
const env = { ...process.env, NODE_OPTIONS: '' };
let folder: string;
let up: ChildProcess;
let addresses: Record<string, string>;

/** Runs somebody else's program to its end. */
async function run(program: string, args: readonly string[], input = ''): Promise<{ code: number; text: string }> {
  return await new Promise((resolve) => {
    const child = execFile(program, args, { env, timeout: 20_000 }, (error, stdout, stderr) => {
      const code = error === null ? 0 : typeof error.code === 'number' ? error.code : 1;
      resolve({ code, text: stdout + stderr });
    });
    child.stdin?.end(input);
  });
}

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'garrison-clients-'));
  mkdirSync(join(folder, 'policies'));
  writeFileSync(
    join(folder, 'policies/registration.yaml'),
    `apiVersion: garrison.dev/v1
kind: Registration
metadata: { name: web, namespace: shop }
spec: { serviceAccount: web, selectors: ['token:web'], dnsNames: [web.shop.svc] }
`,
  );
  writeFileSync(
    join(folder, 'garrison.yaml'),
    `ca: { listen: 127.0.0.1:0, admin: 127.0.0.1:0 }
authz: { listen: 127.0.0.1:0, local: 127.0.0.1:0, http: null, admin: 127.0.0.1:0 }
telemetry: { listen: 127.0.0.1:0, local: 127.0.0.1:0, http: 127.0.0.1:0, admin: 127.0.0.1:0 }
`,
  );
  up = spawn(process.execPath, [garrison, 'up', '--config', join(folder, 'garrison.yaml'), '--output', 'json'], {
    env,
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const [line] = (await once(createInterface({ input: up.stdout! }), 'line')) as [string];
  ({ addresses } = JSON.parse(line) as { addresses: Record<string, string> });
});

afterAll(async () => {
  const ended = once(up, 'close');
  up.kill('SIGTERM');
  await ended;
  rmSync(folder, { recursive: true });
});

describe('openssl', () => {
  test('speaks TLS 1.3 with the authority and verifies it by the published bundle', async () => {
    const bundle = join(folder, '.garrison/bundle.pem');
    const { text } = await run('openssl', [
      ...['s_client', '-connect', addresses['ca'] ?? '', '-CAfile', bundle],
      ...['-verify_return_error', '-verify_hostname', 'localhost', '-alpn', 'h2', '-brief'],
    ]);
    expect(text).toContain('TLSv1.3');
    expect(text).toContain('Verification: OK');
  });

  test('is refused below TLS 1.3', async () => {
    const { text } = await run('openssl', ['s_client', '-connect', addresses['ca'] ?? '', '-tls1_2', '-brief']);
    expect(text).toMatch(/alert|error/i);
    expect(text).not.toContain('CONNECTION ESTABLISHED');
  });

  test('is refused by authz without a certificate', async () => {
    const { text } = await run('openssl', [
      's_client',
      '-connect',
      addresses['authz'] ?? '',
      '-alpn',
      'h2',
      '-ign_eof',
    ]);
    expect(text).toMatch(/unexpected eof|alert|reset/);
  });
});

describe('curl', () => {
  test('reads the admin pages', async () => {
    for (const name of ['caAdmin', 'authzAdmin', 'telemetryAdmin']) {
      expect(await run('curl', ['-sf', `http://${addresses[name] ?? ''}/readyz`])).toMatchObject({ code: 0 });
    }
    const { text } = await run('curl', ['-sf', `http://${addresses['authzAdmin'] ?? ''}/revision`]);
    expect(JSON.parse(text)).toMatchObject({ revision: 1, refusal: null });
  });
});

describe('promtool', () => {
  test.each(['caAdmin', 'authzAdmin', 'telemetryAdmin'])('finds nothing wrong with the metrics of %s', async (name) => {
    const { text: metrics } = await run('curl', ['-sf', `http://${addresses[name] ?? ''}/metrics`]);
    expect(metrics).toContain('# TYPE');
    const { text } = await run('promtool', ['check', 'metrics'], metrics);
    // prom-client's own names for three gauges: wrong by the book, and known to everybody's dashboards.
    const faults = text.split('\n').filter((line) => line !== '' && !/^nodejs_active_\w+_total /.test(line));
    expect(faults).toEqual([]);
  });
});

describe('a certificate that was minted', () => {
  test('is one that openssl verifies, for the right ID and for both uses', async () => {
    const made = await run(process.execPath, [
      ...[garrison, 'identity', 'mint', '--spiffe-id', 'spiffe://cluster.local/ns/shop/sa/web'],
      ...['--out', join(folder, 'me'), '--config', join(folder, 'garrison.yaml')],
    ]);
    expect(made).toMatchObject({ code: 0 });
    const certificate = join(folder, 'me/certificate.pem');
    const bundle = join(folder, '.garrison/bundle.pem');
    for (const purpose of ['sslclient', 'sslserver']) {
      const verified = await run('openssl', [
        ...['verify', '-x509_strict', '-purpose', purpose, '-CAfile', bundle, '-untrusted', certificate, certificate],
      ]);
      expect(verified).toMatchObject({ code: 0 });
    }
    const { text } = await run('openssl', ['x509', '-in', certificate, '-noout', '-ext', 'subjectAltName']);
    expect(text).toContain('URI:spiffe://cluster.local/ns/shop/sa/web');
    expect(readFileSync(certificate, 'utf8')).not.toContain('PRIVATE KEY');
  });
});
