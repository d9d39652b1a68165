export type CedarValue = string | number | boolean | readonly CedarValue[] | { readonly [name: string]: CedarValue };

export interface CedarEntity {
  readonly uid: { readonly type: string; readonly id: string };
  readonly attrs: Readonly<Record<string, CedarValue>>;
  readonly parents: readonly { readonly type: string; readonly id: string }[];
  readonly tags?: Readonly<Record<string, CedarValue>>;
}

/** One check as Cedar sees it. */
export interface CedarRequest {
  readonly principal: { readonly type: 'Caller'; readonly id: string };
  readonly action: { readonly type: 'Action'; readonly id: string };
  readonly resource: { readonly type: 'Workload'; readonly id: string };
  readonly context: Readonly<Record<string, CedarValue>>;
  readonly entities: readonly CedarEntity[];
}
