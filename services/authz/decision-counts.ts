import type { Decision } from '#proto/gen/garrison/v1/decision.ts';
import type { Metrics } from '#runtime/metrics.ts';
import type { Revisions } from './revisions.ts';

/** Numbers of the authorization service. Checks are counted in plain integers, because every request pays for it. */
export class DecisionCounts {
  #allowed = 0;
  #failed = 0;
  readonly #denied = new Map<number, number>();
  /** By what they would have done and the policy; policies are as many as there are documents. */
  readonly #shadows = new Map<string, number>();

  decided(decision: Decision): void {
    if (decision.effect === 'allow') this.#allowed += 1;
    else this.#denied.set(decision.httpStatus, (this.#denied.get(decision.httpStatus) ?? 0) + 1);
    if (decision.shadowDeny !== '') this.#shadow('deny', decision.shadowDeny);
    if (decision.shadowAllow !== '')
      this.#shadow(decision.shadowAllow === 'none' ? 'deny' : 'allow', decision.shadowAllow);
  }

  #shadow(effect: 'allow' | 'deny', policy: string): void {
    const labels = `effect="${effect}",policy="${policy}"`;
    this.#shadows.set(labels, (this.#shadows.get(labels) ?? 0) + 1);
  }

  failed(): void {
    this.#failed += 1;
  }

  exposeOn(metrics: Metrics, revisions: Revisions): void {
    metrics.append(() => this.exposition());
    metrics.observedGauge('garrison_policy_revision', 'Number of the revision in force, 0 for none', () => {
      return revisions.current?.number ?? 0;
    });
    metrics.observedGauge('garrison_policy_documents', 'Documents in force', () => {
      return revisions.current?.set.documents.length ?? 0;
    });
    metrics.observedGauge('garrison_policy_refused', '1 while the latest change of policy is not in force', () => {
      return revisions.refusal === undefined ? 0 : 1;
    });
  }

  exposition(): string {
    return [
      '# HELP garrison_checks_total Answered checks by effect and by what the caller of the workload is told',
      '# TYPE garrison_checks_total counter',
      `garrison_checks_total{effect="allow",status="200"} ${this.#allowed}`,
      ...[...this.#denied].map(([status, n]) => `garrison_checks_total{effect="deny",status="${status}"} ${n}`),
      '# HELP garrison_shadow_decisions_total What dry-run policies would have decided; policy none: no dry-run ALLOW matched',
      '# TYPE garrison_shadow_decisions_total counter',
      ...[...this.#shadows].map(([labels, n]) => `garrison_shadow_decisions_total{${labels}} ${n}`),
      '# HELP garrison_check_failures_total Checks that could not be decided and were denied for it',
      '# TYPE garrison_check_failures_total counter',
      `garrison_check_failures_total ${this.#failed}`,
    ].join('\n');
  }
}
