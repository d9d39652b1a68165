import type { ProfileName } from '#ca/issue/profiles.ts';
import type { SerialHex } from '#ca/issue/serial.ts';

/** What is about to be signed, for whom and by what right. Recorded durably before the signature exists. */
export interface Intent {
  readonly serial: SerialHex;
  readonly profile: ProfileName;
  readonly spiffeId: string;
  readonly dnsNames: readonly string[];
  readonly notBefore: Date;
  readonly notAfter: Date;
  /** Key identifier of the issuing certificate, hexadecimal. */
  readonly issuerKeyId: string;
  /** SHA-256 of the public key and of the bytes to be signed, hexadecimal: with a certificate in hand, proof that this is it. */
  readonly publicKeyHash: string;
  readonly tbsHash: string;
  /** Who asked: `token:ID`, `svid:SERIAL`, `unix:uid=…`, `admin`, `self`. */
  readonly caller: string;
  /** By what right, so that a renewal stands on the same ground: `token:ID`, `registration:ns/name`, `admin`, `self`. */
  readonly grant: string;
  readonly requestedAt: Date;
}

export type Outcome =
  { readonly kind: 'issued'; readonly certificate: Uint8Array } | { readonly kind: 'failed'; readonly reason: string };

export const entryStates = ['intended', 'issued', 'failed', 'unknown'] as const;
/** `unknown`: the process ended between intent and outcome, so the certificate may exist and may have left. */
export type EntryState = (typeof entryStates)[number];

export interface LedgerEntry extends Intent {
  /** Grows in the order of intents. */
  readonly number: number;
  readonly state: EntryState;
  readonly certificate: Uint8Array | undefined;
  readonly reason: string | undefined;
  readonly concludedAt: Date | undefined;
  readonly revokedAt: Date | undefined;
  readonly revocation: string | undefined;
}

export interface EntryFilter {
  readonly spiffeId?: string | undefined;
  readonly caller?: string | undefined;
  readonly state?: EntryState | undefined;
  /** Key identifier of the issuing certificate, hexadecimal. */
  readonly issuerKeyId?: string | undefined;
  /** Requested at this time or later. */
  readonly from?: Date | undefined;
  /** Requested before this time. */
  readonly to?: Date | undefined;
  /** Entries with a smaller number: the next page. */
  readonly before?: number | undefined;
  readonly limit: number;
}

/** An entry and where it stands in the order of conclusions, which is the order in which others hear of it. */
export interface ConcludedEntry {
  readonly position: number;
  readonly entry: LedgerEntry;
}

/** A revocation and where it stands in the order of revocations. */
export interface RevokedEntry {
  readonly position: number;
  readonly entry: LedgerEntry;
}

/** How many leaves under one issuing key may be in use. */
export interface LiveCount {
  /** Key identifier of the issuing certificate, hexadecimal. */
  readonly issuerKeyId: string;
  readonly leaves: number;
}

/** A JWT-SVID that was minted, without the token itself: who holds that holds the identity. */
export interface JwtRecord {
  readonly spiffeId: string;
  readonly audience: readonly string[];
  /** `kid` of the key that signed it. */
  readonly keyId: string;
  /** SHA-256 of the compact token, hexadecimal: with a token in hand, proof that this is it. */
  readonly tokenHash: string;
  readonly issuedAt: Date;
  readonly expiresAt: Date;
  readonly caller: string;
  readonly grant: string;
}

export interface JwtEntry extends JwtRecord {
  /** Grows in the order of records. */
  readonly number: number;
}

export interface JwtFilter {
  readonly spiffeId?: string | undefined;
  readonly keyId?: string | undefined;
  readonly caller?: string | undefined;
  readonly tokenHash?: string | undefined;
  /** Issued at this time or later. */
  readonly from?: Date | undefined;
  /** Issued before this time. */
  readonly to?: Date | undefined;
  /** Entries with a smaller number: the next page. */
  readonly before?: number | undefined;
  readonly limit: number;
}

/** A join token without its secret. */
export interface TokenRecord {
  readonly id: string;
  /** SHA-256 of the secret, hexadecimal: the secret itself is nowhere kept. */
  readonly hash: string;
  /** What Registration documents call it: selector `token:NAME`. Empty where the identity is given directly. */
  readonly name: string;
  /** The identity it stands for; empty where the registrations say. */
  readonly spiffeId: string;
  readonly dnsNames: readonly string[];
  readonly createdAt: Date;
  readonly expiresAt: Date;
}

