import type { BinaryHashes } from '../binary-hash.ts';
import type { WorkloadAttestor } from './attestor.ts';

/** `unix:sha256:`: the hash of the program, read through its process. */
export function unixBinary(binaries: BinaryHashes): WorkloadAttestor {
  return {
    name: 'sha256',
    prefixes: ['unix:sha256:'],
    perProcess: false,
    attest: async (process) => {
      const hash = await binaries.of(process);
      return hash === undefined ? [] : [`unix:sha256:${hash}`];
    },
  };
}
