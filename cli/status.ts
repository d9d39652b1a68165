import { type Address, dialable, formatAddress, isUnix, parseAddress } from '#runtime/address.ts';
import { readAddresses } from '#runtime/addresses-file.ts';
import { readConfig } from '#runtime/config/config.ts';
import { GarrisonError, asGarrisonError } from '#proto/errors/index.ts';
import { configFlag } from './service-world.ts';
import { revisionText, statusText } from './status-text.ts';
import { declareVerb } from './verb.ts';

/** What the admin port of one process says; `error` where it did not answer. */
interface ProcessStatus {
  readonly process: string;
  readonly admin: string;
  readonly ready: boolean;
  readonly missing: readonly string[];
  readonly revision?: unknown;
  readonly status?: unknown;
  readonly error?: string;
}

export const verb = declareVerb({
  name: 'status',
  summary: 'processes, revisions, certificates and when they expire, refusals, drops',
  flags: {
    config: configFlag,
    server: { kind: 'strings', value: 'ADDRESS', describe: 'the admin address of one process, such as a sidecar’s' },
  },
  example: 'garrison status',
  async run({ flags, output, env, cwd }) {
    const admins =
      flags.server.length > 0
        ? flags.server.map((server) => ['server', parseAddress(server)] as const)
        : publishedAdmins(readConfig({ path: flags.config, env, cwd }).state);
    const all = await Promise.all(admins.map(([name, address]) => ask(name, address)));
    for (const one of all) output.result(one, describe(one));
    if (all.every(({ error }) => error !== undefined)) {
      throw new GarrisonError('UNAVAILABLE', 'no process of the mesh answers', {
        remedy: 'start it with `garrison up`, or name the admin address of one with `--server`',
      });
    }
    return all.every(({ ready }) => ready) ? 0 : 1;
  },
});

function publishedAdmins(state: string): (readonly [string, Address])[] {
  const admins = [...readAddresses(state)].filter(([name]) => name.endsWith('Admin'));
  if (admins.length > 0) return admins.map(([name, address]) => [name.slice(0, -'Admin'.length), address] as const);
  throw new GarrisonError('UNAVAILABLE', `no process of the mesh runs on the state folder \`${state}\``, {
    remedy: 'start it with `garrison up`, or name its configuration with `--config`',
  });
}

async function ask(process: string, address: Address): Promise<ProcessStatus> {
  const admin = formatAddress(address);
  try {
    const readiness = (await page(address, '/readyz')) as { ready: boolean; missing: readonly string[] };
    const [status, revision] = await Promise.all([page(address, '/status'), page(address, '/revision')]);
    return {
      process: (status as { service?: string } | undefined)?.service ?? process,
      admin,
      ready: readiness.ready,
      missing: readiness.missing,
      ...(revision === undefined ? {} : { revision }),
      ...(status === undefined ? {} : { status }),
    };
  } catch (error) {
    return { process, admin, ready: false, missing: [], error: asGarrisonError(error).message };
  }
}

/** Undefined for a page that the process does not have. */
async function page(address: Address, path: string): Promise<unknown> {
  if (isUnix(address)) throw new GarrisonError('INVALID_ARGUMENT', 'an admin port is a TCP port');
  let response: Response;
  try {
    response = await fetch(`http://${formatAddress(dialable(address))}${path}`, { signal: AbortSignal.timeout(5000) });
  } catch (cause) {
    throw new GarrisonError('UNAVAILABLE', 'does not answer', { cause });
  }
  return response.status === 404 ? undefined : response.json();
}

function describe({ process, admin, ready, missing, revision, status, error }: ProcessStatus): string {
  const state = error ?? (ready ? 'ready' : `not ready: ${missing.join(', ')}`);
  return [`${process} (${admin}): ${state}`, ...revisionText(revision), ...statusText(status)].join('\n');
}
