import { createHash } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { get, type RequestOptions } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { PeerCertificate } from 'node:tls';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { createLocalJWKSet, decodeProtectedHeader, jwtVerify, type JSONWebKeySet } from 'jose';
import { IdentityAdminClient } from '#proto/gen/garrison/v1/identity.ts';
import { SpiffeWorkloadAPIClient } from '#proto/gen/spiffe/workload/workload.ts';
import { callUnary } from '#runtime/grpc/call-unary.ts';
import { grpcClient } from '#runtime/grpc/client.ts';
import { adminSocket } from '#services/ca/admin/admin-socket.ts';
import { ownUid } from '#test/fakes/own-uid.ts';
import { registration, runCa, type RunningCa } from '#test/fakes/running-ca.ts';
import { webCertificate, type WebFiles } from '#test/fakes/web-certificate.ts';

const files = mkdtempSync(join(tmpdir(), 'goi-'));
const issuer = 'https://id.example.org/mesh';
let web: WebFiles;
let running: RunningCa;
let workload: SpiffeWorkloadAPIClient;
let admin: IdentityAdminClient;

beforeAll(async () => {
  web = webCertificate(files);
  const { certificate, key } = web;
  const listen = { host: '127.0.0.1', port: 0 };
  running = await runCa({
    settings: {
      oidcDiscovery: { listen, issuer, certificate, key },
      bundleEndpoint: { listen, web: { certificate, key }, refreshHintMs: 60_000 },
    },
    policies: { '1.yaml': registration('one', 'one', [ownUid]) },
  });
  const socket = { path: join(running.state, 'workload.sock') };
  workload = grpcClient(SpiffeWorkloadAPIClient, socket, { kind: 'plaintext' });
  admin = grpcClient(IdentityAdminClient, { path: join(running.state, adminSocket) }, { kind: 'plaintext' });
});
afterAll(async () => {
  workload.close();
  admin.close();
  await running[Symbol.asyncDispose]();
  rmSync(files, { recursive: true });
});

interface Answer {
  readonly status: number | undefined;
  readonly body: string;
  /** SHA-256 of the certificate that was shown. */
  readonly shown: string;
  readonly protocol: string | null;
}

function ask(path: string, which: 'oidc' | 'bundle' = 'oidc', more: RequestOptions = {}): Promise<Answer> {
  const address = running.ca.addresses[which];
  const port = address !== undefined && 'port' in address ? address.port : 0;
  return new Promise((resolve, reject) => {
    const options = { host: 'localhost', port, path, ca: web.authority, agent: false, family: 4, ...more };
    const request = get(options, (response) => {
      const socket = response.socket as unknown as {
        getPeerCertificate(): PeerCertificate;
        getProtocol(): string | null;
      };
      const { raw } = socket.getPeerCertificate();
      const protocol = socket.getProtocol();
      const shown = createHash('sha256').update(raw).digest('hex');
      let body = '';
      response.setEncoding('utf8').on('data', (text: string) => (body += text));
      response.on('end', () => resolve({ status: response.statusCode, body, shown, protocol }));
    });
    request.on('error', reject);
  });
}

async function token(): Promise<string> {
  const request = { audience: ['sts.example'], spiffeId: '' };
  const metadata = { 'workload.spiffe.io': 'true' };
  const { svids } = await callUnary(workload.fetchJwtsvid.bind(workload), request, { metadata });
  return svids[0]?.svid ?? '';
}
const keys = async (): Promise<JSONWebKeySet> => JSON.parse((await ask('/mesh/keys')).body) as JSONWebKeySet;

test('a verifier that speaks OpenID Connect finds the keys by the issuer of a JWT-SVID', async () => {
  const { status, body } = await ask('/mesh/.well-known/openid-configuration');
  expect(status).toBe(200);
  expect(JSON.parse(body)).toMatchObject({
    issuer,
    jwks_uri: `${issuer}/keys`,
    response_types_supported: ['id_token'],
    id_token_signing_alg_values_supported: ['ES256'],
  });
  const { payload } = await jwtVerify(await token(), createLocalJWKSet(await keys()), {
    issuer,
    audience: 'sts.example',
    algorithms: ['ES256'],
  });
  expect(payload).toMatchObject({ sub: 'spiffe://example.org/ns/shop/sa/one', iss: issuer });
  // A proxy in front may have taken the path away.
  expect((await ask('/keys')).body).toBe((await ask('/mesh/keys')).body);
  expect((await ask('/other')).status).toBe(404);
});

test('the next key is there before it signs, the last one for as long as it is trusted', async () => {
  const change = (step: string, id = ''): Promise<{ id: string }> =>
    callUnary(admin.changeAuthority.bind(admin), { step, id });
  const first = decodeProtectedHeader(await token()).kid;
  const old = await token();
  const { authorities } = await callUnary(admin.listAuthorities.bind(admin), {});
  const next = await change('prepare');
  const published = (await keys()).keys.map(({ kid }) => kid);
  expect(published).toHaveLength(2);
  expect(decodeProtectedHeader(await token()).kid).toBe(first);
  await change('activate', next.id);
  const signing = decodeProtectedHeader(await token()).kid;
  expect(signing).not.toBe(first);
  expect(published).toContain(signing);
  await jwtVerify(old, createLocalJWKSet(await keys()), { issuer, audience: 'sts.example' });
  await change('revoke', authorities[0]?.id);
  expect((await keys()).keys.map(({ kid }) => kid)).toEqual([signing]);
  await expect(jwtVerify(old, createLocalJWKSet(await keys()))).rejects.toMatchObject({
    code: 'ERR_JWKS_NO_MATCHING_KEY',
  });
});

test('every JWT-SVID is on the record, without itself', async () => {
  const one = await token();
  const hash = createHash('sha256').update(one).digest('hex');
  const [signature = ''] = one.split('.').slice(2);
  const database = readFileSync(join(running.state, 'ca/ledger.db'));
  const log = readFileSync(join(running.state, 'ca/ledger.db-wal'));
  const recorded = (bytes: Buffer): boolean => database.includes(bytes) || log.includes(bytes);
  expect(recorded(Buffer.from(hash, 'hex')) || recorded(Buffer.from(hash))).toBe(true);
  expect(recorded(Buffer.from(signature))).toBe(false);
});

test('a certificate that was renewed is shown without a restart, by the bundle endpoint too; half a renewal by nobody', async () => {
  const before = (await ask('/keys')).shown;
  expect((await ask('/', 'bundle')).shown).toBe(before);
  expect((await ask('/', 'bundle', { maxVersion: 'TLSv1.2' })).protocol).toBe('TLSv1.2');
  web.renew();
  for (const which of ['oidc', 'bundle'] as const) {
    let shown = before;
    while (shown === before) shown = (await ask('/keys', which)).shown;
  }
});
