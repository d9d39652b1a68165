import { encodeReport } from '#proto/attributes/index.ts';
import { MixerClient } from '#proto/gen/istio/mixer/v1/mixer.ts';
import { formatAddress, type Address } from '#runtime/address.ts';
import type { Clock } from '#runtime/clock.ts';
import { callUnary } from '#runtime/grpc/call-unary.ts';
import { grpcClient } from '#runtime/grpc/client.ts';
import type { IdentitySource } from '#runtime/identity-source.ts';
import type { Logger } from '#runtime/logger.ts';
import type { Ledger } from '../ledger/port.ts';
import { isShared } from '../ledger/shared-ledger.ts';
import { LedgerForwarder } from './ledger-forwarder.ts';

interface Parts {
  readonly ledger: Ledger;
  readonly identity: IdentitySource;
  readonly trustDomain: string;
  /** Where telemetry listens now; asked before every page, for it may have started anew on another port. */
  readonly telemetry: () => Address;
  readonly clock: Clock;
  readonly logger: Logger;
}

const timeoutMs = 10_000;

/** Tells telemetry what the ledger holds, over mTLS as the authority itself, until the signal. */
export async function forwardToTelemetry(parts: Parts, signal: AbortSignal): Promise<void> {
  const { ledger, trustDomain, clock, logger } = parts;
  const link = new TelemetryLink(parts);
  const reporter = `${trustDomain}/garrison/ca`;
  const forwarder = new LedgerForwarder({
    ledger,
    reporter,
    clock,
    logger,
    send: (bags) => link.send(encodeReport(bags), signal),
  });
  try {
    // Of several authorities on one ledger one tells; when it is gone the next one goes on where it stopped.
    if (isShared(ledger)) await ledger.whileAlone('forwarding', signal, () => forwarder.run(signal));
    else await forwarder.run(signal);
  } finally {
    link.close();
  }
}

class TelemetryLink {
  readonly #parts: Parts;
  #client: MixerClient | undefined;
  #target = '';

  constructor(parts: Parts) {
    this.#parts = parts;
  }

  async send(request: Parameters<MixerClient['report']>[0], signal: AbortSignal): Promise<void> {
    const client = this.#connected();
    await callUnary(client.report.bind(client), request, { timeoutMs, signal });
  }

  close(): void {
    this.#client?.close();
    this.#client = undefined;
  }

  #connected(): MixerClient {
    const { telemetry, identity, trustDomain } = this.#parts;
    const address = telemetry();
    const target = formatAddress(address);
    if (this.#client !== undefined && target === this.#target) return this.#client;
    this.close();
    const expected = `spiffe://${trustDomain}/garrison/telemetry`;
    const expect = (id: { toString(): string }): boolean => id.toString() === expected;
    this.#client = grpcClient(MixerClient, address, { kind: 'tls', identity, expect });
    this.#target = target;
    return this.#client;
  }
}
