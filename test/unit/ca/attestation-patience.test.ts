import { describe, expect, test } from '@jest/globals';
import { parseTrustDomain } from '#ca/spiffe-id.ts';
import type { AttestRequest, AttestResponse } from '#proto/gen/garrison/v1/node.ts';
import type { BidiHandler, CallContext } from '#runtime/grpc/method.ts';
import type { GrpcServer } from '#runtime/grpc/server.ts';
import { silentLogger } from '#runtime/logger.ts';
import { serveAttestation, type AttestationParts } from '#services/ca/attest-node/serve-attestation.ts';
import { ManualClock } from '#test/fakes/manual-clock.ts';

type Handler = BidiHandler<AttestRequest, AttestResponse>;

function handlerWith(clock: ManualClock): Handler {
  const handlers: Handler[] = [];
  const server = { bidi: (_: unknown, handler: Handler) => handlers.push(handler) } as unknown as GrpcServer;
  const nodes = { x509pop: undefined, k8sPsat: undefined };
  const parts = {
    nodes,
    clock,
    logger: silentLogger,
    trustDomain: parseTrustDomain('td'),
  } as unknown as AttestationParts;
  serveAttestation(server, parts);
  return handlers[0]!;
}

const silent: AsyncIterable<AttestRequest> = {
  [Symbol.asyncIterator]: () => ({ next: () => new Promise<never>(() => undefined) }),
};

describe('a node that says nothing', () => {
  test('is waited for ten seconds, and not longer', async () => {
    const clock = new ManualClock();
    const context = { signal: new AbortController().signal } as CallContext;
    const answers = handlerWith(clock)(silent, context)[Symbol.asyncIterator]().next();
    const outcome = expect(answers).rejects.toMatchObject({ code: 'DEADLINE_EXCEEDED' });
    clock.advance(10_000);
    await outcome;
  });

  test('and is gone ends the call at once', async () => {
    const gone = new AbortController();
    const answers = handlerWith(new ManualClock())(silent, { signal: gone.signal } as CallContext);
    const outcome = expect(answers[Symbol.asyncIterator]().next()).rejects.toThrow('gone');
    gone.abort(new Error('gone'));
    await outcome;
  });
});
