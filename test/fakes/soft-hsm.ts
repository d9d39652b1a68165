import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import koffi from 'koffi';

const libraries = [
  '/usr/lib/softhsm/libsofthsm2.so',
  '/usr/lib/x86_64-linux-gnu/softhsm/libsofthsm2.so',
  '/usr/lib/aarch64-linux-gnu/softhsm/libsofthsm2.so',
];

/** A folder of SoftHSM tokens of its own. */
export class SoftHsm implements Disposable {
  readonly folder = mkdtempSync(join(tmpdir(), 'hsm-'));
  readonly pin = '24681357';
  readonly env: Readonly<Record<string, string>> = { SOFTHSM2_CONF: join(this.folder, 'softhsm2.conf') };

  constructor() {
    mkdirSync(join(this.folder, 'tokens'));
    const lines = [
      `directories.tokendir = ${join(this.folder, 'tokens')}`,
      'objectstore.backend = file',
      'log.level = ERROR',
    ];
    writeFileSync(join(this.folder, 'softhsm2.conf'), `${lines.join('\n')}\n`);
    writeFileSync(join(this.folder, 'pin'), `${this.pin}\n`, { mode: 0o600 });
  }

  get module(): string {
    const found = libraries.find((file) => existsSync(file));
    if (found === undefined) throw new Error('SoftHSM is not installed: apt-get install softhsm2');
    return found;
  }

  get pinFile(): string {
    return join(this.folder, 'pin');
  }

  addToken(label: string): void {
    const args = ['--init-token', '--free', '--label', label, '--pin', this.pin, '--so-pin', '87654321'];
    execFileSync('softhsm2-util', args, { env: { ...process.env, ...this.env }, stdio: 'ignore' });
  }

  /** For the library in this very process: jest keeps what is written to `process.env` from the C library. */
  useHere(): void {
    const setenv = koffi.load(null).func('int setenv(const char *name, const char *value, int overwrite)') as (
      name: string,
      value: string,
      overwrite: number,
    ) => number;
    for (const [name, value] of Object.entries(this.env)) setenv(name, value, 1);
  }

  [Symbol.dispose](): void {
    rmSync(this.folder, { recursive: true });
  }
}
