import type { Place } from '#schema/place.ts';
import type { Action } from '../documents/model.ts';
import type { EffectiveMode } from '../compile/peer-modes.ts';

/** Why a decision fell as it did: everything that had a say, and everything that might have had one. Plain data. */
export interface Explanation {
  readonly verdict: VerdictReport;
  /** How far the decision came: what lies behind that step was not asked. */
  readonly step: Step;
  /** Undefined where the request could not even be read. */
  readonly request: RequestReport | undefined;
  readonly workload: {
    readonly namespace: string;
    readonly name: string;
    readonly labels: Readonly<Record<string, string>>;
  };
  readonly mtls: MtlsReport | undefined;
  readonly token: TokenReport | undefined;
  /** In the order they are asked: CUSTOM, AUDIT, DENY, Cedar, ALLOW. */
  readonly policies: readonly PolicyReport[];
  readonly notInForce: readonly NotInForce[];
}

/** In the order of a decision. `error`: it could not be made, which denies. */
export type Step = 'error' | 'peer' | 'malformed' | 'custom' | 'token' | 'rules';

export interface VerdictReport {
  readonly effect: 'allow' | 'deny';
  readonly status: number;
  readonly policy: string;
  readonly rule: number | null;
  readonly revision: number;
  readonly reason: string;
  /** Where the rule that decided stands. */
  readonly place: Place | undefined;
  readonly audit: readonly string[];
  readonly shadow: { readonly allow?: string; readonly deny?: string } | undefined;
}

export interface RequestReport {
  readonly protocol: 'http' | 'tcp';
  readonly method: string | undefined;
  readonly host: string | undefined;
  readonly path: { readonly sent: string; readonly matched: string | undefined } | undefined;
  readonly principal: string | undefined;
  readonly port: number | undefined;
}

export interface MtlsReport {
  readonly mode: EffectiveMode;
  /** The document that says so, with its place; undefined: none does. */
  readonly policy: string | undefined;
  readonly place: Place | undefined;
}

export interface TokenReport {
  readonly outcome: 'none' | 'accepted' | 'refused';
  readonly text: string;
  readonly policies: readonly string[];
}

export interface PolicyReport {
  readonly policy: string;
  readonly action: Action | 'CEDAR';
  readonly provider: string | undefined;
  readonly dryRun: boolean;
  readonly place: Place;
  /** False: the request was refused before anybody asked. */
  readonly asked: boolean;
  readonly matches: boolean;
  readonly decides: boolean;
  /** One line: what the policy made of the request. */
  readonly text: string;
  readonly rules: readonly RuleReport[];
}

export interface RuleReport {
  readonly rule: number;
  readonly place: Place;
  readonly matches: boolean;
  /** Set where the rule cannot hold at all on this transport. */
  readonly dropped: string | undefined;
  readonly parts: readonly PartReport[];
}

export interface PartReport {
  readonly part: 'from' | 'to' | 'when';
  readonly holds: boolean;
  readonly clauses: readonly ClauseReport[];
}

export interface ClauseReport {
  readonly path: string;
  readonly holds: boolean;
  readonly fields: readonly FieldReport[];
}

/** One list of values, compared with the request. */
export interface FieldReport {
  readonly field: string;
  readonly negative: boolean;
  readonly values: readonly string[];
  /** What the request has, in every reading; empty: nothing. */
  readonly found: readonly string[];
  readonly holds: boolean;
  /** The field asks about HTTP and this is TCP: it was left out. */
  readonly skipped: boolean;
  readonly text: string;
}

export interface NotInForce {
  readonly kind: 'AuthorizationPolicy' | 'RequestAuthentication' | 'PeerAuthentication' | 'CedarPolicy';
  readonly policy: string;
  readonly place: Place;
  readonly reason: string;
}
