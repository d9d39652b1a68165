import { principalOf } from '#ca/index.ts';
import type { SpiffeId } from '#ca/index.ts';
import { GarrisonError, asGarrisonError } from '#proto/errors/index.ts';
import { type Revision, RevisionsClient } from '#proto/gen/garrison/v1/revisions.ts';
import { MixerClient, type ReportRequest, type ReportResponse } from '#proto/gen/istio/mixer/v1/mixer.ts';
import type { Address } from '#runtime/address.ts';
import { callUnary, fromServiceError } from '#runtime/grpc/call-unary.ts';
import { grpcClient } from '#runtime/grpc/client.ts';
import type { IdentitySource } from '#runtime/identity-source.ts';
import type { ServiceError } from '@grpc/grpc-js';
import type { CheckCall } from './decide/remote-decider.ts';
import type { WatchRevisions } from './revision/follow-revisions.ts';

export interface MeshAddresses {
  readonly authz: Address;
  readonly telemetry: Address;
  readonly identity: IdentitySource;
  readonly checkMs: number;
}

export interface MeshClients extends Disposable {
  readonly check: CheckCall;
  readonly watch: WatchRevisions;
  readonly report: (request: ReportRequest) => Promise<ReportResponse>;
}

const reportMs = 5_000;

/** The mesh's own services, each known by its SPIFFE ID and by nothing else. */
export function meshClients({ authz, telemetry, identity, checkMs }: MeshAddresses): MeshClients {
  const expect = (service: string) => (id: SpiffeId) =>
    principalOf(id) === `${identity.current().spiffeId.trustDomain}/garrison/${service}`;
  const authzSecurity = { kind: 'tls', identity, expect: expect('authz') } as const;
  const mixer = grpcClient(MixerClient, authz, authzSecurity);
  const revisions = grpcClient(RevisionsClient, authz, authzSecurity);
  const collector = grpcClient(MixerClient, telemetry, { kind: 'tls', identity, expect: expect('telemetry') });
  return {
    check: (request, signal) => orLeft(callUnary(mixer.check.bind(mixer), request, { timeoutMs: checkMs }), signal),
    report: (request) => callUnary(collector.report.bind(collector), request, { timeoutMs: reportMs }),
    watch: async function* (signal) {
      const stream = revisions.watch({});
      const cancel = (): void => stream.cancel();
      signal.addEventListener('abort', cancel, { once: true });
      try {
        // The stream's own iterator has `any` elements.
        for await (const revision of stream as AsyncIterable<Revision>) yield revision;
      } catch (error) {
        throw isServiceError(error) ? fromServiceError(error) : error;
      } finally {
        signal.removeEventListener('abort', cancel);
        stream.cancel();
      }
    },
    [Symbol.dispose]: () => {
      for (const client of [mixer, revisions, collector]) client.close();
    },
  };
}

/**
 * Waits no longer than the client does. The call itself goes on to its end: a client that opens and resets streams without
 * end would make a stream of resets of it, for which authz cuts the connection that everybody's checks are on.
 */
function orLeft<T>(answer: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const leave = (): void => reject(new GarrisonError('CANCELLED', 'the client left before the answer'));
    signal.addEventListener('abort', leave, { once: true });
    if (signal.aborted) leave();
    const stay = (): void => signal.removeEventListener('abort', leave);
    answer.then(
      (value) => {
        stay();
        resolve(value);
      },
      (error: unknown) => {
        stay();
        reject(asGarrisonError(error));
      },
    );
  });
}

function isServiceError(error: unknown): error is ServiceError {
  return error instanceof Error && 'code' in error && 'details' in error;
}

/** How many elements of a refused report were kept all the same: telemetry says so in a trailer. */
export function keptOf(error: unknown): number {
  if (!(error instanceof GarrisonError) || !isServiceError(error.cause)) return 0;
  const [kept] = error.cause.metadata.get('garrison-report-kept');
  return Number(kept ?? 0) || 0;
}
