import { X509Certificate } from 'node:crypto';
import { mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect, createServer, type TLSSocket } from 'node:tls';
import { once } from 'node:events';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { TrustClient, type TrustBundle } from '#proto/gen/garrison/v1/identity.ts';
import { parseAddress } from '#runtime/address.ts';
import { grpcClient } from '#runtime/grpc/client.ts';
import { isAuthority } from '#runtime/identity/request-certificate.ts';
import { Command } from '#test/fakes/command.ts';
import { OpensslAuthority } from '#test/fakes/openssl-authority.ts';
import { registration } from '#test/fakes/running-ca.ts';
import { runVerb } from '#test/fakes/run-verb.ts';

/** One certificate authority as a process of its own, in its own folder. */
class CaProcess implements AsyncDisposable {
  readonly folder: string;
  readonly address: string;
  readonly admin: string;
  readonly #command: Command;

  private constructor(folder: string, command: Command, addresses: Record<string, string>) {
    this.folder = folder;
    this.#command = command;
    this.address = addresses['ca'] ?? '';
    this.admin = addresses['caAdmin'] ?? '';
  }

  static async start(folder: string, ca: string): Promise<CaProcess> {
    writeFileSync(
      join(folder, 'garrison.yaml'),
      `trustDomain: example.org\nstate: ./state\npolicies: [ ./policies ]\nca:\n  listen: 127.0.0.1:0\n  admin: 127.0.0.1:0\n${ca}`,
    );
    mkdirSync(join(folder, 'policies'), { recursive: true });
    const command = new Command(['ca', '--config', join(folder, 'garrison.yaml'), '--output', 'json'], { cwd: folder });
    const line = await command.line();
    const { addresses } = JSON.parse(line) as { addresses?: Record<string, string> };
    if (addresses === undefined) throw new Error(line);
    const started = new CaProcess(folder, command, addresses);
    await until(async () => (await fetch(`http://${started.admin}/readyz`)).ok);
    return started;
  }

  async garrison(...args: string[]): Promise<Record<string, unknown>[]> {
    const ran = await runVerb([...args, '--output', 'json'], { cwd: this.folder });
    if (ran.code !== 0) throw new Error(ran.stderr);
    return ran.json();
  }

  async authorities(): Promise<Status['authorities']> {
    return (await this.status()).authorities;
  }

  async status(): Promise<Status> {
    return (await (await fetch(`http://${this.admin}/status`)).json()) as Status;
  }

  async mint(name: string): Promise<Credentials> {
    const out = join(this.folder, name);
    await this.garrison('identity', 'mint', '--service-account', `shop/${name}`, '--out', out, '--force');
    const read = (file: string): string => readFileSync(join(out, file), 'utf8');
    return { cert: read('certificate.pem'), key: read('key.pem'), ca: read('bundle.pem') };
  }

  end(signal: NodeJS.Signals = 'SIGTERM'): Promise<unknown> {
    return this.#command.end(signal);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#command[Symbol.asyncDispose]();
  }
}

interface Status {
  readonly registrations: number;
  readonly authorities: readonly { readonly id: string; readonly state: string }[];
}

interface Credentials {
  readonly cert: string;
  readonly key: string;
  readonly ca: string;
}

async function until(what: () => Promise<boolean>): Promise<void> {
  while (!(await what())) await new Promise((resolve) => setTimeout(resolve, 50));
}

/** Mutual TLS on loopback; the name of whom the client met and whom the server met. */
async function meet(client: Credentials, server: Credentials): Promise<[string | undefined, string | undefined]> {
  const common = { minVersion: 'TLSv1.3', checkServerIdentity: () => undefined } as const;
  const listening = createServer({ ...common, ...server, requestCert: true, rejectUnauthorized: true });
  listening.listen(0, '127.0.0.1');
  await once(listening, 'listening');
  const { port } = listening.address() as { port: number };
  const accepted = once(listening, 'secureConnection') as Promise<[TLSSocket]>;
  const socket = connect({ ...common, ...client, host: '127.0.0.1', port });
  try {
    const [[met]] = await Promise.all([accepted, once(socket, 'secureConnect')]);
    const names = [socket, met].map((one) => one.getPeerX509Certificate()?.subjectAltName);
    met.destroy();
    return [names[0], names[1]];
  } finally {
    socket.destroy();
    listening.close();
  }
}

