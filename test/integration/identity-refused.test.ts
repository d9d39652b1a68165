import { copyFileSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, connect, type AddressInfo, type Socket } from 'node:net';
import { once } from 'node:events';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { X509Certificate } from 'node:crypto';
import { serialOf } from '#ca/issue/serial.ts';
import { IdentityAdminClient, type Authority } from '#proto/gen/garrison/v1/identity.ts';
import type { Address } from '#runtime/address.ts';
import { systemClock } from '#runtime/clock.ts';
import { callUnary } from '#runtime/grpc/call-unary.ts';
import { grpcClient } from '#runtime/grpc/client.ts';
import { workloadIdentity } from '#runtime/identity/workload-identity.ts';
import type { IdentitySource } from '#runtime/identity-source.ts';
import { createLogger, silentLogger } from '#runtime/logger.ts';
import { adminSocket } from '#services/ca/admin/admin-socket.ts';
import { joinToken } from '#test/fakes/certificate-client.ts';
import { ownUid } from '#test/fakes/own-uid.ts';
import { registration, runCa, type RunningCa } from '#test/fakes/running-ca.ts';
import { until } from '#test/fakes/shared-root.ts';

type Source = IdentitySource & AsyncDisposable;

const id = 'spiffe://example.org/ns/shop/sa/cart';
let running: RunningCa;
let files: string;
let cleanUp: AsyncDisposableStack;
let change: (step: string, authority?: string) => Promise<Authority>;
let authorities: () => Promise<readonly Authority[]>;
let revokeSerial: (serial: string) => Promise<unknown>;

beforeEach(async () => {
  cleanUp = new AsyncDisposableStack();
  files = mkdtempSync(join(tmpdir(), 'gir-'));
  cleanUp.defer(() => rmSync(files, { recursive: true }));
  running = cleanUp.use(await runCa());
  const admin = grpcClient(IdentityAdminClient, { path: join(running.state, adminSocket) }, { kind: 'plaintext' });
  cleanUp.defer(() => admin.close());
  change = (step, authority = '') => callUnary(admin.changeAuthority.bind(admin), { step, id: authority });
  authorities = async () => (await callUnary(admin.listAuthorities.bind(admin), {})).authorities;
  revokeSerial = (serial) => callUnary(admin.revokeCertificate.bind(admin), { serial, spiffeId: '', reason: 'a test' });
});
afterEach(() => cleanUp.disposeAsync());

/** A file with a token that was not used yet. */
async function writeToken(name = 'token'): Promise<string> {
  const file = join(files, name);
  writeFileSync(file, await joinToken(running, { spiffeId: id }), { mode: 0o600 });
  return file;
}

async function open(token: string, given: { ca?: Address; logger?: typeof silentLogger } = {}): Promise<Source> {
  const { ca = running.ca.addresses.ca, logger = silentLogger } = given;
  return workloadIdentity({ ca, token }, { clock: systemClock, logger, signal: new AbortController().signal });
}

/** Another root signs from now on; nobody asks that what stands on the old one be replaced. The name of the old one. */
async function rotate(known: readonly Source[] = []): Promise<string> {
  const next = await change('prepare');
  for (const one of known) await until(one, ({ bundle }) => bundle.length === 2);
  await change('activate', next.id);
  return (await authorities()).find((one) => one.id !== next.id)?.id ?? '';
}

describe('a process that joined by a token', () => {
  test('hears that its root is gone though the authority refuses it, says what to do, and takes up a new token', async () => {
    const token = await writeToken();
    const lines: string[] = [];
    const logger = createLogger({ level: 'warn', write: (line) => lines.push(line) });
    const source = cleanUp.use(await open(token, { logger }));
    const old = await rotate([source]);
    const before = source.current();
    expect(source.trouble?.()).toBeUndefined();
    await change('revoke', old);
    await until(source, ({ bundle }) => bundle.length === 1);
    expect(source.current().certificates).toEqual(before.certificates);
    expect(before.bundle).toContain(source.current().bundle[0]);
    expect(source.trouble?.()).toBe(
      'its certificate stands on a root that is trusted no more; ' +
        `put a new join token in \`${token}\`: \`garrison identity token create\` makes one`,
    );
    await writeToken();
    await until(source, ({ certificates }) => certificates[0] !== before.certificates[0]);
    expect(source.trouble?.()).toBeUndefined();
    expect(lines.filter((line) => line.includes('identity refused'))).toHaveLength(1);
    // A restart begins with what is good now.
    await source[Symbol.asyncDispose]();
    const again = cleanUp.use(await open(token));
    expect(again.current().certificates).toEqual(source.current().certificates);
  });

  test('does the same when its own certificate is revoked', async () => {
    const token = await writeToken();
    const source = cleanUp.use(await open(token));
    const [leaf = ''] = source.current().certificates;
    await revokeSerial(serialOf(new X509Certificate(leaf)));
    await until(source, ({ revoked }) => revoked?.size === 1);
    expect(source.trouble?.()).toMatch(/^its certificate was revoked; put a new join token in /);
    await writeToken();
    await until(source, ({ certificates }) => certificates[0] !== leaf);
    expect(source.trouble?.()).toBeUndefined();
  });

  test('slept through all of it: the authority stands on a root it never heard of, and a new token tells which', async () => {
    const line = cleanUp.use(await Line.open(running.ca.addresses.ca));
    const token = await writeToken();
    const refused = Promise.withResolvers<string>();
    const write = (text: string): void => {
      if (text.includes('identity refused')) refused.resolve(text);
    };
    const logger = createLogger({ level: 'warn', write });
    const source = cleanUp.use(await open(token, { ca: line.address, logger }));
    const before = source.current();
    line.cut();
    const old = await rotate();
    await change('revoke', old);
    line.mend();
    expect(await refused.promise).toContain('stands on no root that this process knows of');
    expect(source.trouble?.()).toContain('put a new join token in ');
    expect(source.current()).toEqual(before);
    await writeToken();
    await until(source, ({ certificates }) => certificates[0] !== before.certificates[0]);
    expect(source.trouble?.()).toBeUndefined();
    expect(source.current().bundle).toHaveLength(1);
  }, 30_000);
});

