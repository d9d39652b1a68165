import { execFileSync } from 'node:child_process';
import { X509Certificate } from 'node:crypto';
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { encodePem } from '#ca/pem.ts';
import { IstioCertificateServiceClient } from '#proto/gen/istio/v1/auth/ca.ts';
import { systemClock } from '#runtime/clock.ts';
import { callUnary } from '#runtime/grpc/call-unary.ts';
import { grpcClient, type ClientSecurity } from '#runtime/grpc/client.ts';
import { staticIdentity, type Identity } from '#runtime/identity-source.ts';
import { workloadIdentity } from '#runtime/identity/workload-identity.ts';
import { silentLogger } from '#runtime/logger.ts';
import { adminSocket } from '#services/ca/admin/admin-socket.ts';
import { joinToken, type TokenOrder } from '#test/fakes/certificate-client.ts';
import { buildRequest } from '#test/fakes/certificate-requests.ts';
import { registration, runCa, type RunningCa } from '#test/fakes/running-ca.ts';
import { TestPki } from '#test/fakes/mesh-pki.ts';
import { testWith } from '#test/fakes/installed.ts';

let running: RunningCa;
const files = mkdtempSync(join(tmpdir(), 'gid-'));
beforeAll(async () => {
  running = await runCa({
    policies: {
      'cart.yaml': registration('cart', 'cart', ['token:cart'], '  dnsNames: [cart.shop.svc]\n  x509Ttl: 10m\n'),
    },
  });
});
afterAll(async () => {
  await running[Symbol.asyncDispose]();
  rmSync(files, { recursive: true });
});

const csr = encodePem('CERTIFICATE REQUEST', buildRequest());
const bundle = (): string[] => [readFileSync(join(running.state, 'bundle.pem'), 'utf8')];
const expectCa = (id: { toString(): string }): boolean => id.toString() === 'spiffe://example.org/garrison/ca';

const token = (order: TokenOrder): Promise<string> => joinToken(running, order);

interface Attempt {
  readonly bearer?: string;
  readonly identity?: Identity;
  readonly csr?: string;
  readonly seconds?: bigint;
  readonly metadata?: Record<string, unknown>;
}

async function create(attempt: Attempt): Promise<X509Certificate[]> {
  const { bearer, identity, seconds = 0n, metadata } = attempt;
  const security: ClientSecurity = {
    kind: 'tls',
    expect: expectCa,
    ...(identity === undefined
      ? { bundle: bundle() }
      : { identity: staticIdentity({ ...identity, bundle: bundle() }) }),
  };
  const client = grpcClient(IstioCertificateServiceClient, running.ca.addresses.ca, security);
  try {
    const request = { csr: attempt.csr ?? csr, validityDuration: seconds, metadata };
    const headers = bearer === undefined ? {} : { authorization: `Bearer ${bearer}` };
    const { certChain } = await callUnary(client.createCertificate.bind(client), request, { metadata: headers });
    return certChain.map((pem) => new X509Certificate(pem));
  } finally {
    client.close();
  }
}

const cart = 'spiffe://example.org/ns/shop/sa/cart';
let identities = 0;

async function join_(order: TokenOrder): Promise<Identity> {
  const file = join(files, `token-${(identities += 1)}`);
  writeFileSync(file, await token(order));
  const signal = new AbortController().signal;
  await using source = await workloadIdentity(
    { ca: running.ca.addresses.ca, token: file },
    { clock: systemClock, logger: silentLogger, signal },
  );
  return source.current();
}

