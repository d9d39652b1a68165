import { spawn } from 'node:child_process';
import { once } from 'node:events';

/** Runs one verb of the command in a process of its own, as a person at a terminal does. */
export async function runGarrison(
  program: string,
  args: readonly string[],
  environment: NodeJS.ProcessEnv,
  signal: AbortSignal,
): Promise<{ readonly code: number; readonly stdout: string }> {
  const child = spawn(process.execPath, [program, ...args], {
    env: environment,
    stdio: ['ignore', 'pipe', 'ignore'],
    signal,
  });
  const chunks: Buffer[] = [];
  child.stdout.on('data', (chunk: Buffer) => chunks.push(chunk));
  const [code] = (await once(child, 'close')) as [number | null];
  return { code: code ?? 2, stdout: Buffer.concat(chunks).toString('utf8') };
}
