import { readStrictJson } from '#policies/tokens/strict-json.ts';
import { GarrisonError } from '#proto/errors/index.ts';
import { askHttp } from '#runtime/ask-http.ts';
import { at, listAt, textsAt } from '#runtime/json-at.ts';
import { said, type WorkloadAttestor } from './attestor.ts';
import { containerOf } from './cgroup-path.ts';
import type { ProcessFiles } from './process-files.ts';

export interface DockerOptions {
  /** The Engine API's unix socket. */
  readonly socket: string;
  readonly files: ProcessFiles;
}

/** `docker:label:KEY:VALUE`, `docker:env:KEY=VALUE`, `docker:image_id:NAME`: what the Engine says of a process's container. */
export function docker({ socket, files }: DockerOptions): WorkloadAttestor {
  return {
    name: 'docker',
    prefixes: ['docker:'],
    perProcess: true,
    attest: async (process) => {
      const container = containerOf(await files.read(process, 'cgroup'));
      return container === undefined ? [] : selectorsOf(await inspect(socket, container.id), container.id);
    },
  };
}

async function inspect(socket: string, id: string): Promise<unknown> {
  // The version of the API is left out: an Engine then answers as its newest.
  const url = `http://docker/containers/${id}/json`;
  const { status, body } = await askHttp({ url, socketPath: socket, timeoutMs: 5000, maxBytes: 1024 * 1024 });
  if (status !== 200) throw new GarrisonError('UNAVAILABLE', `Docker answers with status ${status}`);
  const found = readStrictJson(body);
  if (typeof found === 'string') throw new GarrisonError('UNAVAILABLE', `Docker answers with what ${found}`);
  return found;
}

function selectorsOf(found: unknown, id: string): string[] {
  if (at(found, 'Id') !== id) throw new GarrisonError('UNAVAILABLE', 'Docker answers about another container');
  return [
    ...textsAt(found, 'Config', 'Labels').map(([name, value]) => `docker:label:${name}:${value}`),
    ...listAt(found, 'Config', 'Env').flatMap((variable) => said('docker:env', variable)),
    ...said('docker:image_id', at(found, 'Config', 'Image')),
    ...said('docker:image_id', at(found, 'Image')),
  ];
}
