import { spawnSync } from 'node:child_process';
import { chmodSync, mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, expect, test } from '@jest/globals';
import { GrpcServer } from '#runtime/grpc/server.ts';
import { createLogger } from '#runtime/logger.ts';
import { StateFolder } from '#runtime/state-folder.ts';

const folder = mkdtempSync(join(tmpdir(), 'gsf-'));
chmodSync(folder, 0o755);
afterAll(() => rmSync(folder, { recursive: true }));

/** What is logged while a server listens there; `look` is called while it does. */
async function warnings(path: string, mode: number, look: () => void = () => undefined): Promise<string> {
  let log = '';
  const logger = createLogger({ write: (line) => (log += line) });
  await using server = new GrpcServer({ logger });
  await server.listen({ path }, { kind: 'plaintext' }, { setting: 'workloadApi', mode });
  look();
  return log;
}

test.each([
  ['owner', 0o600, 0o700],
  ['group', 0o660, 0o750],
  ['everyone', 0o666, 0o755],
])('the folder made for a socket that lets in %s is for them too, whatever the mask', async (name, mode, expected) => {
  const path = join(folder, name, 'run/workload.sock');
  const mask = process.umask(0o077);
  try {
    expect(await warnings(path, mode)).toBe('');
  } finally {
    process.umask(mask);
  }
  expect(statSync(dirname(path)).mode & 0o777).toBe(expected);
});

test.each([
  ['group', 0o660],
  ['everyone', 0o666],
])('a socket for %s in the state folder is warned of, and the folder stays closed', async (name, mode) => {
  const state = StateFolder.open(join(folder, `state-${name}`));
  const log = await warnings(state.join('run/workload.sock'), mode);
  expect(JSON.parse(log)).toMatchObject({
    level: 'warn',
    closed: state.path,
    remedy: expect.stringContaining('`workloadApi`'),
  });
  expect(statSync(state.path).mode & 0o777).toBe(0o700);
  expect(await warnings(state.join('own.sock'), 0o600)).toBe('');
});

const asAnother = process.getuid?.() === 0 ? test : test.skip;
asAnother('a process of another user reaches the socket', async () => {
  const path = join(folder, 'shared/workload.sock');
  const reaches = (): number | null =>
    spawnSync('setpriv', ['--reuid', '65534', '--regid', '65534', '--clear-groups', 'test', '-w', path]).status;
  const reached: (number | null)[] = [];
  await warnings(path, 0o666, () => reached.push(reaches()));
  await warnings(path, 0o600, () => reached.push(reaches()));
  expect(reached).toEqual([0, 1]);
});
