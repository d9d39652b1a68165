import { randomBytes } from 'node:crypto';
import { readRequest } from '#ca/csr/read-request.ts';
import { planAuthority } from '#ca/issue/plan-authority.ts';
import { newSerial } from '#ca/issue/serial.ts';
import { validityFor } from '#ca/issue/validity.ts';
import type { TrustDomain } from '#ca/spiffe-id.ts';
import { GarrisonError } from '#proto/errors/index.ts';
import type { NewIntermediateRequest, NewIntermediateResponse } from '#proto/gen/garrison/v1/identity.ts';
import type { Registration } from '#policies/documents/index.ts';
import type { Logger } from '#runtime/logger.ts';
import type { UnaryHandler } from '#runtime/grpc/method.ts';
import { grantOf, type Registrations } from '#services/workload/registrations.ts';
import { refuseOwnKey, type Authorities } from '../authority/authorities.ts';
import type { Authenticator } from '../certificate-service/claim.ts';
import type { KeyCheck } from '../issuing/blocked-keys.ts';
import { recordAndSign, type Press } from '../issuing/record-and-sign.ts';

interface Parts extends Press {
  readonly bySvid: Authenticator;
  readonly authorities: Authorities;
  readonly registrations: Registrations;
  readonly trustDomain: TrustDomain;
  readonly instance: () => number;
  readonly logger: Logger;
  readonly checkKey: KeyCheck;
}

const backdateSeconds = 60;
const day = 86_400;
/** An intermediate in other hands is renewed often, so that its end is never far. */
const longestSeconds = 30 * day;

/**
 * garrison.v1.Downstream/NewIntermediate: signs for an authority below this one, if a Registration with `downstream: true`
 * names its identity. On the record like every signature.
 */
export function newIntermediate(parts: Parts): UnaryHandler<NewIntermediateRequest, NewIntermediateResponse> {
  const { bySvid, authorities, registrations, trustDomain, instance, clock, logger, checkKey } = parts;
  return async ({ csr, ttlSeconds }, context) => {
    const claim = await bySvid(context);
    if (claim === undefined) {
      throw new GarrisonError('UNAUTHENTICATED', 'the caller shows no certificate', {
        remedy: 'call with a current SVID',
      });
    }
    const right = rightOf(registrations, claim.id.toString());
    const { publicKey } = readRequest(csr);
    checkKey(publicKey);
    const authority = authorities.active();
    refuseOwnKey(authority, publicKey);
    const { issuing } = authority;
    const now = clock.now();
    const longest = Math.min(right.x509TtlSeconds ?? longestSeconds, longestSeconds);
    const seconds = ttlSeconds === 0 ? longest : Math.min(ttlSeconds, longest);
    const plan = planAuthority('intermediate', {
      trustDomain,
      serial: newSerial(instance(), now, randomBytes),
      key: publicKey,
      validity: validityFor({ now, seconds, backdateSeconds, within: issuing.validity }),
      issuer: issuing,
    });
    const warrant = { caller: claim.warrant.caller, grant: grantOf(right) };
    const certificate = await recordAndSign(parts, plan, authority.signers.x509, warrant);
    logger.info('intermediate signed for an authority below', { id: claim.id, serial: plan.serial, ...warrant });
    const buffers = (ders: readonly Uint8Array[]): Buffer[] => ders.map((der) => Buffer.from(der));
    return { chain: buffers([certificate, ...authority.chain]), bundle: buffers(authorities.bundle()) };
  };
}

function rightOf(registrations: Registrations, spiffeId: string): Registration {
  if (registrations.current === undefined) throw new GarrisonError('UNAVAILABLE', 'the registrations are not read yet');
  const found = registrations.current.find((one) => one.downstream && one.spiffeId === spiffeId);
  if (found !== undefined) return found;
  throw new GarrisonError('PERMISSION_DENIED', `\`${spiffeId}\` is not registered as an authority below this one`, {
    remedy: 'write a Registration for it with `downstream: true`',
  });
}
