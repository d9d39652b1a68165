import { createHash } from 'node:crypto';
import { GarrisonError } from '#proto/errors/index.ts';

const prefix = 'gjt1';
const secretBytes = 32;

/** A join token taken apart: proof to the authority, and proof of the authority. */
export interface JoinToken {
  /** SHA-256 of the secret, hexadecimal: all that the authority keeps of it. */
  readonly hash: string;
  /** SHA-256 of the root certificate's DER, hexadecimal: the holder accepts no other authority. */
  readonly rootHash: string;
}

/** `gjt1.<secret>.<hash of the root>`: who holds it knows whom to hand it to. */
export function formatJoinToken(secret: Uint8Array, root: Uint8Array): string {
  if (secret.length !== secretBytes) throw new RangeError(`a secret has ${secretBytes} bytes`);
  return [prefix, base64url(secret), createHash('sha256').update(root).digest('base64url')].join('.');
}

export function hashOfSecret(secret: Uint8Array): string {
  return createHash('sha256').update(secret).digest('hex');
}

export function parseJoinToken(text: string): JoinToken {
  const parts = /^gjt1\.([A-Za-z0-9_-]{43})\.([A-Za-z0-9_-]{43})$/.exec(text);
  const [, secret, root] = parts ?? [];
  const bytes = [secret, root].map((part) => Buffer.from(part ?? '', 'base64url'));
  const [secretPart, rootPart] = bytes;
  // The last character carries two bits that mean nothing: one spelling only.
  const spelled = bytes.every((part, i) => base64url(part) === parts?.[i + 1]);
  if (secretPart === undefined || rootPart === undefined || !spelled) {
    throw new GarrisonError('UNAUTHENTICATED', 'this is no join token', {
      remedy: 'make one with `garrison identity token create`',
    });
  }
  return { hash: hashOfSecret(secretPart), rootHash: rootPart.toString('hex') };
}

export function isJoinToken(text: string): boolean {
  return text.startsWith(`${prefix}.`);
}

function base64url(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('base64url');
}
