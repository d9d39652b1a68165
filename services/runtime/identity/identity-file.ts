import { closeSync, fsyncSync, openSync, readFileSync, renameSync, rmSync, statSync, writeSync } from 'node:fs';
import { GarrisonError } from '#proto/errors/index.ts';
import type { Identity } from '../identity-source.ts';
import { readIdentity, type IdentityParts } from './read-identity.ts';

/**
 * The current identity beside the join token, 0600: a token is spent at first use, so a restarted process proves itself
 * by the identity it had.
 */
export interface StoredIdentity {
  readonly identity: Identity;
  /** SHA-256 of the token it began with: a file with another token is newer than this identity. */
  readonly tokenHash: string;
}

/** As it lies there; what was revoked is missing where an older release has written it. */
interface Kept extends IdentityParts {
  readonly tokenHash: string;
  readonly revoked?: readonly string[];
  readonly refused?: readonly string[];
}

export function identityFileOf(tokenFile: string): string {
  return `${tokenFile}.identity`;
}

/** Undefined where there is none, or none that can be used: then the token must do. */
export function loadIdentity(file: string): StoredIdentity | undefined {
  try {
    if ((statSync(file).mode & 0o077) !== 0) return undefined;
    const { tokenHash, revoked = [], refused = [], ...parts } = JSON.parse(readFileSync(file, 'utf8')) as Kept;
    return { identity: { ...readIdentity(parts), revoked: new Set(revoked), refused }, tokenHash };
  } catch {
    return undefined;
  }
}

export function storeIdentity(file: string, { identity, tokenHash }: StoredIdentity): void {
  const { certificates, privateKey, bundle, revoked = [], refused = [] } = identity;
  const kept: Kept = { tokenHash, certificates, privateKey, bundle, revoked: [...revoked], refused };
  const fresh = `${file}.${process.pid}.new`;
  try {
    rmSync(fresh, { force: true });
    const fd = openSync(fresh, 'wx', 0o600);
    try {
      writeSync(fd, JSON.stringify(kept));
      fsyncSync(fd);
    } finally {
      closeSync(fd);
    }
    renameSync(fresh, file);
  } catch (cause) {
    rmSync(fresh, { force: true });
    throw new GarrisonError('FAILED_PRECONDITION', `the identity cannot be kept in \`${file}\``, {
      remedy: 'let this user write to the folder of the token: without it a restart needs a new token',
      cause,
    });
  }
}