const chainLength = ({ cert }: Credentials): number => cert.match(/BEGIN CERTIFICATE/g)?.length ?? 0;
const rootsIn = ({ ca }: Credentials): number => ca.match(/BEGIN CERTIFICATE/g)?.length ?? 0;
const named = (name: string): string => `URI:spiffe://example.org/ns/shop/sa/${name}`;

describe('a Garrison below a Garrison', () => {
  let base: string;
  let parent: CaProcess;
  let child: CaProcess;
  const upstream = (): string => `  upstream: { spiffe: { address: "${parent.address}", token: ./token } }\n`;

  beforeAll(async () => {
    base = mkdtempSync(join(tmpdir(), 'gup-'));
    for (const name of ['parent', 'child', 'stranger']) mkdirSync(join(base, name));
    parent = await CaProcess.start(join(base, 'parent'), '');
    const document = registration('child', 'child-ca', ['token:child'], '  downstream: true\n  x509Ttl: 24h\n');
    writeFileSync(join(base, 'parent', 'policies', 'child.yaml.new'), document);
    renameSync(join(base, 'parent', 'policies', 'child.yaml.new'), join(base, 'parent', 'policies', 'child.yaml'));
    await until(
      async () =>
        ((await (await fetch(`http://${parent.admin}/status`)).json()) as { registrations: number }).registrations ===
        1,
    );
    await parent.garrison('identity', 'token', 'create', '--name', 'child', '--out', join(base, 'child', 'token'));
    child = await CaProcess.start(join(base, 'child'), upstream());
  }, 60_000);
  afterAll(async () => {
    await child[Symbol.asyncDispose]();
    await parent[Symbol.asyncDispose]();
    rmSync(base, { recursive: true });
  });

  test('has its intermediate from above, on the record there; workloads of both meet', async () => {
    const [above, below] = [await parent.mint('above'), await child.mint('below')];
    expect([chainLength(above), chainLength(below)]).toEqual([2, 3]);
    expect(below.ca).toBe(above.ca);
    expect(await meet(above, below)).toEqual([named('below'), named('above')]);
    expect(await meet(below, above)).toEqual([named('above'), named('below')]);
    const records = await parent.garrison(
      'identity',
      'list',
      '--spiffe-id',
      'spiffe://example.org',
      '--state',
      'issued',
    );
    const record = records.find(({ grant }) => grant === 'registration:shop/child');
    expect(record).toMatchObject({ profile: 'intermediate', state: 'issued' });
    expect(record?.['caller']).toMatch(/^svid:/);
    // A day, as the registration says, and not the year that was asked for.
    const left = Date.parse(String(record?.['notAfter'])) - Date.now();
    expect(left).toBeLessThan(24 * 3_600_000);
    const [, intermediate = ''] = below.cert.split(/(?<=-----END CERTIFICATE-----\n)/);
    expect(new X509Certificate(intermediate).serialNumber.toLowerCase().padStart(40, '0')).toBe(record?.['serial']);
  }, 30_000);

  test('is seen above among those who use the authority, and says below which root it stands under', async () => {
    const above = await parent.garrison('identity', 'authorities', '--identities');
    expect(above[0]).toMatchObject({ state: 'active', intermediates: 1 });
    const identity = 'spiffe://example.org/ns/shop/sa/child-ca';
    expect(above[1]).toMatchObject({ identity, downstream: true, moved: null });
    const [below] = await child.garrison('identity', 'authorities');
    expect(below?.['root']).toBe(above[0]?.['authority']);
    expect(above[0]?.['root']).toBe(above[0]?.['authority']);
  }, 30_000);

  test('trust flows down: a new root above is trusted, signs, and the old one goes; nobody stops talking', async () => {
    const [old] = await parent.garrison('identity', 'list', '--limit', '1');
    expect(old).toBeDefined();
    await parent.garrison('identity', 'rotate', '--prepare');
    await until(async () => rootsIn(await child.mint('below')) === 2);
    await parent.garrison('identity', 'rotate', '--wait', '0s');
    const [above, below] = [await parent.mint('above'), await child.mint('below')];
    expect(await meet(above, below)).toEqual([named('below'), named('above')]);
    const [former] = await parent.authorities();
    await parent.garrison('identity', 'taint', former?.id ?? '');
    await until(
      async () =>
        (await child.authorities()).filter(({ state }) => state === 'active').length === 1 &&
        (await child.authorities()).length === 2,
    );
    const renewed = await child.mint('below');
    expect(await meet(renewed, above)).toEqual([named('above'), named('below')]);
    await parent.garrison('identity', 'revoke', '--authority', former?.id ?? '');
    await until(async () => rootsIn(await child.mint('below')) === 1);
    expect(await meet(await child.mint('below'), await parent.mint('above'))).toEqual([named('above'), named('below')]);
    expect((await child.authorities()).map(({ state }) => state)).toEqual(['revoked', 'active']);
  }, 60_000);

  test('what is revoked above is revoked below', async () => {
    const out = join(base, 'parent', 'revoked');
    const [minted] = await parent.garrison('identity', 'mint', '--service-account', 'shop/gone', '--out', out);
    await parent.garrison('identity', 'revoke', '--serial', String(minted?.['serial']));
    const client = grpcClient(TrustClient, parseAddress(child.address), {
      kind: 'tls',
      bundle: [(await child.mint('below')).ca],
      expect: isAuthority,
    });
    try {
      for await (const { revoked } of client.watchBundle({}) as AsyncIterable<TrustBundle>) {
        if (revoked.includes(String(minted?.['serial']))) break;
      }
    } finally {
      client.close();
    }
  }, 30_000);

  test('goes on and starts again while the authority above is away', async () => {
    await parent.end('SIGKILL');
    await child.end('SIGTERM');
    child = await CaProcess.start(join(base, 'child'), upstream());
    expect(chainLength(await child.mint('below'))).toBe(3);
  }, 60_000);

  test('without a registration as an authority gets nothing', async () => {
    parent = await CaProcess.start(join(base, 'parent'), '');
    const token = join(base, 'stranger', 'token');
    await parent.garrison('identity', 'token', 'create', '--service-account', 'shop/stranger', '--out', token);
    await expect(CaProcess.start(join(base, 'stranger'), upstream())).rejects.toThrow(
      /is not registered as an authority below this one/,
    );
  }, 60_000);
});

