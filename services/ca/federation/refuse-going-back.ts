import type { BundleDocument } from '#ca/bundle/read-bundle.ts';
import type { TrustDomain } from '#ca/spiffe-id.ts';
import { GarrisonError } from '#proto/errors/index.ts';

/**
 * An older document would bring back keys that were revoked since. The sequence, where there is one, grows and is changed
 * with every change of content (SPIFFE Trust Domain and Bundle §4.1.1): one that is left out after it was there, or that
 * stays while the keys are others, would be the way around it.
 */
export function refuseGoingBack(trustDomain: TrustDomain, before: BundleDocument, next: BundleDocument): void {
  if (before.sequence === undefined) return;
  const what = whatIsWrong(before.sequence, before, next);
  if (what === undefined) return;
  throw new GarrisonError('FAILED_PRECONDITION', `the bundle of \`${trustDomain}\` ${what}`, {
    remedy: 'if that authority has begun anew, give its bundle once with `garrison identity bundle set`',
  });
}

function whatIsWrong(known: bigint, before: BundleDocument, { sequence, ...next }: BundleDocument): string | undefined {
  if (sequence === undefined) return `came without \`spiffe_sequence\`, after one with ${known}`;
  if (sequence < known) return `went back from ${known} to ${sequence}`;
  if (sequence > known || sameKeys(before, next)) return undefined;
  return `has other keys under the same \`spiffe_sequence\`, ${known}`;
}

type Keys = Pick<BundleDocument, 'roots' | 'jwtKeys'>;

/** In whatever order, and however often each is named. */
function sameKeys(a: Keys, b: Keys): boolean {
  const [one, other] = [namesOf(a), namesOf(b)];
  return one.size === other.size && [...one].every((name) => other.has(name));
}

function namesOf({ roots, jwtKeys }: Keys): Set<string> {
  const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');
  return new Set([
    ...roots.map((der) => `x509 ${hex(der)}`),
    ...jwtKeys.map(({ kid, key }) => `jwt ${hex(key.export({ type: 'spki', format: 'der' }))} ${kid}`),
  ]);
}