export interface StoredToken extends TokenRecord {
  readonly redeemedAt: Date | undefined;
}

export interface Redemption {
  readonly hash: string;
  readonly at: Date;
}

export const authorityStates = ['prepared', 'active', 'old', 'tainted', 'revoked'] as const;
export type AuthorityState = (typeof authorityStates)[number];

/** Public half of an authority: a root and the intermediate that signs under it. Both empty: it signs JWT-SVIDs alone. */
export interface AuthorityRecord {
  readonly id: string;
  readonly state: AuthorityState;
  readonly root: Uint8Array;
  /** The certificate that signs leaves, followed by those between it and the root: DER after DER. */
  readonly issuing: Uint8Array;
  /** SubjectPublicKeyInfo of the key that signs JWT-SVIDs. */
  readonly jwtKey: Uint8Array;
  readonly since: Date;
}

/**
 * What the CA must never lose. Every promise resolves only when what it says is durable;
 * a rejection with UNAVAILABLE means that nothing was recorded.
 */
export interface Ledger extends AsyncDisposable {
  /** Writes something that means nothing; rejects with UNAVAILABLE while nothing could be recorded. */
  check(): Promise<void>;
  /**
   * Records an intent and, in the same transaction, redeems the token it rests on. Rejects with UNAUTHENTICATED when the
   * token is unknown, expired or already redeemed: of any number of parallel redemptions one succeeds.
   */
  intend(intent: Intent, redeem?: Redemption): Promise<void>;
  /** Once per serial; INTERNAL for a serial that was not intended or is concluded. */
  conclude(serial: SerialHex, outcome: Outcome, at: Date): Promise<void>;
  /** Marks intents that this instance left without outcome as unknown; how many there were. */
  abandon(instance: number): Promise<number>;
  find(serial: SerialHex): Promise<LedgerEntry | undefined>;
  /** Newest first. */
  list(filter: EntryFilter): Promise<readonly LedgerEntry[]>;
  /** False when it was revoked before or never issued. */
  revoke(serial: SerialHex, reason: string, at: Date): Promise<boolean>;
  /** Serials of what is revoked and has not ended at this time. */
  listRevoked(at: Date): Promise<readonly SerialHex[]>;
  /**
   * Leaves that may be in use at this time, by the key that issued them: not ended, not failed, not revoked. Who still
   * uses an old authority is answered by it.
   */
  countLive(at: Date): Promise<readonly LiveCount[]>;
  /**
   * Entries in the order in which they were concluded, from behind a position (0: from the first). None is ever inserted
   * before a position that was handed out, so that whoever keeps the last one misses nothing.
   */
  entriesAfter(position: number, limit: number): Promise<readonly ConcludedEntry[]>;
  /** The same for revocations, which have positions of their own. */
  revocationsAfter(position: number, limit: number): Promise<readonly RevokedEntry[]>;

  /** Records a JWT-SVID. Awaited before the token leaves. */
  noteJwt(record: JwtRecord): Promise<void>;
  /** Newest first. */
  listJwts(filter: JwtFilter): Promise<readonly JwtEntry[]>;
  /** Oldest first, from behind a number (0: from the first). */
  jwtsAfter(number: number, limit: number): Promise<readonly JwtEntry[]>;

  /** How far those have come who tell others of entries, by name: positions that were moved to. */
  readCursors(): Promise<ReadonlyMap<string, number>>;
  /** All of them or none; never back. */
  moveCursors(positions: ReadonlyMap<string, number>): Promise<void>;

  addToken(token: TokenRecord): Promise<void>;
  findToken(hash: string): Promise<StoredToken | undefined>;
  /** Newest first. */
  listTokens(): Promise<readonly StoredToken[]>;
  /** Forgets tokens that expired before this time; how many. */
  pruneTokens(before: Date): Promise<number>;

  /** All of them or none, and the bundle's sequence grows by one. Root and JWT key of a known authority never change. */
  putAuthorities(records: readonly AuthorityRecord[]): Promise<void>;
  /** Oldest first, and how often they have changed. */
  listAuthorities(): Promise<{ readonly records: readonly AuthorityRecord[]; readonly sequence: number }>;
}
