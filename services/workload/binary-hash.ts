import { createHash } from 'node:crypto';
import { open } from 'node:fs/promises';
import { fileKey } from '#runtime/peer-credentials.ts';
import type { UnixPeer } from '#runtime/peer.ts';

const kept = 256;
const chunkBytes = 1 << 20;

/** SHA-256 of the programs that call, each read once for as long as the file stays the same. */
export class BinaryHashes {
  readonly #known = new Map<string, Promise<string | undefined>>();

  /** Undefined where it cannot be said: the process is gone, runs another program by now, or is hidden from us. */
  of({ pid, binary }: UnixPeer): Promise<string | undefined> {
    if (binary === undefined) return Promise.resolve(undefined);
    let hash = this.#known.get(binary);
    if (hash === undefined) {
      hash = hashOf(pid, binary).catch(() => undefined);
      this.#known.set(binary, hash);
      const [oldest] = this.#known.keys();
      if (this.#known.size > kept && oldest !== undefined) this.#known.delete(oldest);
      // What could not be read now may be readable when somebody else runs the same file.
      void hash.then((found) => found ?? this.#known.delete(binary));
    }
    return hash;
  }
}

/**
 * Reads the program through the process (not by its path, where another file may lie by now), and only if it is the very
 * file that the kernel named when the connection was made: a pid that was reused, or a process that became another
 * program, lends nobody its hash.
 */
async function hashOf(pid: number, binary: string): Promise<string | undefined> {
  await using file = await open(`/proc/${pid}/exe`, 'r');
  if (fileKey(await file.stat({ bigint: true })) !== binary) return undefined;
  const hash = createHash('sha256');
  const buffer = Buffer.allocUnsafe(chunkBytes);
  for (;;) {
    const { bytesRead } = await file.read(buffer, 0, chunkBytes);
    if (bytesRead === 0) return hash.digest('hex');
    hash.update(buffer.subarray(0, bytesRead));
  }
}
