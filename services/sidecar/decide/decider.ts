import type { AttributeBag } from '#proto/attributes/index.ts';

export interface HeaderChange {
  readonly operation: 'replace' | 'append' | 'remove';
  readonly name: string;
  readonly value: string;
}

/** What to do with one request or connection, and who says so. */
export interface Decision {
  readonly id: string;
  readonly effect: 'allow' | 'deny';
  /** What a client is answered: 200, or 400, 401, 403, 429; 503 where nobody could be asked. */
  readonly status: number;
  /** google.rpc.Code: what a gRPC client is answered. */
  readonly code: number;
  /** `namespace/name` of the policy that decided, or `none`. */
  readonly policy: string;
  readonly rule: number | undefined;
  readonly revision: bigint;
  readonly reason: string;
  /** AUDIT policies that matched. */
  readonly audit: readonly string[];
  /** What dry-run policies would have decided, by effect. */
  readonly shadow: ReadonlyMap<'allow' | 'deny', string>;
  /** It passes only because nobody could be asked and `failOpen` is set. */
  readonly failOpen: boolean;
  /** The path with the query as it must go on, where it is another: a token was taken out of it. */
  readonly path: string | undefined;
  readonly requestChanges: readonly HeaderChange[];
  readonly responseChanges: readonly HeaderChange[];
  /** An answer given in the service's place. */
  readonly direct: { readonly status: number; readonly body: string } | undefined;
}

/** May this happen? Never throws: whatever goes wrong while asking is a decision too. */
export interface Decider {
  decide(bag: AttributeBag, signal: AbortSignal): Promise<Decision>;
}

const plain = {
  audit: [],
  shadow: new Map(),
  failOpen: false,
  path: undefined,
  requestChanges: [],
  responseChanges: [],
  direct: undefined,
} as const;

/** A refusal of the sidecar itself, under no policy. */
export function ownRefusal(id: string, status: number, code: number, reason: string): Decision {
  return { ...plain, id, effect: 'deny', status, code, policy: 'none', rule: undefined, revision: 0n, reason };
}

/** A pass that nobody decided. */
export function undecidedPass(id: string, reason: string): Decision {
  return {
    ...plain,
    id,
    effect: 'allow',
    status: 200,
    code: 0,
    policy: 'none',
    rule: undefined,
    revision: 0n,
    reason,
    failOpen: true,
  };
}