describe('an authority above in files', () => {
  test('signs the intermediate; its key may be away until the next one is due', async () => {
    using corp = new OpensslAuthority();
    const folder = mkdtempSync(join(tmpdir(), 'gup-'));
    const root = corp.root('corp root');
    const middle = corp.under(root, 'corp middle', { pathLength: 1 });
    for (const [name, text] of [
      ['upstream.pem', middle.certificate],
      ['upstream-key.pem', middle.key],
      ['roots.pem', root.certificate],
    ] as const) {
      writeFileSync(join(folder, name), text, { mode: 0o600 });
    }
    const disk = '  upstream: { disk: { certificate: upstream.pem, key: upstream-key.pem, bundle: roots.pem } }\n';
    {
      await using ca = await CaProcess.start(folder, disk);
      const me = await ca.mint('me');
      expect(chainLength(me)).toBe(3);
      expect(me.ca.trim()).toBe(root.certificate.trim());
      expect(await meet(me, await ca.mint('you'))).toEqual([named('you'), named('me')]);
      const [record] = await ca.garrison('identity', 'list', '--spiffe-id', 'spiffe://example.org');
      expect(record).toMatchObject({ profile: 'intermediate', grant: 'upstream:disk', state: 'issued' });
      rmSync(join(folder, 'upstream-key.pem'));
      await expect(ca.garrison('identity', 'rotate', '--issuing')).rejects.toThrow(/cannot be read/);
      expect(chainLength(await ca.mint('me'))).toBe(3);
      writeFileSync(join(folder, 'upstream-key.pem'), middle.key, { mode: 0o600 });
      await ca.garrison('identity', 'rotate', '--issuing');
      expect((await ca.authorities()).map(({ state }) => state)).toEqual(['old', 'active']);
      expect(await meet(await ca.mint('me'), me)).toEqual([named('me'), named('me')]);
      await ca.end();
    }
    rmSync(folder, { recursive: true });
  }, 60_000);
});
