import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import type { Address } from '#runtime/address.ts';
import { systemClock } from '#runtime/clock.ts';
import { workloadIdentity } from '#runtime/identity/workload-identity.ts';
import type { Identity, IdentitySource } from '#runtime/identity-source.ts';
import { silentLogger } from '#runtime/logger.ts';
import { joinToken } from '#test/fakes/certificate-client.ts';
import { runCa, type RunningCa } from '#test/fakes/running-ca.ts';

const id = 'spiffe://example.org/ns/shop/sa/cart';
let running: RunningCa;
const files = mkdtempSync(join(tmpdir(), 'gwi-'));
beforeAll(async () => {
  running = await runCa({ settings: { ttl: { defaultSeconds: 4, maxSeconds: 86_400 } } });
});
afterAll(async () => {
  await running[Symbol.asyncDispose]();
  rmSync(files, { recursive: true });
});

async function tokenFile(name: string, from = running): Promise<string> {
  const token = await joinToken(from, { spiffeId: id });
  const file = join(files, name);
  writeFileSync(file, `${token}\n`, { mode: 0o600 });
  return file;
}

function open(token: string, ca: Address = running.ca.addresses.ca, signal = new AbortController().signal) {
  return workloadIdentity({ ca, token }, { clock: systemClock, logger: silentLogger, signal });
}

const changed = (source: IdentitySource): Promise<Identity> => new Promise((resolve) => source.onChange(resolve));

describe('an identity by join token', () => {
  test('is renewed over mTLS before it ends, with a new key', async () => {
    await using source = await open(await tokenFile('renew'));
    const first = source.current();
    expect(first.spiffeId.toString()).toBe(id);
    const second = await changed(source);
    expect(second.privateKey).not.toBe(first.privateKey);
    expect(second.certificates[0]).not.toBe(first.certificates[0]);
    expect(second.bundle).toEqual(first.bundle);
  });

  test('survives a restart, though its token is spent', async () => {
    const token = await tokenFile('restart');
    let first: Identity;
    {
      await using source = await open(token);
      first = source.current();
    }
    expect(statSync(`${token}.identity`).mode & 0o777).toBe(0o600);
    await using again = await open(token);
    expect(again.current().certificates).toEqual(first.certificates);
    expect((await changed(again)).certificates).not.toEqual(first.certificates);
  });

  test('a fresh token in the file goes before what was kept', async () => {
    const token = await tokenFile('fresh');
    const first = (await open(token)).current();
    writeFileSync(token, readFileSync(await tokenFile('fresh-2')));
    await using again = await open(token);
    expect(again.current().certificates).not.toEqual(first.certificates);
  });

  test('a token that was spent elsewhere is refused with what to do', async () => {
    const token = await tokenFile('spent');
    await (await open(token))[Symbol.asyncDispose]();
    rmSync(`${token}.identity`);
    await expect(open(token)).rejects.toMatchObject({ code: 'UNAUTHENTICATED' });
    await expect(open(token)).rejects.toThrow(/token create/);
  });

  test('an authority with another root does not get to see the token', async () => {
    await using other = await runCa();
    const token = await tokenFile('pinned');
    await expect(open(token, other.ca.addresses.ca)).rejects.toThrow(/is not the authority that made this join token/);
    await using source = await open(token);
    expect(source.current().spiffeId.toString()).toBe(id);
  });

  test('waits for an authority that is not there yet, until told to end', async () => {
    const stop = new AbortController();
    const waiting = open(await tokenFile('away'), { host: '127.0.0.1', port: 1 }, stop.signal);
    const outcome = expect(waiting).rejects.toMatchObject({ code: 'UNAVAILABLE' });
    setImmediate(() => stop.abort());
    await outcome;
  });

  test('no token file, no identity', async () => {
    await expect(open(join(files, 'missing'))).rejects.toMatchObject({ code: 'FAILED_PRECONDITION' });
    writeFileSync(join(files, 'rubbish'), 'hello');
    await expect(open(join(files, 'rubbish'))).rejects.toMatchObject({ code: 'UNAUTHENTICATED' });
  });
});
