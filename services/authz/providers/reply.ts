import type { HeaderOperation } from '#proto/gen/istio/mixer/v1/mixer.ts';

/** What a provider said. */
export type Reply =
  | {
      readonly effect: 'allow';
      /** Changes to the request before the application gets it. */
      readonly request: readonly HeaderOperation[];
      /** Changes to the application's answer. */
      readonly response: readonly HeaderOperation[];
    }
  | Refusal;

export interface Refusal {
  readonly effect: 'deny';
  /** HTTP status, headers and body that the caller gets. */
  readonly status: number;
  readonly response: readonly HeaderOperation[];
  readonly body: string;
}

/** That there was no answer. */
export interface NoAnswer {
  readonly effect: 'none';
  /** One sentence for people, in our words. */
  readonly reason: string;
  /**
   * The provider could not be reached or was silent: of these several in a row open its circuit. Whoever answers
   * nonsense is at least alive.
   */
  readonly silent: boolean;
}

/**
 * The request cannot be put to the provider at all. Always a refusal: what a caller can bring about by the shape of its
 * own request must not count as a provider that failed, which `failureMode` may let pass (CVE-2023-27488).
 */
export interface Unaskable {
  readonly effect: 'unaskable';
  readonly reason: string;
}

export type Outcome = Reply | NoAnswer | Unaskable;

export interface Provider extends Disposable {
  /** Never rejects. */
  ask(question: Question, signal: AbortSignal): Promise<Outcome>;
}

/** A question, as the attributes of the request tell it. */
export interface Question {
  readonly http: boolean;
  readonly id: string;
  readonly method: string;
  /** Normalised as for rules, with the query. */
  readonly path: string;
  readonly host: string;
  readonly scheme: string;
  readonly protocol: string;
  readonly size: bigint;
  /** Lower-case names; every value of a repeated header. */
  readonly headers: ReadonlyMap<string, readonly string[]>;
  readonly source: QuestionPeer;
  readonly destination: QuestionPeer;
  readonly sni: string;
  readonly nowMs: number;
}

export interface QuestionPeer {
  readonly address: string | undefined;
  readonly port: number;
  /** SPIFFE ID; empty where there is none. */
  readonly principal: string;
  readonly labels: ReadonlyMap<string, string>;
}

export function noAnswer(reason: string, silent = false): NoAnswer {
  return { effect: 'none', reason, silent };
}
