import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import type { WorkloadAttestor } from './attestor.ts';
import { unitOf } from './cgroup-path.ts';
import type { ProcessFiles } from './process-files.ts';

const run = promisify(execFile);
const timeoutMs = 5000;

export interface SystemdOptions {
  /** The program that is asked where a unit's file lies. */
  readonly systemctl: string;
  readonly files: ProcessFiles;
}

/** `systemd:id:` and `systemd:fragment_path:`: the unit that a process runs in, and the file that defines it. */
export function systemd({ systemctl, files }: SystemdOptions): WorkloadAttestor {
  return {
    name: 'systemd',
    prefixes: ['systemd:'],
    perProcess: true,
    attest: async (process) => {
      const unit = unitOf(await files.read(process, 'cgroup'));
      if (unit === undefined) return [];
      const path = await fragmentPath(systemctl, unit);
      return [`systemd:id:${unit}`, ...(path.startsWith('/') ? [`systemd:fragment_path:${path}`] : [])];
    },
  };
}

/** Empty for a unit without a file, and where systemctl does not answer: the unit itself is the kernel's word. */
async function fragmentPath(systemctl: string, unit: string): Promise<string> {
  try {
    const args = ['show', '--property=FragmentPath', '--value', '--', unit];
    const { stdout } = await run(systemctl, args, { timeout: timeoutMs, maxBuffer: 65_536, env: {} });
    return stdout.trimEnd();
  } catch {
    return '';
  }
}
