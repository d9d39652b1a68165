import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { createLogger } from '#runtime/logger.ts';
import { registration, runCa, type RunningCa } from '#test/fakes/running-ca.ts';
import { runVerb, type VerbRun } from '#test/fakes/run-verb.ts';

let base: string;
const at = (...names: string[]): string => join(base, ...names);
const above = (...args: string[]): Promise<VerbRun> => runVerb(['identity', ...args], { cwd: at('above') });
const below = (...args: string[]): Promise<VerbRun> => runVerb(['identity', ...args], { cwd: at('below') });

beforeEach(() => {
  base = mkdtempSync(join(tmpdir(), 'gut-'));
  for (const name of ['above', 'below']) mkdirSync(at(name));
});
afterEach(() => rmSync(base, { recursive: true }));

async function page({ ca }: RunningCa, name: string): Promise<string> {
  const { caAdmin } = ca.addresses;
  if (!('port' in caAdmin)) throw new Error('no port');
  return (await fetch(`http://127.0.0.1:${caAdmin.port}/${name}`)).text();
}

interface Status {
  readonly authoritiesFrom: { readonly trouble: { readonly reason: string } | null };
}

async function trouble(running: RunningCa, holds: (reason: string | undefined) => boolean): Promise<string> {
  for (;;) {
    const { authoritiesFrom } = JSON.parse(await page(running, 'status')) as Status;
    const reason = authoritiesFrom.trouble?.reason;
    if (holds(reason)) return reason ?? '';
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

const token = async (): Promise<void> => {
  rmSync(at('token'), { force: true });
  const made = await above('token', 'create', '--service-account', 'shop/ca', '--out', at('token'));
  expect(made).toMatchObject({ code: 0 });
};

test('that the authority above is away, or revoked this one, is told once, on the page and to who asks; a new token mends it', async () => {
  const policies = { 'below.yaml': registration('below', 'ca', ['token:below'], '  downstream: true\n') };
  const lines: string[] = [];
  const logger = createLogger({ write: (line) => lines.push(line) });
  const told = (): string[] => lines.filter((line) => line.includes('the authority above'));
  await using cleanUp = new AsyncDisposableStack();
  let parent = await runCa({ folder: at('above'), policies });
  cleanUp.defer(() => parent[Symbol.asyncDispose]());
  await token();
  const address = parent.ca.addresses.ca;
  const settings = { upstream: { spiffe: { address, identity: { token: at('token') } } } } as const;
  await using child = await runCa({ folder: at('below'), settings, logger });
  await trouble(child, (reason) => reason === undefined);
  expect(await page(child, 'metrics')).toContain('garrison_ca_upstream_trouble 0');

  await parent[Symbol.asyncDispose]();
  expect(await trouble(child, (reason) => reason !== undefined)).toMatch(/^does not answer: /);
  expect(await page(child, 'metrics')).toContain('garrison_ca_upstream_trouble 1');
  expect(told()).toHaveLength(1);
  for (const args of [['rotate'], ['rotate', '--issuing']]) {
    const refused = await below(...args);
    expect(refused.code).not.toBe(0);
    expect(refused.stderr).toMatch(/the authority above, at `127.0.0.1:\d+`, does not answer/);
    expect(refused.stderr).not.toContain('admin.sock');
  }

  expect(await trouble(child, (reason) => reason !== undefined)).toMatch(/^does not answer: .*connect/);

  parent = await runCa({ folder: at('above'), settings: { listen: address } });
  await trouble(child, (reason) => reason === undefined);
  expect(told()).toHaveLength(2);
  expect(await below('rotate', '--issuing')).toMatchObject({ code: 0 });

  expect(await above('revoke', '--service-account', 'shop/ca')).toMatchObject({ code: 0 });
  const why = await trouble(child, (reason) => reason?.includes('was revoked') === true);
  expect(why).toContain(`put a new join token of it in \`${at('token')}\``);
  expect((await below('rotate', '--issuing')).stderr).toMatch(/the authority above, .* refuses: .* was revoked/);
  expect(told()).toHaveLength(3);

  await token();
  await trouble(child, (reason) => reason === undefined);
  expect(await below('rotate', '--issuing')).toMatchObject({ code: 0 });
}, 90_000);

test('one whose intermediate was revoked above gets another as soon as it may have one again', async () => {
  const allowed = registration('below', 'ca', ['token:below'], '  downstream: true\n');
  const other = registration('other', 'other', ['token:other']);
  const registered = async (running: RunningCa, count: number): Promise<void> => {
    while (!(await page(running, 'status')).replaceAll(/\s/g, '').includes(`"registrations":${count},`))
      await new Promise((resolve) => setTimeout(resolve, 50));
  };
  await using parent = await runCa({ folder: at('above'), policies: { 'below.yaml': allowed } });
  await token();
  const settings = { upstream: { spiffe: { address: parent.ca.addresses.ca, identity: { token: at('token') } } } };
  const lines: string[] = [];
  const logger = createLogger({ write: (line) => lines.push(line) });
  await using child = await runCa({ folder: at('below'), settings, logger });
  const signing = async (): Promise<unknown> =>
    (await below('authorities', '--output', 'json')).json().find(({ state }) => state === 'active')?.['authority'];
  const first = await signing();
  await trouble(child, (reason) => reason === undefined);

  // Neither may it have another one, nor is it told so as somebody who is revoked.
  const refused = registration('below', 'ca', ['token:below']);
  parent.writePolicy('below.yaml', `${refused}---\n${other}`);
  await registered(parent, 2);
  const listed = await above('list', '--spiffe-id', 'spiffe://example.org', '--output', 'json');
  const intermediate = listed.json().find(({ grant }) => String(grant).startsWith('registration:'));
  expect(await above('revoke', '--serial', String(intermediate?.['serial']))).toMatchObject({ code: 0 });
  while (!lines.some((line) => line.includes('is not registered as an authority below')))
    await new Promise((resolve) => setTimeout(resolve, 50));
  expect(await signing()).toBe(first);
  parent.writePolicy('below.yaml', allowed);
  while ((await signing()) === first) await new Promise((resolve) => setTimeout(resolve, 50));
}, 60_000);
