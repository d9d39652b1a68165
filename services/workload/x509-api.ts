import { createHash } from 'node:crypto';
import type {
  X509BundlesRequest,
  X509BundlesResponse,
  X509SVIDRequest,
  X509SVIDResponse,
} from '#proto/gen/spiffe/workload/workload.ts';
import type { ServerStreamHandler } from '#runtime/grpc/method.ts';
import { federatedWith, idOf, rootsByDomain } from './federated.ts';
import { admit, entitledOrRefused, follow, uniqueHints, type WorkloadApiOptions } from './entitlement.ts';
import type { KeptSvid, Lease, SvidKeeper } from './svid-keeper.ts';

export interface X509ApiOptions extends WorkloadApiOptions {
  readonly keeper: SvidKeeper;
}

/** SpiffeWorkloadAPI/FetchX509SVID: the first message at once, each message the full state. */
export function fetchX509Svid(options: X509ApiOptions): ServerStreamHandler<X509SVIDRequest, X509SVIDResponse> {
  const { changes, keeper } = options;
  return async function* (_, context) {
    const caller = admit(context);
    const closed = options.opened();
    let held: readonly Lease[] = [];
    try {
      yield* follow(changes, context.signal, async () => {
        const registrations = await entitledOrRefused(options, caller);
        const next = await keeper.leaseAll(registrations, caller.caller);
        // The old leases go after the new ones are held: what both have in common stays alive.
        for (const { release } of held) release();
        held = next;
        const svids = next.map(({ svid }) => svid);
        const bundle = concatenated(options);
        const federatedBundles = rootsByDomain(federatedWith(options.trust, registrations));
        const print = [
          digest(bundle),
          ...[...federatedBundles].map(([id, roots]) => `${id} ${digest(roots)}`),
          ...svids.map(({ leaf, hint }) => `${leaf.serial} ${hint}`),
        ].join('\n');
        return { message: svidResponse(svids, bundle, federatedBundles), print };
      });
    } finally {
      for (const { release } of held) release();
      closed();
    }
  };
}

/** SpiffeWorkloadAPI/FetchX509Bundles: for the same callers, since who is nobody here has nobody to verify. */
export function fetchX509Bundles(
  options: WorkloadApiOptions,
): ServerStreamHandler<X509BundlesRequest, X509BundlesResponse> {
  return async function* (_, context) {
    const caller = admit(context);
    yield* follow(options.changes, context.signal, async () => {
      const registrations = await entitledOrRefused(options, caller);
      const { trust } = options;
      const bundles = new Map([
        [idOf(trust.trustDomain), concatenated(options)],
        ...rootsByDomain(federatedWith(trust, registrations)),
      ]);
      const print = [...bundles].map(([id, roots]) => `${id} ${digest(roots)}`).join('\n');
      return { message: { crl: [], bundles }, print };
    });
  };
}

function svidResponse(
  svids: readonly KeptSvid[],
  bundle: Buffer,
  federatedBundles: Map<string, Buffer>,
): X509SVIDResponse {
  const hints = uniqueHints();
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
    federatedBundles,
  };
}

function concatenated({ trust }: WorkloadApiOptions): Buffer {
  return Buffer.concat(trust.bundle());
}

function digest(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}
