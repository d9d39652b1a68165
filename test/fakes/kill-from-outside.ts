import { spawn, type ChildProcess } from 'node:child_process';

/**
 * SIGKILL after so many milliseconds, sent by a process of its own: a timer of the test would fire only where the test
 * itself is at rest, which is always at the same point of its talk with the other process.
 */
export function killFromOutside({ pid }: ChildProcess, afterMs: number): void {
  spawn('sh', ['-c', `sleep ${(afterMs / 1000).toFixed(4)}; kill -9 ${pid ?? ''}`], { stdio: 'ignore' });
}
