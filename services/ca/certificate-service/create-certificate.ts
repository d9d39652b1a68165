import { readRequest } from '#ca/csr/read-request.ts';
import { decodePem, encodePem } from '#ca/pem.ts';
import { GarrisonError } from '#proto/errors/index.ts';
import type { IstioCertificateRequest, IstioCertificateResponse } from '#proto/gen/istio/v1/auth/ca.ts';
import type { CallContext, UnaryHandler } from '#runtime/grpc/method.ts';
import type { IssuingDesk } from '../issuing/desk.ts';
import { bearerOf, type Authenticator, type Claim } from './claim.ts';

/** A request of 8 KiB in base64, with its lines and room. */
const maxPemCharacters = 12_288;

/**
 * istio.v1.auth.IstioCertificateService/CreateCertificate: leaf first, root last, one PEM certificate an element.
 * Of the request's text only the key and the proof of possession are believed; who the caller is, it proves otherwise.
 */
export function createCertificate(
  desk: IssuingDesk,
  authenticators: readonly Authenticator[],
): UnaryHandler<IstioCertificateRequest, IstioCertificateResponse> {
  return async (request, context) => {
    const claim = await authenticate(authenticators, context);
    refuseImpersonation(request);
    const { publicKey } = readRequest(derOf(request.csr));
    const { id, dnsNames, warrant } = claim;
    const ttlSeconds = lifetime(request.validityDuration, desk.allowed(claim.ttlSeconds));
    const { chain } = await desk.issue({ id, dnsNames, publicKey, ttlSeconds }, warrant);
    return { certChain: chain.map((der) => encodePem('CERTIFICATE', der)) };
  };
}

/** In order: the first way of proving oneself that the caller tries decides. */
async function authenticate(authenticators: readonly Authenticator[], context: CallContext): Promise<Claim> {
  for (const attempt of authenticators) {
    const claim = await attempt(context);
    if (claim !== undefined) return claim;
  }
  const message =
    bearerOf(context) === undefined
      ? 'the caller shows neither token nor certificate'
      : 'the bearer token is of no known kind';
  throw new GarrisonError('UNAUTHENTICATED', message, {
    remedy: 'send a join token as `authorization: Bearer …`, or call with a current SVID',
  });
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

function refuseImpersonation({ metadata }: IstioCertificateRequest): void {
  const who: unknown = metadata?.['ImpersonatedIdentity'];
  if (who !== undefined && who !== '') {
    throw new GarrisonError('PERMISSION_DENIED', 'this caller may not ask for the identity of another', {
      place: 'metadata.ImpersonatedIdentity',
    });
  }
  const signer: unknown = metadata?.['CertSigner'];
  if (signer !== undefined && signer !== '') {
    throw new GarrisonError('INVALID_ARGUMENT', 'there is no signer to choose here', {
      place: 'metadata.CertSigner',
      remedy: 'leave it out',
    });
  }
}
