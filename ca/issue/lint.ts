import { GarrisonError } from '#proto/errors/index.ts';
import { checkCanonical } from '../der/canonical.ts';
import { readTbs, type TbsCertificate } from '../certificate/read-certificate.ts';
import { lintRules } from './lint-rules.ts';
import type { CertificatePlan, Prepared } from './prepare.ts';

let make: (plan: CertificatePlan, tbs: Uint8Array) => LintedTbs;
let take: (linted: LintedTbs) => boolean;

/** Bytes that every lint rule has passed. Only `lint` can make one that `takeLinted` accepts, and only once. */
export class LintedTbs {
  readonly plan: CertificatePlan;
  readonly tbs: Uint8Array;
  #taken = false;

  private constructor(plan: CertificatePlan, tbs: Uint8Array) {
    this.plan = plan;
    this.tbs = tbs;
  }

  static {
    make = (plan, tbs) => new LintedTbs(plan, tbs);
    take = (linted) => {
      if (!(#taken in linted) || linted.#taken) return false;
      linted.#taken = true;
      return true;
    };
  }
}

/** Step two of issuing: takes the prepared bytes apart again and holds them against profile and plan. */
export function lint({ plan, tbs }: Prepared): LintedTbs {
  const faults = lintFaults(plan, tbs);
  if (faults.length > 0) {
    const message = `the certificate would break its profile: ${faults.join('; ')}`;
    throw new GarrisonError('INTERNAL', message, { remedy: 'report it: nothing was signed' });
  }
  return make(plan, tbs);
}

/** Every rule the bytes break, as `rule: reason`. */
export function lintFaults(plan: CertificatePlan, tbs: Uint8Array): string[] {
  let read: TbsCertificate;
  try {
    checkCanonical(tbs, 'certificate');
    read = readTbs(tbs);
  } catch (error) {
    if (error instanceof GarrisonError) return [`X.690: ${error.message}`];
    throw error;
  }
  return lintRules.flatMap(({ id, check }) => {
    const fault = check(read, plan);
    return fault === undefined ? [] : [`${id}: ${fault}`];
  });
}

/** For the signer alone: hands the bytes out once. */
export function takeLinted(linted: LintedTbs): Uint8Array {
  if (!take(linted)) {
    throw new GarrisonError('INTERNAL', 'these bytes did not come from the lint, or were signed before');
  }
  return linted.tbs;
}
