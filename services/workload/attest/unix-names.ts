import { readFile, stat } from 'node:fs/promises';
import { fileKey } from '#runtime/peer-credentials.ts';
import type { UnixPeer } from '#runtime/peer.ts';
import type { WorkloadAttestor } from './attestor.ts';

/** Names of numbers in a file such as /etc/passwd, read anew when it changes. Directory services are not asked. */
class NameFile {
  readonly #file: string;
  #held: { readonly key: string; readonly names: ReadonlyMap<number, string> } | undefined;

  constructor(file: string) {
    this.#file = file;
  }

  async names(): Promise<ReadonlyMap<number, string>> {
    const key = fileKey(await stat(this.#file, { bigint: true }));
    if (this.#held?.key !== key) this.#held = { key, names: readNames(await readFile(this.#file, 'utf8')) };
    return this.#held.names;
  }
}

/** The first line of a number counts, as it does for getpwuid(3). */
function readNames(text: string): ReadonlyMap<number, string> {
  const names = new Map<number, string>();
  for (const line of text.split('\n')) {
    const [name = '', , id = ''] = line.split(':');
    if (/^[A-Za-z0-9_][A-Za-z0-9_.@-]*\$?$/.test(name) && /^[0-9]{1,10}$/.test(id) && !names.has(Number(id))) {
      names.set(Number(id), name);
    }
  }
  return names;
}

/** `unix:user:`, `unix:group:`, `unix:supplementary_group:`: what the numbers are called on this host. */
export function unixNames(etc = '/etc'): WorkloadAttestor {
  const users = new NameFile(`${etc}/passwd`);
  const groups = new NameFile(`${etc}/group`);
  return {
    name: 'unix',
    prefixes: ['unix:user:', 'unix:group:', 'unix:supplementary_group:'],
    perProcess: false,
    attest: async ({ uid, gid, groups: others = [] }: UnixPeer) => {
      const [userNames, groupNames] = await Promise.all([users.names(), groups.names()]);
      const called = (kind: string, name: string | undefined): string[] =>
        name === undefined ? [] : [`unix:${kind}:${name}`];
      return [
        ...called('user', userNames.get(uid)),
        ...called('group', groupNames.get(gid)),
        ...others.flatMap((id) => called('supplementary_group', groupNames.get(id))),
      ];
    },
  };
}
