import type { ProfileName } from '#ca/issue/profiles.ts';
import type { SerialHex } from '#ca/issue/serial.ts';
import type {
  AuthorityRecord,
  AuthorityState,
  ConcludedEntry,
  EntryState,
  JwtEntry,
  LedgerEntry,
  LiveCount,
  StoredToken,
} from './port.ts';

export type Row = Readonly<Record<string, string | number | Uint8Array | null>>;

const text = (row: Row, column: string): string => String(row[column] ?? '');
const number = (row: Row, column: string): number => Number(row[column]);
const date = (row: Row, column: string): Date => new Date(number(row, column));
const optionalDate = (row: Row, column: string): Date | undefined =>
  row[column] === null || row[column] === undefined ? undefined : date(row, column);
const optionalText = (row: Row, column: string): string | undefined =>
  row[column] === null || row[column] === undefined ? undefined : text(row, column);
const words = (row: Row, column: string): string[] =>
  text(row, column)
    .split(' ')
    .filter((word) => word !== '');

function bytes(row: Row, column: string): Uint8Array {
  const value = row[column];
  return value instanceof Uint8Array ? value : new Uint8Array(0);
}
const hex = (row: Row, column: string): string => Buffer.from(bytes(row, column)).toString('hex');

/** What `readEntry` reads, of intents `i`, their outcomes `o` and revocations `r`. */
export const entryColumns =
  'i.*, o.state, o.certificate, o.reason, o.concluded_at, r.revoked_at, r.reason AS revocation';

export function readEntry(row: Row): LedgerEntry {
  const certificate = row['certificate'];
  return {
    number: number(row, 'number'),
    serial: hex(row, 'serial') as SerialHex,
    profile: text(row, 'profile') as ProfileName,
    spiffeId: text(row, 'spiffe_id'),
    dnsNames: words(row, 'dns_names'),
    notBefore: date(row, 'not_before'),
    notAfter: date(row, 'not_after'),
    issuerKeyId: hex(row, 'issuer_key_id'),
    publicKeyHash: hex(row, 'public_key_hash'),
    tbsHash: hex(row, 'tbs_hash'),
    caller: text(row, 'caller'),
    grant: text(row, 'authority_grant'),
    requestedAt: date(row, 'requested_at'),
    state: (optionalText(row, 'state') ?? 'intended') as EntryState,
    certificate: certificate instanceof Uint8Array ? certificate : undefined,
    reason: optionalText(row, 'reason'),
    concludedAt: optionalDate(row, 'concluded_at'),
    revokedAt: optionalDate(row, 'revoked_at'),
    revocation: optionalText(row, 'revocation'),
  };
}

export function readPositioned(row: Row): ConcludedEntry {
  return { position: number(row, 'position'), entry: readEntry(row) };
}

export function readLive(row: Row): LiveCount {
  return { issuerKeyId: hex(row, 'issuer_key_id'), leaves: number(row, 'leaves') };
}

export function readToken(row: Row): StoredToken {
  return {
    id: text(row, 'id'),
    hash: hex(row, 'hash'),
    name: text(row, 'name'),
    spiffeId: text(row, 'spiffe_id'),
    dnsNames: words(row, 'dns_names'),
    createdAt: date(row, 'created_at'),
    expiresAt: date(row, 'expires_at'),
    redeemedAt: optionalDate(row, 'redeemed_at'),
  };
}

export function readJwt(row: Row): JwtEntry {
  return {
    number: number(row, 'number'),
    spiffeId: text(row, 'spiffe_id'),
    audience: JSON.parse(text(row, 'audience')) as string[],
    keyId: text(row, 'key_id'),
    tokenHash: hex(row, 'token_hash'),
    issuedAt: date(row, 'issued_at'),
    expiresAt: date(row, 'expires_at'),
    caller: text(row, 'caller'),
    grant: text(row, 'authority_grant'),
  };
}

export function readAuthority(row: Row): AuthorityRecord {
  return {
    id: text(row, 'id'),
    state: text(row, 'state') as AuthorityState,
    root: bytes(row, 'root'),
    issuing: bytes(row, 'issuing'),
    jwtKey: bytes(row, 'jwt_key'),
    since: date(row, 'since'),
  };
}
