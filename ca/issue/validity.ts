import { GarrisonError } from '#proto/errors/index.ts';

export interface Validity {
  readonly notBefore: Date;
  /** Inclusive (RFC 5280 §4.1.2.5). */
  readonly notAfter: Date;
}

export interface ValidityRequest {
  readonly now: Date;
  /** From now on; how far it starts before now is not counted. */
  readonly seconds: number;
  /** For clocks that run behind ours. */
  readonly backdateSeconds: number;
  /** The issuer's own; absent for a root. */
  readonly within: Validity | undefined;
}

/** Whole seconds, back-dated, and never outside the issuer's validity. An issuer that is not valid now issues nothing. */
export function validityFor({ now, seconds, backdateSeconds, within }: ValidityRequest): Validity {
  if (!Number.isSafeInteger(seconds) || seconds < 1) {
    throw new GarrisonError('INVALID_ARGUMENT', `a certificate cannot live for ${seconds} seconds`);
  }
  const start = Math.floor(now.getTime() / 1000);
  let first = start - backdateSeconds;
  let last = start + seconds - 1;
  if (within !== undefined) {
    if (now < within.notBefore || now > within.notAfter) {
      throw new GarrisonError('FAILED_PRECONDITION', 'the issuing certificate is not valid now', {
        remedy: 'look at the clock of this host, then rotate the authority',
      });
    }
    first = Math.max(first, within.notBefore.getTime() / 1000);
    last = Math.min(last, within.notAfter.getTime() / 1000);
  }
  return { notBefore: new Date(first * 1000), notAfter: new Date(last * 1000) };
}
