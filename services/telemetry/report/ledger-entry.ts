import type { AttributeBag } from '#proto/attributes/index.ts';
import { GarrisonError } from '#proto/errors/index.ts';

const event = 'garrison.identity.event';

/** What the certificate authority says of its ledger: a certificate, a revocation, a token. */
export function isLedgerEntry(bag: AttributeBag): boolean {
  return bag.get(event) !== undefined;
}

/** Nobody else says what the authority has signed. */
export function authorizeLedgerEntry(bag: AttributeBag, caller: string, place: string): void {
  if (!isLedgerEntry(bag) || /^[^/]+\/garrison\/ca$/.test(caller)) return;
  throw new GarrisonError('PERMISSION_DENIED', `\`${event}\` is for the certificate authority alone to report`, {
    place,
  });
}
