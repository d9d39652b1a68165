import { readIssuer, type Issuer } from '#ca/issue/issuer.ts';
import type { JwtKey } from '#ca/jwt/jwt-key.ts';
import type { JwtSigner } from '#ca/jwt/mint-jwt.ts';
import type { PublicKey } from '#ca/keys/public-key.ts';
import { sameKey } from '#ca/keys/same-key.ts';
import type { Signer } from '#ca/keys/signer.ts';
import { GarrisonError } from '#proto/errors/index.ts';
import type { JwtAuthority } from '../jwt-authority/jwt-authority.ts';
import type { AuthorityRecord, AuthorityState } from '../ledger/port.ts';

/** What signs for an authority. */
export interface SigningKeys {
  /** With the intermediate's key. */
  readonly x509: Signer;
  readonly jwt: JwtSigner;
}

/** A root, what signs leaves below it, a key for JWT-SVIDs, and what signs with them. */
export interface Authority {
  readonly record: AuthorityRecord;
  readonly id: string;
  readonly state: AuthorityState;
  readonly since: Date;
  /** Its root is not ours: it was plugged in, or an authority above signed for it. */
  readonly given: boolean;
  readonly root: Issuer;
  /** Signs leaves. The root itself, where somebody else's authority has no intermediate. */
  readonly issuing: Issuer;
  /** DER of what a leaf is verified through: the issuing certificate, those above it, the root last. */
  readonly chain: readonly Uint8Array[];
  readonly jwtKey: JwtKey;
  /** Only where it may sign. */
  readonly signers: SigningKeys | undefined;
}

export type SigningAuthority = Authority & { readonly signers: SigningKeys };

/** The authorities of one trust domain: exactly one signs, several may be trusted. */
export class Authorities {
  readonly #listeners = new Set<() => void>();
  #all: readonly Authority[];
  #sequence: number;
  #further: readonly Uint8Array[];
  #jwt: readonly JwtAuthority[];

  constructor(
    all: readonly Authority[],
    sequence: number,
    further: readonly Uint8Array[] = [],
    jwt: readonly JwtAuthority[] = [],
  ) {
    this.#all = all;
    this.#jwt = jwt;
    this.#sequence = sequence;
    this.#further = further;
  }

  get all(): readonly Authority[] {
    return this.#all;
  }

  /** Keys of JWT-SVIDs that have a life of their own. */
  get jwt(): readonly JwtAuthority[] {
    return this.#jwt;
  }

  /** Grows with every change of the bundle. */
  get sequence(): number {
    return this.#sequence;
  }

  /** The one that signs. */
  active(): SigningAuthority {
    const found = this.#all.find((one): one is SigningAuthority => one.state === 'active' && one.signers !== undefined);
    if (found !== undefined) return found;
    throw new GarrisonError('UNAVAILABLE', 'no authority is active', { remedy: 'activate one' });
  }

  /** Those whose signatures count, the signing one first. */
  trusted(): readonly Authority[] {
    const active = this.active();
    return [active, ...this.#all.filter(({ id, state }) => id !== active.id && state !== 'revoked')];
  }

  /** DER roots to trust, the signing one first. Two authorities may stand under one root. */
  bundle(): readonly Uint8Array[] {
    return distinct([...this.trusted().map(({ root }) => root.der), ...this.#further]);
  }

  /** Of the bundle, roots under which nothing good stands any more: whatever they vouch for is to be replaced. */
  tainted(): readonly Uint8Array[] {
    const roots = (tainted: boolean): Uint8Array[] =>
      this.trusted().flatMap(({ state, root }) => ((state === 'tainted') === tainted ? [root.der] : []));
    const sound = new Set(roots(false).map(textOf));
    return distinct(roots(true)).filter((der) => !sound.has(textOf(der)));
  }

  /** Names of those under which everything is to be replaced, whatever else stands under their roots. */
  spent(): readonly string[] {
    return this.#all.flatMap(({ id, state }) => (state === 'tainted' || state === 'revoked' ? [id] : []));
  }

  /**
   * DER of what revoked ones signed with, where their root is trusted all the same: nothing under that key is worth anything.
   * Not where one that is trusted stands under it, too. What has ended by itself needs no refusing.
   */
  refused(now: Date): readonly Uint8Array[] {
    const roots = new Set(this.bundle().map(textOf));
    const trusted = this.trusted();
    return this.#all
      .filter(({ state, root, issuing }) => state === 'revoked' && roots.has(textOf(root.der)) && !ended(issuing, now))
      .filter((revoked) => !trusted.some((one) => standsUnder(one, revoked)))
      .map(({ issuing }) => issuing.der);
  }

  /** Roots of somebody else's that count beside those of the authorities. */
  get further(): readonly Uint8Array[] {
    return this.#further;
  }

  replace(all: readonly Authority[], sequence: number, further = this.#further, jwt = this.#jwt): void {
    this.#jwt = jwt;
    this.#all = all;
    this.#sequence = sequence;
    this.#further = further;
    for (const listener of this.#listeners) listener();
  }

  onChange(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }
}

/** Neither a workload nor an authority below has a key of this one. */
export function refuseOwnKey({ issuing, root }: Authority, key: PublicKey): void {
  if (![issuing, root].some(({ publicKey }) => sameKey(publicKey, key))) return;
  throw new GarrisonError('INVALID_ARGUMENT', 'the certificate request is for a key of the authority');
}

function distinct(ders: readonly Uint8Array[]): Uint8Array[] {
  return [...new Map(ders.map((der) => [textOf(der), der])).values()];
}

/** Whether what one signs can be verified only by way of the other's key: it is a root's, or that of somebody between. */
export function standsUnder({ chain }: Authority, { issuing }: Pick<Authority, 'issuing'>): boolean {
  return chain.some((der) => sameKey(readIssuer(der).publicKey, issuing.publicKey));
}

/** Whether a certificate's time is over. */
export function ended({ validity }: Pick<Issuer, 'validity'>, now: Date): boolean {
  return validity.notAfter < now;
}

function textOf(der: Uint8Array): string {
  return Buffer.from(der).toString('base64');
}
