import { GarrisonError } from '#proto/errors/index.ts';
import type { Clock } from '#runtime/clock.ts';
import type { CounterMetric, Metrics } from '#runtime/metrics.ts';
import type { Authorities } from './authority/authorities.ts';
import type { ConnectedNodes } from './nodes/connected-nodes.ts';
import type { Registrations } from '#services/workload/registrations.ts';

/** The CA's metrics, all in one place. Labels are kinds, never identities. */
export class CaCounts {
  readonly #issued: CounterMetric;
  readonly #failed: CounterMetric;
  readonly #minted: CounterMetric;
  readonly #refusedDocuments: CounterMetric;
  readonly #keyFetches: CounterMetric;
  readonly #bundleFetches: CounterMetric;
  #streams = 0;

  constructor(metrics: Metrics) {
    this.#issued = metrics.counter('garrison_ca_certificates_issued_total', 'Certificates issued, by who asked', [
      'caller',
    ]);
    this.#failed = metrics.counter('garrison_ca_certificates_refused_total', 'Requests for certificates not met', [
      'code',
    ]);
    this.#minted = metrics.counter('garrison_ca_jwt_svids_minted_total', 'JWT-SVIDs minted');
    this.#refusedDocuments = metrics.counter(
      'garrison_ca_documents_refused_total',
      'Changes of the documents that were refused, so that the registrations stayed as they were',
    );
    this.#keyFetches = metrics.counter('garrison_ca_key_fetches_total', 'Attempts to fetch the keys of an issuer', [
      'outcome',
    ]);
    this.#bundleFetches = metrics.counter(
      'garrison_ca_federation_fetches_total',
      'Attempts to fetch the bundle of another trust domain',
      ['trust_domain', 'outcome'],
    );
    metrics.observedGauge('garrison_ca_workload_streams', 'Open streams of the Workload API', () => this.#streams);
  }

  observe(metrics: Metrics, authorities: Authorities, registrations: Registrations, clock: Clock): void {
    const left = (date: Date): number => Math.floor((date.getTime() - clock.now().getTime()) / 1000);
    metrics.observedGauge('garrison_ca_root_expiry_seconds', 'Seconds until the signing root expires', () =>
      left(authorities.active().root.validity.notAfter),
    );
    metrics.observedGauge('garrison_ca_issuing_expiry_seconds', 'Seconds until the issuing certificate expires', () =>
      left(authorities.active().issuing.validity.notAfter),
    );
    metrics.observedGauge(
      'garrison_ca_registrations',
      'Registrations in force',
      () => registrations.current?.length ?? 0,
    );
  }

  observeNodes(metrics: Metrics, nodes: ConnectedNodes): void {
    metrics.observedGauge('garrison_ca_agents', 'Agents of nodes that hold a stream open', () => nodes.count);
  }

  /** `caller` is `token:…`, `svid:…`, `unix:…`: only its kind becomes a label. */
  issued(caller: string): void {
    this.#issued.increment({ caller: caller.split(':')[0] ?? caller });
  }

  failed(error: unknown): void {
    this.#failed.increment({ code: error instanceof GarrisonError ? error.code : 'INTERNAL' });
  }

  minted(): void {
    this.#minted.increment();
  }

  /** The trust domains are those of the configuration. */
  readonly bundleFetched = (trustDomain: string, outcome: 'new' | 'same' | 'failed'): void =>
    this.#bundleFetches.increment({ trust_domain: trustDomain, outcome });

  readonly keysFetched = (outcome: 'fetched' | 'failed'): void => this.#keyFetches.increment({ outcome });

  documentsRefused(): void {
    this.#refusedDocuments.increment();
  }

  streamOpened(): () => void {
    this.#streams += 1;
    return () => {
      this.#streams -= 1;
    };
  }
}
