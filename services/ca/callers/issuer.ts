import type { JwtRule } from '#policies/documents/model.ts';
import type { KeySet, KeySource } from '#policies/index.ts';
import { checkToken, type ReadToken } from '#policies/tokens/verify-token.ts';
import { fillIdentityTemplate, readIdentityTemplate, type IdentityTemplate } from '#ca/identity-template.ts';
import type { SpiffeId, TrustDomain } from '#ca/spiffe-id.ts';
import { GarrisonError } from '#proto/errors/index.ts';
import type { OidcCallers } from '#runtime/config/callers-config.ts';
import { IssuerKeys, type IssuerKeysOptions } from '#services/keys/issuer-keys.ts';
import { FileKeys } from './file-keys.ts';
import { idOfServiceAccount, readServiceAccount, refuseReserved } from './service-account.ts';

const fetchTimeoutMs = 5000;
/** Upstream's default, as authz has it (decision 22). */
const skewMs = 60_000;

/** An issuer whose tokens are believed: its keys, and which identity a token of it is. */
export class Issuer implements Disposable {
  readonly name: string;
  readonly #rule: JwtRule;
  readonly #template: IdentityTemplate | undefined;
  readonly #trustDomain: TrustDomain;
  readonly #keys: KeySource;
  readonly #stop: () => void;

  constructor(
    { issuer, audiences, jwks, jwksUri, identity }: OidcCallers,
    trustDomain: TrustDomain,
    options: IssuerKeysOptions,
  ) {
    this.name = issuer;
    this.#rule = { ...noRule, issuer, audiences, jwksUri };
    this.#template = identity === undefined ? undefined : readIdentityTemplate(identity);
    this.#trustDomain = trustDomain;
    if (jwks === undefined) {
      const fetched = new IssuerKeys({ jwksUri, issuer, timeoutMs: fetchTimeoutMs }, options);
      void fetched.keepFresh();
      this.#keys = { keysFor: (_, unknownKid) => (unknownKid === undefined ? fetched.current() : fetched.renewed()) };
      this.#stop = () => fetched.stop();
    } else {
      const file = new FileKeys(jwks);
      this.#keys = { keysFor: (): Promise<KeySet> => file.current() };
      this.#stop = () => undefined;
    }
  }

  /** Whose token this is. Throws where it is not wholly good, whatever the reason. */
  async identify(token: ReadToken, now: Date): Promise<{ id: SpiffeId; subject: string }> {
    // What the checking of users' tokens leaves to its rules is demanded here: this token buys an identity.
    if (token.kid === undefined) throw refusal('it has no `kid`');
    const { exp, sub } = token.claims;
    if (typeof exp !== 'number') throw refusal('it has no `exp`');
    if (typeof sub !== 'string' || sub === '') throw refusal('it has no `sub`');
    const checked = await checkToken(token, this.#rule, this.#keys, now.getTime(), skewMs);
    if ('kind' in checked) throw refusal(checked.reason);
    const id = this.#idOf(sub, token.claims);
    refuseReserved(id);
    return { id, subject: sub };
  }

  [Symbol.dispose](): void {
    this.#stop();
  }

  #idOf(subject: string, claims: Readonly<Record<string, unknown>>): SpiffeId {
    return this.#template === undefined
      ? idOfServiceAccount(this.#trustDomain, readServiceAccount(subject))
      : fillIdentityTemplate(this.#template, claims, this.#trustDomain);
  }
}

const noRule: JwtRule = {
  place: { file: 'ca.callers.oidc', line: 0, column: 0 },
  issuer: '',
  audiences: [],
  jwks: undefined,
  jwksUri: undefined,
  fromHeaders: [],
  fromParams: [],
  fromCookies: [],
  outputPayloadToHeader: undefined,
  outputClaimToHeaders: [],
  forwardOriginalToken: false,
  timeoutMs: fetchTimeoutMs,
  spaceDelimitedClaims: [],
  presence: 'REQUIRED',
};

function refusal(why: string): GarrisonError {
  return new GarrisonError('UNAUTHENTICATED', `the token of the issuer is refused: ${why}`);
}
