import { createHash } from 'node:crypto';
import type { TrustDomain } from '#ca/spiffe-id.ts';
import { GarrisonError } from '#proto/errors/index.ts';
import type {
  X509BundlesRequest,
  X509BundlesResponse,
  X509SVIDRequest,
  X509SVIDResponse,
} from '#proto/gen/spiffe/workload/workload.ts';
import type { CallContext, ServerStreamHandler } from '#runtime/grpc/method.ts';
import type { Registration } from '#policies/documents/index.ts';
import type { Authorities } from '../authority/authorities.ts';
import { entitled, type Registrations } from '../registrations/registrations.ts';
import { attestUnix, type Attested } from './attest-unix.ts';
import type { Changes } from './changes.ts';
import type { KeptSvid, Lease, SvidKeeper } from './svid-keeper.ts';

export interface WorkloadApiOptions {
  readonly trustDomain: TrustDomain;
  readonly authorities: Authorities;
  readonly registrations: Registrations;
  readonly keeper: SvidKeeper;
  /** Bumped when registrations, bundle or an SVID change. */
  readonly changes: Changes;
  /** Counts a stream; what it returns ends the counting. */
  readonly opened: () => () => void;
}

/** SpiffeWorkloadAPI/FetchX509SVID: the first message at once, each message the full state. */
export function fetchX509Svid(options: WorkloadApiOptions): ServerStreamHandler<X509SVIDRequest, X509SVIDResponse> {
  const { changes, keeper } = options;
  return async function* (_, context) {
    const caller = admit(context);
    const closed = options.opened();
    let held: readonly Lease[] = [];
    try {
      yield* follow(changes, context.signal, async () => {
        const next = await keeper.leaseAll(entitledOrRefused(options, caller), caller.caller);
        // The old leases go after the new ones are held: what both have in common stays alive.
        for (const { release } of held) release();
        held = next;
        const svids = next.map(({ svid }) => svid);
        const bundle = concatenated(options);
        const print = [digest(bundle), ...svids.map(({ leaf, hint }) => `${leaf.serial} ${hint}`)].join('\n');
        return { message: svidResponse(svids, bundle), print };
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
    yield* follow(options.changes, context.signal, () => {
      entitledOrRefused(options, caller);
      const bundle = concatenated(options);
      const message = { crl: [], bundles: new Map([[`spiffe://${options.trustDomain}`, bundle]]) };
      return Promise.resolve({ message, print: digest(bundle) });
    });
  };
}

/** SPIFFE Workload Endpoint §4.1: the header shows that the call was meant, and not forwarded by a fooled proxy. */
function admit(context: CallContext): Attested {
  if (context.metadata.get('workload.spiffe.io') !== 'true') {
    throw new GarrisonError('INVALID_ARGUMENT', 'the metadata `workload.spiffe.io: true` is missing', {
      remedy: 'use a SPIFFE client, or send that header',
    });
  }
  return attestUnix(context.peer);
}

function entitledOrRefused({ registrations }: WorkloadApiOptions, { selectors, caller }: Attested): Registration[] {
  if (registrations.current === undefined) {
    throw new GarrisonError('UNAVAILABLE', 'the registrations are not read yet', { remedy: 'try again' });
  }
  const found = entitled(registrations.current, selectors);
  if (found.length > 0) return found;
  throw new GarrisonError('PERMISSION_DENIED', `no registration is for this process, \`${caller}\``, {
    remedy: 'add a Registration document whose selectors it meets',
  });
}

/** Builds a message after every change and sends it when it says something new. */
async function* follow<T>(
  changes: Changes,
  signal: AbortSignal,
  build: () => Promise<{ message: T; print: string }>,
): AsyncGenerator<T, void, void> {
  let sent: string | undefined;
  while (!signal.aborted) {
    const seen = changes.version;
    const { message, print } = await build();
    if (print !== sent) {
      sent = print;
      yield message;
    }
    await changes.after(seen, signal);
  }
}

function svidResponse(svids: readonly KeptSvid[], bundle: Buffer): X509SVIDResponse {
  const hints = new Set<string>();
  return {
    svids: svids.map(({ leaf, key, hint }) => {
      // Workload API §5.2.1: a hint is unique in a response, and the first SVID is the default.
      const own = hints.has(hint) ? '' : hint;
      hints.add(hint);
      return {
        spiffeId: leaf.id.toString(),
        // X509-SVID §5.2: leaf and intermediates; the root is the bundle's.
        x509Svid: Buffer.concat(leaf.chain.slice(0, -1)),
        x509SvidKey: Buffer.from(key),
        bundle,
        hint: own,
      };
    }),
    crl: [],
    federatedBundles: new Map(),
  };
}

function concatenated({ authorities }: WorkloadApiOptions): Buffer {
  return Buffer.concat(authorities.bundle());
}

function digest(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}
