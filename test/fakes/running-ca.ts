import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { readConfig, type Config } from '#runtime/config/config.ts';
import { systemClock, type Clock } from '#runtime/clock.ts';
import { createLogger, silentLogger, type Logger } from '#runtime/logger.ts';
import { StateFolder } from '#runtime/state-folder.ts';
import { composeCa, type Ca } from '#services/ca/compose.ts';
import { caSettings, type CaSettings } from '#services/ca/settings.ts';

export interface RunningCa extends AsyncDisposable {
  readonly ca: Ca;
  readonly config: Config;
  readonly folder: string;
  readonly state: string;
  /** Puts a document in the policies folder, in one piece. */
  writePolicy(name: string, text: string): void;
}

export interface RunningCaOptions {
  readonly folder?: string;
  readonly trustDomain?: string;
  readonly clock?: Clock;
  readonly passphrase?: string;
  readonly settings?: Partial<CaSettings>;
  readonly logger?: Logger;
  readonly policies?: Readonly<Record<string, string>>;
}

/** A real CA on free ports, with its own folder; the folder goes with it unless it was given. */
export async function runCa(options: RunningCaOptions = {}): Promise<RunningCa> {
  // Socket paths hold 107 characters.
  const folder = options.folder ?? mkdtempSync(join(tmpdir(), 'gca-'));
  const file = join(folder, 'garrison.yaml');
  writeFileSync(
    file,
    `trustDomain: ${options.trustDomain ?? 'example.org'}\nstate: ./state\npolicies: [ ./policies ]\nca: { listen: "127.0.0.1:0", admin: "127.0.0.1:0" }\n`,
  );
  const config = readConfig({ path: file, env: {}, cwd: folder });
  const state = StateFolder.open(config.state);
  const policies = StateFolder.open(join(folder, 'policies'));
  for (const [name, text] of Object.entries(options.policies ?? {})) policies.write(name, text);
  const quiet = process.env['TEST_LOG'] === undefined ? silentLogger : createLogger({ level: 'debug' });
  const { logger = quiet } = options;
  const ca = await composeCa(
    { ...caSettings(config), telemetry: undefined, ...options.settings },
    { state, passphrase: options.passphrase, clock: options.clock ?? systemClock, logger, random: Math.random },
  );
  await ca.admin.readiness.ready();
  return {
    ca,
    config,
    folder,
    state: config.state,
    writePolicy: (name, text) => policies.write(name, text),
    [Symbol.asyncDispose]: async () => {
      await ca[Symbol.asyncDispose]();
      if (options.folder === undefined) rmSync(folder, { recursive: true });
    },
  };
}

export function registration(name: string, serviceAccount: string, selectors: readonly string[], more = ''): string {
  return `apiVersion: garrison.dev/v1
kind: Registration
metadata: { name: ${name}, namespace: shop }
spec:
  serviceAccount: ${serviceAccount}
  selectors: ${JSON.stringify(selectors)}
${more}`;
}