describe('a start with an identity that was kept, and a token that is spent', () => {
  test.each(['before', 'after'])(
    'is refused in a sentence when its root has gone; kept %s the new one was known',
    async (when) => {
      const token = await writeToken();
      const source = await open(token);
      if (when === 'before') await source[Symbol.asyncDispose]();
      const old = await rotate(when === 'before' ? [] : [source]);
      await source[Symbol.asyncDispose]();
      await change('revoke', old);
      const why =
        when === 'before'
          ? `the authority at \`127.0.0.1:${(running.ca.addresses.ca as { port: number }).port}\` stands on no root that this process knows of`
          : 'its certificate stands on a root that is trusted no more';
      await expect(open(token)).rejects.toMatchObject({
        code: 'UNAUTHENTICATED',
        place: 'identity.token',
        message: `there is no identity to start with: ${why}`,
        remedy: `put a new join token in \`${token}\`: \`garrison identity token create\` makes one`,
      });
      await writeToken();
      const again = cleanUp.use(await open(token));
      expect(again.trouble?.()).toBeUndefined();
    },
  );

  test('is refused when its certificate was revoked meanwhile, also with the token of somebody else', async () => {
    const token = await writeToken();
    const source = await open(token);
    await source[Symbol.asyncDispose]();
    await revokeSerial(serialOf(new X509Certificate(source.current().certificates[0] ?? '')));
    await expect(open(token)).rejects.toThrow('there is no identity to start with: its certificate was revoked');
    const spent = await writeToken('other');
    await (await open(spent))[Symbol.asyncDispose]();
    copyFileSync(spent, token);
    await expect(open(token)).rejects.toThrow('there is no identity to start with: its certificate was revoked');
  });
});

/** A line to somebody that can be cut: what was connected ends, and who connects is not answered, until it is mended. */
class Line implements AsyncDisposable {
  readonly address: Address;
  readonly #server;
  readonly #open = new Set<Socket>();
  #whole = true;

  private constructor(to: Address) {
    this.#server = createServer((near) => {
      near.on('error', () => undefined);
      if (!this.#whole) {
        near.destroy();
        return;
      }
      const far = connect(to as { host: string; port: number });
      for (const [one, other] of [
        [near, far],
        [far, near],
      ] as const) {
        this.#open.add(one);
        one.on('error', () => undefined);
        one.on('close', () => {
          this.#open.delete(one);
          other.destroy();
        });
        one.pipe(other);
      }
    }).listen(0, '127.0.0.1');
    this.address = { host: '127.0.0.1', port: 0 };
  }

  static async open(to: Address): Promise<Line> {
    const line = new Line(to);
    await once(line.#server, 'listening');
    Object.assign(line.address, { port: (line.#server.address() as AddressInfo).port });
    return line;
  }

  cut(): void {
    this.#whole = false;
    for (const socket of this.#open) socket.destroy();
  }

  mend(): void {
    this.#whole = true;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.cut();
    this.#server.close();
    await Promise.resolve();
  }
}

test('a process whose Workload API gives it nothing instead of what was revoked says so', async () => {
  running.writePolicy('one.yaml', registration('one', 'one', [ownUid]));
  const workloadApi = join(running.state, 'workload.sock');
  let gone = Promise.withResolvers<undefined>();
  const logger = createLogger({ level: 'warn', write: () => gone.resolve(undefined) });
  const given = { clock: systemClock, logger, signal: new AbortController().signal };
  const source = cleanUp.use(await workloadIdentity({ workloadApi }, given));
  gone = Promise.withResolvers();
  expect(source.trouble?.()).toBeUndefined();
  running.writePolicy('one.yaml', registration('one', 'one', ['unix:uid:424242']));
  await gone.promise;
  await revokeSerial(serialOf(new X509Certificate(source.current().certificates[0] ?? '')));
  await until(source, ({ revoked }) => revoked?.size === 1);
  expect(source.trouble?.()).toMatch(/^its certificate was revoked; let `.*workload\.sock` give it another one/);
  running.writePolicy('one.yaml', registration('one', 'one', [ownUid]));
  const before = source.current().certificates[0];
  await until(source, ({ certificates }) => certificates[0] !== before);
  expect(source.trouble?.()).toBeUndefined();
});
