import { readRequest } from '#ca/csr/read-request.ts';
import { decodePem, encodePem } from '#ca/pem.ts';
import { GarrisonError } from '#proto/errors/index.ts';
import type { IstioCertificateRequest, IstioCertificateResponse } from '#proto/gen/istio/v1/auth/ca.ts';
import type { CallContext, UnaryHandler } from '#runtime/grpc/method.ts';
import type { Logger } from '#runtime/logger.ts';
import type { Registrations } from '#services/workload/registrations.ts';
import type { IssuingDesk } from '../issuing/desk.ts';
import { bearerOf, type Authenticator, type Claim } from './claim.ts';
import { impersonate } from './impersonate.ts';
import { opaque } from './opaque.ts';

/** A request of 8 KiB in base64, with its lines and room. */
const maxPemCharacters = 12_288;

export interface CertificateServiceParts {
  readonly desk: IssuingDesk;
  readonly registrations: Registrations;
  /** In the order in which they are tried. */
  readonly authenticators: readonly Authenticator[];
  readonly logger: Logger;
}

/**
 * istio.v1.auth.IstioCertificateService/CreateCertificate: leaf first, root last, one PEM certificate an element.
 * Of the request's text only the key and the proof of possession are believed; who the caller is, it proves otherwise.
 */
export function createCertificate(
  parts: CertificateServiceParts,
): UnaryHandler<IstioCertificateRequest, IstioCertificateResponse> {
  const { desk, registrations, logger } = parts;
  return async (request, context) => {
    const caller = await authenticate(parts, context);
    refuseSigner(request);
    const wanted: unknown = request.metadata?.['ImpersonatedIdentity'];
    const claim = wanted === undefined || wanted === '' ? caller : impersonate(caller, wanted, registrations);
    const { publicKey } = readRequest(derOf(request.csr));
    const { id, dnsNames, warrant } = claim;
    const ttlSeconds = lifetime(request.validityDuration, desk.allowed(claim.ttlSeconds));
    try {
      const { chain } = await desk.issue({ id, dnsNames, publicKey, ttlSeconds }, warrant);
      return { certChain: chain.map((der, index) => (index === 0 ? encodePem('CERTIFICATE', der) : pemAbove(der))) };
    } catch (error) {
      // A token that somebody else spent between the look at it and the intent to sign.
      const spent = error instanceof GarrisonError && error.code === 'UNAUTHENTICATED';
      throw spent ? opaque(error, context, logger) : error;
    }
  };
}

const pemsAbove = new WeakMap<Uint8Array, string>();

/** The certificates of authorities are the same in every answer. */
function pemAbove(der: Uint8Array): string {
  let pem = pemsAbove.get(der);
  if (pem === undefined) pemsAbove.set(der, (pem = encodePem('CERTIFICATE', der)));
  return pem;
}

/** In order: the first way of proving oneself that the caller tries decides. */
async function authenticate({ authenticators, logger }: CertificateServiceParts, context: CallContext): Promise<Claim> {
  try {
    for (const attempt of authenticators) {
      const claim = await attempt(context);
      if (claim !== undefined) return claim;
    }
  } catch (error) {
    throw opaque(error, context, logger);
  }
  const message =
    bearerOf(context) === undefined
      ? 'the caller shows neither token nor certificate'
      : 'the bearer token is of no known kind';
  throw opaque(new GarrisonError('UNAUTHENTICATED', message), context, logger);
}

function derOf(pem: string): Uint8Array {
  if (pem.length > maxPemCharacters) {
    throw new GarrisonError(
      'INVALID_ARGUMENT',
      `the certificate request is longer than ${maxPemCharacters} characters`,
    );
  }
  return decodePem(pem, ['CERTIFICATE REQUEST', 'NEW CERTIFICATE REQUEST'], 'the certificate request');
}

/** Explicit wish and registration's rule: the shorter one; zero or less is no wish. */
function lifetime(asked: bigint, own: number | undefined): number | undefined {
  if (asked <= 0n) return own;
  const seconds = asked > 0xffffffffn ? 0xffffffff : Number(asked);
  return own === undefined ? seconds : Math.min(seconds, own);
}

function refuseSigner({ metadata }: IstioCertificateRequest): void {
  const signer: unknown = metadata?.['CertSigner'];
  if (signer === undefined || signer === '') return;
  throw new GarrisonError('INVALID_ARGUMENT', 'there is no signer to choose here', {
    place: 'metadata.CertSigner',
    remedy: 'leave it out',
  });
}
