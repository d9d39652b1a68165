import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';

const garrison = join(import.meta.dirname, '../../bin/garrison.js');
let folder: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'garrison-demo-test-'));
});

afterEach(() => {
  rmSync(folder, { recursive: true, force: true });
});

interface Demo {
  readonly child: ChildProcess;
  said(): string;
  /** Resolves once the demo has said something that matches. */
  until(words: RegExp): Promise<void>;
  ended(): Promise<number | null>;
}

function startDemo(...flags: string[]): Demo {
  const child = spawn(process.execPath, [garrison, 'demo', ...flags], {
    // Children inherit it: it is where they keep their files, and how they are found again.
    env: { ...process.env, NODE_OPTIONS: '', TMPDIR: folder },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let text = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk: Buffer) => (text += chunk.toString()));
  const end = once(child, 'close') as Promise<[number | null]>;
  return {
    child,
    said: () => text,
    async until(words) {
      while (!words.test(text)) {
        const ended = await Promise.race([once(child.stdout, 'data').then(() => false), end.then(() => true)]);
        if (ended && !words.test(text)) throw new Error(`the demo ended before it said ${String(words)}:\n${text}`);
      }
    },
    ended: async () => (await end)[0],
  };
}

/** Processes that carry this test's folder in their environment. */
function survivors(): { pid: number; command: string }[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .flatMap((pid) => {
      try {
        if (!readFileSync(`/proc/${pid}/environ`, 'utf8').includes(`TMPDIR=${folder}`)) return [];
        return [{ pid: Number(pid), command: readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ') }];
      } catch {
        return [];
      }
    });
}

function expectNothingLeft(): void {
  expect(survivors()).toEqual([]);
  expect(readdirSync(folder)).toEqual([]);
}

describe('garrison demo', () => {
  test('every step of the story goes as told, and nothing stays behind', async () => {
    const demo = startDemo('--once');
    const code = await demo.ended();
    const steps = demo.said().match(/^\d+\. .*$/gm) ?? [];
    expect({ code, steps: steps.length, said: code === 0 ? '' : demo.said() }).toEqual({
      code: 0,
      steps: 11,
      said: '',
    });
    expect(demo.said().match(/^ {3}as told/gm)).toHaveLength(11);
    expectNothingLeft();
  }, 120_000);

  test.each(['SIGINT', 'SIGTERM'] as const)(
    '%s in the middle of it leaves nothing behind',
    async (signal) => {
      const demo = startDemo();
      await demo.until(/^2\. /m);
      expect(survivors().length).toBeGreaterThan(10);
      demo.child.kill(signal);
      await demo.ended();
      expectNothingLeft();
    },
    60_000,
  );

  test('killed outright it can tidy nothing up, and still no process outlives it', async () => {
    const demo = startDemo();
    await demo.until(/^1\. /m);
    demo.child.kill('SIGKILL');
    await demo.ended();
    // Each child sees the end of a pipe, drains, and goes: there is no event of ours to wait for, only theirs.
    for (let looked = 0; survivors().length > 0 && looked < 300; looked++) {
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
    expect(survivors()).toEqual([]);
  }, 60_000);

  test('a sidecar that dies ends it, with its name, and nothing stays behind', async () => {
    const demo = startDemo();
    await demo.until(/^1\. /m);
    const sidecar = survivors().find(({ command }) => command.includes('/details-v1.yaml'));
    process.kill(sidecar?.pid ?? 0, 'SIGKILL');
    expect(await demo.ended()).toBe(2);
    expect(demo.said()).toContain('sidecar-details-v1 ended by itself (SIGKILL)');
    expectNothingLeft();
  }, 60_000);

  test('two at once do not meet', async () => {
    const first = startDemo();
    const second = startDemo();
    await Promise.all([first, second].map((demo) => demo.until(/^4\. /m)));
    for (const demo of [first, second]) {
      expect(demo.said()).not.toContain('NOT AS TOLD');
      demo.child.kill('SIGINT');
    }
    await Promise.all([first.ended(), second.ended()]);
    expectNothingLeft();
  }, 120_000);
});
