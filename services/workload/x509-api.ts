import {
  X509BundlesResponse,
  X509SVIDResponse,
  type X509BundlesRequest,
  type X509SVIDRequest,
} from '#proto/gen/spiffe/workload/workload.ts';
import type { ServerStreamHandler } from '#runtime/grpc/method.ts';
import { admit, uniqueHints } from './entitlement.ts';
import { federatedWith, idOf, knownTo } from './federated.ts';
import { followHolder, madeOnce } from './follow-holder.ts';
import type { Holding, Holdings, Standing } from './holdings.ts';

export interface StreamOptions {
  readonly holdings: Holdings;
  /** Counts a stream; what it returns ends the counting. */
  readonly opened: () => () => void;
}

/** SpiffeWorkloadAPI/FetchX509SVID: the first message at once, each message the full state. Messages are bytes already. */
export function fetchX509Svid({ holdings, opened }: StreamOptions): ServerStreamHandler<X509SVIDRequest, Buffer> {
  const message = madeOnce((holding: Holding) => X509SVIDResponse.encode(svidResponse(holding)).finish());
  return async function* (_, context) {
    using holder = holdings.open(admit(context));
    const closed = opened();
    try {
      yield* followHolder(holder, context.signal, holder.holding, message);
    } finally {
      closed();
    }
  };
}

/** SpiffeWorkloadAPI/FetchX509Bundles: for the same callers, since who is nobody here has nobody to verify. */
export function fetchX509Bundles({ holdings }: StreamOptions): ServerStreamHandler<X509BundlesRequest, Buffer> {
  const message = madeOnce(({ trust, registrations }: Standing) => {
    const bundles = rootsOf(knownTo(trust, registrations));
    return X509BundlesResponse.encode({ crl: [], bundles }).finish();
  });
  return async function* (_, context) {
    using holder = holdings.open(admit(context));
    yield* followHolder(holder, context.signal, holder.standing, message);
  };
}

function svidResponse({ svids, trust, registrations }: Holding): X509SVIDResponse {
  const hints = uniqueHints();
  const bundle = Buffer.concat(trust.own.roots);
  return {
    svids: svids.map(({ leaf, key, hint }) => ({
      spiffeId: leaf.id.toString(),
      // X509-SVID §5.2: leaf and intermediates; the root is the bundle's.
      x509Svid: Buffer.concat(leaf.chain.slice(0, -1)),
      x509SvidKey: Buffer.from(key),
      bundle,
      hint: hints(hint),
    })),
    crl: [],
    federatedBundles: rootsOf(federatedWith(trust, registrations)),
  };
}

function rootsOf(known: ReturnType<typeof knownTo>): Map<string, Buffer> {
  return new Map(known.map(([name, { roots }]) => [idOf(name), Buffer.concat(roots)]));
}
