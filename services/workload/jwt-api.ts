import { validateJwt } from '#ca/jwt/validate-jwt.ts';
import { parseSpiffeId } from '#ca/spiffe-id.ts';
import type { Registration } from '#policies/documents/index.ts';
import { GarrisonError } from '#proto/errors/index.ts';
import {
  JWTBundlesResponse,
  type JWTBundlesRequest,
  type JWTSVIDRequest,
  type JWTSVIDResponse,
  type ValidateJWTSVIDRequest,
  type ValidateJWTSVIDResponse,
} from '#proto/gen/spiffe/workload/workload.ts';
import type { ServerStreamHandler, UnaryHandler } from '#runtime/grpc/method.ts';
import type { Clock } from '#runtime/clock.ts';
import { admit, entitledOrRefused, uniqueHints, type WorkloadApiOptions } from './entitlement.ts';
import { idOf, knownTo } from './federated.ts';
import { followHolder, madeOnce } from './follow-holder.ts';
import type { Standing } from './holdings.ts';
import type { SvidSource } from './svid-source.ts';
import type { StreamOptions } from './x509-api.ts';

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

/** SpiffeWorkloadAPI/FetchJWTBundles. Messages are bytes already. */
export function fetchJwtBundles({ holdings }: StreamOptions): ServerStreamHandler<JWTBundlesRequest, Buffer> {
  const message = madeOnce(({ trust, registrations }: Standing) => {
    const bundles = new Map(knownTo(trust, registrations).map(([name, { jwks }]) => [idOf(name), jwks]));
    return JWTBundlesResponse.encode({ bundles }).finish();
  });
  return async function* (_, context) {
    using holder = holdings.open(admit(context));
    yield* followHolder(holder, context.signal, holder.standing, message);
  };
}

/** SpiffeWorkloadAPI/ValidateJWTSVID, for workloads that have no JWT library of their own. */
export function validateJwtSvid(options: JwtApiOptions): UnaryHandler<ValidateJWTSVIDRequest, ValidateJWTSVIDResponse> {
  return async ({ audience, svid }, context) => {
    const { trust, clock } = options;
    const registrations = await entitledOrRefused(options, admit(context));
    const known = new Set<string>(registrations.flatMap(({ federatesWith }) => federatesWith));
    const { id, claims } = await validateJwt({
      token: svid,
      audience,
      now: clock.now(),
      keysOf: (domain) => {
        if (domain === trust.trustDomain) return trust.jwtKeys();
        return known.has(domain) ? trust.foreign().get(domain)?.jwtKeys : undefined;
      },
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
