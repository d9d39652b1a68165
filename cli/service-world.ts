import { type Address, dialable, isUnix } from '#runtime/address.ts';
import { type Addresses, publishAddresses, readAddresses, withdrawAddresses } from '#runtime/addresses-file.ts';
import type { Clock } from '#runtime/clock.ts';
import { type Config, readConfig } from '#runtime/config/config.ts';
import { warnOfExposed } from '#runtime/config/read-secret-file.ts';
import { type Secrets, readSecrets } from '#runtime/config/secrets.ts';
import { type Logger, createLogger } from '#runtime/logger.ts';
import { StateFolder } from '#runtime/state-folder.ts';
import type { Flag, Invocation } from './verb.ts';

export const configFlag = {
  kind: 'string',
  value: 'FILE',
  describe: 'garrison.yaml; else what GARRISON_CONFIG names, else the one in the working folder, else all defaults',
} as const satisfies Flag;

/** What a process of the mesh stands on. */
export interface ServiceWorld {
  readonly config: Config;
  readonly secrets: Secrets;
  readonly state: StateFolder;
  readonly clock: Clock;
  readonly logger: Logger;
}

export function openServiceWorld(path: string | undefined, { env, cwd, clock }: Invocation): ServiceWorld {
  const config = readConfig({ path, env, cwd });
  const state = StateFolder.open(config.state);
  const logger = createLogger({ level: config.logLevel });
  return { config, secrets: readSecrets(config, warnOfExposed(logger)), state, clock, logger };
}

/** Where the CA of this configuration is: as configured, or, where that was any free port, as its process published it. */
export function findCa({ config }: ServiceWorld): Address {
  const { listen } = config.ca;
  if (isUnix(listen) || listen.port !== 0) return dialable(listen);
  return readAddresses(config.state).get('ca') ?? listen;
}

/** Something that serves, and where. */
export interface Serving extends AsyncDisposable {
  readonly addresses: Addresses;
}

/** Publishes the addresses for as long as the service is up. */
export async function published(state: StateFolder, serving: Serving): Promise<Serving> {
  await publishAddresses(state, serving.addresses);
  return {
    addresses: serving.addresses,
    [Symbol.asyncDispose]: async () => {
      await withdrawAddresses(state, serving.addresses);
      await serving[Symbol.asyncDispose]();
    },
  };
}
