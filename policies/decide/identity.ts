import { parseSpiffeId } from '#ca/spiffe-id.ts';

/** A principal taken apart. No regular expression ever matches an identity: it is read into its parts once. */
export interface Identity {
  readonly trustDomain: string;
  /** The value of the key `ns`, where something follows it. */
  readonly namespace: string | undefined;
  /** `NAMESPACE/SERVICE_ACCOUNT`; other keys and values may stand between and after, as upstream reads it. */
  readonly account: string | undefined;
  /** Whether it is a SPIFFE ID with a path as the standard spells it. */
  readonly valid: boolean;
}

/**
 * Takes apart the identity without its scheme: `td/ns/x/sa/y`, a trust domain and pairs of key and value. A value that is
 * called `ns` is no key: `td/x/ns/prod/sa/y` is nobody of namespace `prod`.
 */
export function readIdentity(principal: string): Identity {
  const [trustDomain = '', ...segments] = principal.split('/');
  const ns = indexOfKey(segments, 'ns', 0);
  const namespace = ns >= 0 && ns + 2 < segments.length ? segments[ns + 1] : undefined;
  const sa = namespace === undefined ? -1 : indexOfKey(segments, 'sa', ns + 2);
  const name = sa < 0 ? undefined : segments[sa + 1];
  return {
    trustDomain,
    namespace,
    account: namespace === undefined || name === undefined ? undefined : `${namespace}/${name}`,
    valid: isSpiffeId(principal),
  };
}

function indexOfKey(segments: readonly string[], key: string, from: number): number {
  for (let at = from; at < segments.length; at += 2) if (segments[at] === key) return at;
  return -1;
}

function isSpiffeId(principal: string): boolean {
  try {
    return parseSpiffeId(`spiffe://${principal}`).path !== '';
  } catch {
    return false;
  }
}

/** Remembers the identities it has read: callers are few and call often. Bounded, so that strangers cannot fill it. */
export class IdentityReader {
  readonly #known = new Map<string, Identity>();
  readonly #limit: number;

  constructor(limit = 8192) {
    this.#limit = limit;
  }

  read(principal: string): Identity {
    const known = this.#known.get(principal);
    if (known !== undefined) return known;
    if (this.#known.size >= this.#limit) this.#known.clear();
    const identity = readIdentity(principal);
    this.#known.set(principal, identity);
    return identity;
  }
}
