import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { parseJoinToken } from '#ca/join-token.ts';
import { GarrisonError } from '#proto/errors/index.ts';
import type { Address } from '../address.ts';
import type { Identity } from '../identity-source.ts';
import { fetchPinnedRoot } from './fetch-pinned-root.ts';
import { requestCertificate } from './request-certificate.ts';

export interface JoinToken {
  readonly text: string;
  /** SHA-256: which token it is, for those who must not keep it. */
  readonly hash: string;
}

/** What to do when there is nothing to join with. */
export function askForToken(file: string): string {
  return `put a new join token in \`${file}\`: \`garrison identity token create\` makes one`;
}

export function readJoinToken(file: string): JoinToken {
  try {
    const text = readFileSync(file, 'utf8').trim();
    return { text, hash: createHash('sha256').update(text).digest('hex') };
  } catch (cause) {
    throw new GarrisonError('FAILED_PRECONDITION', `the join token \`${file}\` cannot be read`, {
      place: 'identity.token',
      remedy: 'write it there with `garrison identity token create`',
      cause,
    });
  }
}

/** The token in a file, where it is another one than that of this hash. */
export function newJoinToken(file: string, spent: string): JoinToken | undefined {
  try {
    const token = readJoinToken(file);
    return token.text === '' || token.hash === spent ? undefined : token;
  } catch {
    return undefined;
  }
}

/** The token says which authority to believe, by the hash of its root. */
export async function joinByToken(ca: Address, { text: token }: JoinToken, signal: AbortSignal): Promise<Identity> {
  const root = await fetchPinnedRoot(ca, parseJoinToken(token).rootHash, signal);
  return requestCertificate(ca, { kind: 'token', token, root }, signal);
}
