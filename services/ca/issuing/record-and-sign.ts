import { hash } from 'node:crypto';
import { lint } from '#ca/issue/lint.ts';
import { prepare, type CertificatePlan } from '#ca/issue/prepare.ts';
import { sign } from '#ca/issue/sign.ts';
import { keyIdOf } from '#ca/issue/issuer.ts';
import type { Signer } from '#ca/keys/signer.ts';
import type { Clock } from '#runtime/clock.ts';
import type { Ledger, Redemption } from '../ledger/port.ts';
import type { Underway } from './underway.ts';

/** On whose word a certificate is made. */
export interface Warrant {
  /** Who asks. */
  readonly caller: string;
  /** By what right. */
  readonly grant: string;
  /** The token that is spent by it. */
  readonly redeem?: Redemption | undefined;
}

export interface Press {
  readonly ledger: Ledger;
  readonly clock: Clock;
  /** Whose end waits for what is begun here. */
  readonly underway?: Underway | undefined;
}

/**
 * The only way to a signature: prepare → lint → record what will be signed → sign and read back → record what was signed.
 * If any step fails nothing leaves; if the process dies in between, the intent is on the disk.
 */
export function recordAndSign(
  press: Press,
  plan: CertificatePlan,
  signer: Signer,
  warrant: Warrant,
): Promise<Uint8Array> {
  const begin = (): Promise<Uint8Array> => carryOut(press, plan, signer, warrant);
  return press.underway === undefined ? begin() : press.underway.run(begin);
}

async function carryOut(
  { ledger, clock }: Press,
  plan: CertificatePlan,
  signer: Signer,
  warrant: Warrant,
): Promise<Uint8Array> {
  const linted = lint(prepare(plan));
  const intent = {
    serial: plan.serial,
    profile: plan.profile,
    spiffeId: plan.id.toString(),
    dnsNames: plan.dnsNames,
    ...plan.validity,
    issuerKeyId: hex(plan.issuer?.keyId ?? keyIdOf(plan.subjectKey)),
    publicKeyHash: sha256(plan.subjectKey.spki),
    tbsHash: sha256(linted.tbs),
    caller: warrant.caller,
    grant: warrant.grant,
    requestedAt: clock.now(),
  };
  await ledger.intend(intent, warrant.redeem);
  let certificate: Uint8Array;
  try {
    certificate = await sign(linted, signer);
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    await ledger.conclude(plan.serial, { kind: 'failed', reason }, clock.now());
    throw error;
  }
  await ledger.conclude(plan.serial, { kind: 'issued', certificate }, clock.now());
  return certificate;
}

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex');
}

function sha256(bytes: Uint8Array): string {
  return hash('sha256', bytes, 'hex');
}
