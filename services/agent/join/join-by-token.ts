import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { parseJoinToken } from '#ca/join-token.ts';
import { GarrisonError } from '#proto/errors/index.ts';
import { fetchPinnedRoot } from '#runtime/identity/fetch-pinned-root.ts';
import { requestCertificate } from '#runtime/identity/request-certificate.ts';
import type { AuthorityPlaces } from '../asking/authority-places.ts';
import type { WayOfJoining } from './way-of-joining.ts';

/** By a join token that an operator made for this node. It also says which authority to believe, by the hash of its root. */
export function joinByToken(places: AuthorityPlaces, file: string): WayOfJoining {
  return {
    once: true,
    files: [file],
    remedy: `write a new token to \`${file}\`: \`garrison identity token create\` makes one`,
    mark: () => {
      const token = read(file);
      return token === undefined ? undefined : createHash('sha256').update(token).digest('hex');
    },
    join: async (signal) => {
      const token = read(file);
      if (token === undefined) {
        throw new GarrisonError('FAILED_PRECONDITION', `there is no join token in \`${file}\``, {
          place: 'join.token',
          remedy: 'write it there with `garrison identity token create`',
        });
      }
      return places.inTurn(async (ca) => {
        const root = await fetchPinnedRoot(ca, parseJoinToken(token).rootHash, signal);
        return requestCertificate(ca, { kind: 'token', token, root }, signal);
      });
    },
  };
}

function read(file: string): string | undefined {
  try {
    const text = readFileSync(file, 'utf8').trim();
    return text === '' ? undefined : text;
  } catch {
    return undefined;
  }
}
