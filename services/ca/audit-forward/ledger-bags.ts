import { MapBag, Timestamp, type AttributeValue } from '#proto/attributes/index.ts';
import type { JwtEntry, LedgerEntry } from '../ledger/port.ts';

type Values = Readonly<Record<string, AttributeValue | Date | undefined>>;

/** What became of an intent, as the audit log hears it. */
export function concludedBag(reporter: string, entry: LedgerEntry): MapBag {
  return bagOf(reporter, entry.state, entry.serial, {
    ...certificate(entry),
    'context.time': entry.concludedAt ?? entry.requestedAt,
    'garrison.identity.reason': entry.reason,
  });
}

export function revokedBag(reporter: string, entry: LedgerEntry): MapBag {
  return bagOf(reporter, 'revoked', entry.serial, {
    ...certificate(entry),
    'context.time': entry.revokedAt ?? entry.requestedAt,
    'garrison.identity.reason': entry.revocation,
  });
}

export function jwtBag(reporter: string, jwt: JwtEntry): MapBag {
  return bagOf(reporter, 'jwt-issued', jwt.tokenHash, {
    'context.time': jwt.issuedAt,
    'garrison.identity.number': BigInt(jwt.number),
    'garrison.identity.spiffe_id': jwt.spiffeId,
    'garrison.identity.audience': jwt.audience.join(' '),
    'garrison.identity.key_id': jwt.keyId,
    'garrison.identity.token_hash': jwt.tokenHash,
    'garrison.identity.not_after': jwt.expiresAt,
    'garrison.identity.caller': jwt.caller,
    'garrison.identity.grant': jwt.grant,
  });
}

function certificate(entry: LedgerEntry): Values {
  return {
    'garrison.identity.number': BigInt(entry.number),
    'garrison.identity.serial': entry.serial,
    'garrison.identity.profile': entry.profile,
    'garrison.identity.spiffe_id': entry.spiffeId,
    'garrison.identity.dns_names': entry.dnsNames.length === 0 ? undefined : entry.dnsNames.join(' '),
    'garrison.identity.not_before': entry.notBefore,
    'garrison.identity.not_after': entry.notAfter,
    'garrison.identity.issuer_key_id': entry.issuerKeyId,
    'garrison.identity.public_key_hash': entry.publicKeyHash,
    'garrison.identity.caller': entry.caller,
    'garrison.identity.grant': entry.grant,
    'garrison.identity.requested': entry.requestedAt,
  };
}

/** The authority speaks for itself, so it is the destination; the request's id tells what was sent twice. */
function bagOf(reporter: string, event: string, what: string, values: Values): MapBag {
  const all: Values = {
    'context.reporter.kind': 'inbound',
    'destination.principal': reporter,
    'request.id': `${event}-${what}`,
    'garrison.identity.event': event,
    ...values,
  };
  const given = Object.entries(all).flatMap(([name, value]): [string, AttributeValue][] => {
    if (value === undefined) return [];
    return [[name, value instanceof Date ? Timestamp.fromDate(value) : value]];
  });
  return new MapBag(new Map(given));
}
