import type { StringMap } from '#proto/attributes/index.ts';
import type { HeaderChanges } from './headers.ts';
import type { VerifiedToken } from './token.ts';

/** What the application receives instead of what was sent. A header that is undefined must be absent. */
export interface Upstream {
  readonly headers: HeaderChanges;
  /** Path with query, where a token was taken out of it. */
  readonly path: string | undefined;
}

/** What became of the tokens of a request. */
export type TokenOutcome =
  /** There was none, and none is required. */
  | { readonly kind: 'none'; readonly upstream: Upstream }
  | {
      readonly kind: 'accepted';
      /** Undefined: there were several, and none speaks for the request. */
      readonly token: VerifiedToken | undefined;
      readonly upstream: Upstream;
    }
  | {
      readonly kind: 'refused';
      readonly status: 401 | 403;
      readonly reason: string;
      /** RequestAuthentication that refused: `namespace/name`. */
      readonly policy: string;
      /** Value of `www-authenticate`, with a 401. */
      readonly challenge: string | undefined;
    };

export type ProviderAnswer = 'allow' | 'deny';

/** What had to be found out beyond the bag. */
export interface Evidence {
  /** Absent: nobody looked at the tokens; where any is there to be verified, the request is refused. */
  readonly tokens?: TokenOutcome | undefined;
  /**
   * Answers of CUSTOM providers, by Handler (`namespace/name`) or by the name that policies call them; a provider that is
   * missing here is unknown or broken, which denies.
   */
  readonly providers?: ReadonlyMap<string, ProviderAnswer> | undefined;
  /** The headers as providers have changed them: tokens are found there, and every rule but CUSTOM reads those. */
  readonly headers?: HeaderLines | undefined;
}

/** Header lines in the form of a bag: all by name, joined by `,`; those that came more than once also joined by LF. */
export interface HeaderLines {
  readonly joined: StringMap;
  readonly repeated: StringMap;
}