describe('a join token', () => {
  testWith('openssl')('buys one certificate, leaf first and root last, which openssl verifies', async () => {
    const chain = await create({ bearer: await token({ spiffeId: cart }) });
    expect(chain).toHaveLength(3);
    const [leaf, issuing, root] = chain.map((one, i) => {
      const file = join(files, `chain-${i}.pem`);
      writeFileSync(file, one.toString());
      return file;
    });
    const args = ['verify', '-x509_strict', '-purpose', 'sslserver', '-CAfile', root!, '-untrusted', issuing!, leaf!];
    expect(execFileSync('openssl', args, { encoding: 'utf8' })).toMatch(/OK/);
    expect(chain[0]?.subjectAltName).toBe(`URI:${cart}`);
    expect(chain[2]?.toString()).toBe(bundle()[0]);
  });

  test('is good once, of fifty who try at the same time', async () => {
    const bearer = await token({ spiffeId: cart });
    const settled = await Promise.allSettled(Array.from({ length: 50 }, () => create({ bearer })));
    expect(settled.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
    for (const one of settled) {
      if (one.status === 'rejected') expect(one.reason).toMatchObject({ code: 'UNAUTHENTICATED' });
    }
  });

  test('by name gives what the registration says', async () => {
    const [leaf] = await create({ bearer: await token({ name: 'cart' }) });
    expect(leaf?.subjectAltName).toBe(`URI:${cart}, DNS:cart.shop.svc`);
    const seconds = (leaf!.validToDate.getTime() - leaf!.validFromDate.getTime()) / 1000;
    expect(seconds).toBe(600 + 60 - 1);
  });

  test('by a name that nobody registered gives nothing, and is not spent', async () => {
    const bearer = await token({ name: 'nobody' });
    await expect(create({ bearer })).rejects.toMatchObject({ code: 'PERMISSION_DENIED' });
    await expect(create({ bearer })).rejects.toMatchObject({ code: 'PERMISSION_DENIED' });
  });

  test('is not spent by a broken request', async () => {
    const bearer = await token({ spiffeId: cart });
    for (const bad of ['', 'x', csr + csr, csr.replace('A', 'B'), 'A'.repeat(1 << 19)]) {
      await expect(create({ bearer, csr: bad })).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' });
    }
    await expect(create({ bearer, seconds: 90_000n })).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' });
    expect(await create({ bearer, seconds: 86_400n })).toHaveLength(3);
  });

  test('that is unknown or mangled is refused', async () => {
    const good = await token({ spiffeId: cart });
    for (const bearer of [
      `gjt1.${'A'.repeat(43)}.${'A'.repeat(43)}`,
      `${good}x`,
      good.toUpperCase(),
      'eyJhbGciOiJub25lIn0.e30.',
    ]) {
      await expect(create({ bearer })).rejects.toMatchObject({ code: 'UNAUTHENTICATED' });
    }
  });
});

describe('without proof', () => {
  test('there is no certificate', async () => {
    await expect(create({})).rejects.toMatchObject({ code: 'UNAUTHENTICATED' });
  });

  test('nor with the certificate of another authority', async () => {
    const pki = await TestPki.create();
    const identity = await pki.identity('spiffe://example.org/ns/shop/sa/cart');
    await expect(create({ identity })).rejects.toMatchObject({ code: 'UNAVAILABLE' });
  });
});

describe('a current SVID', () => {
  test('renews itself under the same right, and for nobody else', async () => {
    const identity = await join_({ name: 'cart' });
    const other = buildRequest();
    const [leaf] = await create({ identity, csr: encodePem('CERTIFICATE REQUEST', other) });
    expect(leaf?.subjectAltName).toBe(`URI:${cart}, DNS:cart.shop.svc`);
    const impersonate = { ImpersonatedIdentity: 'spiffe://example.org/ns/shop/sa/admin' };
    await expect(create({ identity, metadata: impersonate })).rejects.toMatchObject({ code: 'PERMISSION_DENIED' });
  });

  test('does not renew once its registration is gone', async () => {
    running.writePolicy('pay.yaml', registration('pay', 'pay', ['token:pay']));
    const bearer = await token({ name: 'pay' });
    const identity = await retried(() => join_({ name: 'pay' }));
    expect(bearer).not.toBe('');
    await create({ identity });
    running.writePolicy('pay.yaml', registration('pay', 'pay2', ['token:pay']));
    await expect(until(() => create({ identity }))).rejects.toMatchObject({ code: 'PERMISSION_DENIED' });
  });
});

/** Tries until it succeeds: a policy file is in force within a second. */
async function retried<T>(act: () => Promise<T>): Promise<T> {
  for (let attempt = 0; ; attempt += 1) {
    try {
      return await act();
    } catch (error) {
      if (attempt === 50) throw error;
      await systemClock.sleep(50);
    }
  }
}

/** Tries until it fails. */
async function until(act: () => Promise<unknown>): Promise<void> {
  for (let attempt = 0; attempt < 50; attempt += 1) {
    await act();
    await systemClock.sleep(50);
  }
}

test('keys lie in the state folder for their owner alone', () => {
  const [id] = readdirSync(join(running.state, 'ca/authorities'));
  const keys = readdirSync(join(running.state, 'ca/authorities', id!)).filter((name) => name.includes('key'));
  expect(keys).toHaveLength(3);
  for (const name of keys) expect(statSync(join(running.state, 'ca/authorities', id!, name)).mode & 0o777).toBe(0o600);
  for (const name of ['tokens/authz', 'tokens/telemetry', 'ca/ledger.db', adminSocket, 'workload.sock']) {
    expect(statSync(join(running.state, name)).mode & 0o777).toBe(0o600);
  }
});
