import { verify, type KeyObject } from 'node:crypto';

/** Whether a signature over some bytes is the key's; `hash` is null where the algorithm has its own. */
export type Verify = (
  hash: string | null,
  signed: Uint8Array,
  key: KeyObject,
  signature: Uint8Array,
) => boolean | Promise<boolean>;

/** On this thread: soonest done where nobody else waits. */
export const verifyHere = (hash: string | null, signed: Uint8Array, key: KeyObject, signature: Uint8Array): boolean =>
  verify(hash, signed, key, signature);

/** On a thread of the pool: costs a little more, while this one goes on with something else. */
export const verifyAside: Verify = (hash, signed, key, signature) =>
  new Promise((resolve, reject) => {
    verify(hash, signed, key, signature, (error, right) => (error === null ? resolve(right) : reject(error)));
  });
