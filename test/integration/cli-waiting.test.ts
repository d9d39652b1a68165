import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { CaProcess } from '#test/fakes/ca-process.ts';
import { run } from '#test/fakes/command.ts';

// As a process: one that only waits has nothing that holds it alive, which no call within this one would show.
const folder = mkdtempSync(join(tmpdir(), 'gcw-'));
let authority: CaProcess;

beforeAll(async () => {
  authority = await CaProcess.start({ folder });
}, 30_000);
afterAll(async () => {
  await authority[Symbol.asyncDispose]();
  rmSync(folder, { recursive: true });
});

test.each([['identity rotate'], ['identity jwt rotate']])(
  '`%s` waits, and then signs with the new key',
  async (verb) => {
    const ran = await run([...verb.split(' '), '--wait', '1s', '--output', 'json'], folder);
    expect(ran).toMatchObject({ code: 0, stderr: expect.stringContaining('it signs in 1 s') });
    expect(JSON.parse(ran.stdout)).toMatchObject({ state: 'active' });
  },
  30_000,
);
