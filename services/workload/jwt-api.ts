import { validateJwt } from '#ca/jwt/validate-jwt.ts';
import { toJwtBundle } from '#ca/bundle/write-bundle.ts';
import { parseSpiffeId } from '#ca/spiffe-id.ts';
import type { Registration } from '#policies/documents/index.ts';
import { GarrisonError } from '#proto/errors/index.ts';
import type {
  JWTBundlesRequest,
  JWTBundlesResponse,
  JWTSVIDRequest,
  JWTSVIDResponse,
  ValidateJWTSVIDRequest,
  ValidateJWTSVIDResponse,
} from '#proto/gen/spiffe/workload/workload.ts';
import type { ServerStreamHandler, UnaryHandler } from '#runtime/grpc/method.ts';
import type { Clock } from '#runtime/clock.ts';
import { admit, entitledOrRefused, follow, uniqueHints, type WorkloadApiOptions } from './entitlement.ts';
import { federatedWith, idOf } from './federated.ts';
import type { SvidSource } from './svid-source.ts';

export interface JwtApiOptions extends WorkloadApiOptions {
  readonly clock: Clock;
  readonly source: SvidSource;
}

/** SpiffeWorkloadAPI/FetchJWTSVID: one for each identity of the caller, or for the one it names. */
export function fetchJwtSvid(options: JwtApiOptions): UnaryHandler<JWTSVIDRequest, JWTSVIDResponse> {
  return async ({ audience, spiffeId }, context) => {
    const caller = admit(context);
    checkAudience(audience);
    const all = await entitledOrRefused(options, caller);
    const wanted = spiffeId === '' ? all : named(all, parseSpiffeId(spiffeId).toString());
    const hints = uniqueHints();
    const svids = wanted.map(async (registration) => {
      const svid = await options.source.mintJwt(registration, audience, caller.caller);
      return { spiffeId: registration.spiffeId, svid, hint: hints(registration.hint) };
    });
    return { svids: await Promise.all(svids) };
  };
}

/** SpiffeWorkloadAPI/FetchJWTBundles. */
export function fetchJwtBundles(options: JwtApiOptions): ServerStreamHandler<JWTBundlesRequest, JWTBundlesResponse> {
  return async function* (_, context) {
    const caller = admit(context);
    yield* follow(options.changes, context.signal, async () => {
      const { trust } = options;
      const federated = federatedWith(trust, await entitledOrRefused(options, caller));
      const keys = [[trust.trustDomain, { jwtKeys: trust.jwtKeys() }] as const, ...federated];
      const texts = keys.map(
        ([domain, { jwtKeys }]) => [idOf(domain), JSON.stringify(toJwtBundle({ jwtKeys }))] as const,
      );
      const bundles = new Map(texts.map(([id, text]) => [id, Buffer.from(text)]));
      return { message: { bundles }, print: texts.join('\n') };
    });
  };
}

/** SpiffeWorkloadAPI/ValidateJWTSVID, for workloads that have no JWT library of their own. */
export function validateJwtSvid(options: JwtApiOptions): UnaryHandler<ValidateJWTSVIDRequest, ValidateJWTSVIDResponse> {
  return async ({ audience, svid }, context) => {
    const { trust, clock } = options;
    const federated = new Map(federatedWith(trust, await entitledOrRefused(options, admit(context))));
    const { id, claims } = await validateJwt({
      token: svid,
      audience,
      now: clock.now(),
      keysOf: (domain) => (domain === trust.trustDomain ? trust.jwtKeys() : federated.get(domain)?.jwtKeys),
    });
    return { spiffeId: id.toString(), claims: { ...claims } };
  };
}

function checkAudience(audience: readonly string[]): void {
  if (audience.length > 0 && !audience.includes('')) return;
  throw new GarrisonError('INVALID_ARGUMENT', 'a JWT-SVID needs an audience', {
    place: 'JWTSVIDRequest.audience',
    remedy: 'name the service that the token is for',
  });
}

function named(all: readonly Registration[], spiffeId: string): readonly Registration[] {
  const found = all.filter((registration) => registration.spiffeId === spiffeId);
  if (found.length > 0) return found;
  throw new GarrisonError('PERMISSION_DENIED', `this process is not entitled to \`${spiffeId}\``, {
    remedy: 'add a Registration document for it whose selectors it meets',
  });
}
