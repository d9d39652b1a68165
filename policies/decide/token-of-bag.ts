import { GarrisonError } from '#proto/errors/index.ts';
import type { AttributeBag } from '#proto/attributes/index.ts';
import { readMap, readText } from './read-attribute.ts';
import { tokenOfClaims } from './token.ts';
import type { VerifiedToken } from './token.ts';

/** The token that a proxy has verified itself and told of in `request.auth.*`. */
export function tokenOfBag(bag: AttributeBag): VerifiedToken | undefined {
  const principal = readText(bag, 'request.auth.principal');
  const raw = readText(bag, 'request.auth.raw_claims');
  const mapped = readMap(bag, 'request.auth.claims');
  const audiences = readText(bag, 'request.auth.audiences');
  const presenter = readText(bag, 'request.auth.presenter');
  if ((principal ?? raw ?? mapped ?? audiences ?? presenter) === undefined) return undefined;
  const claims: Record<string, unknown> = Object.create(null) as Record<string, unknown>;
  for (const [name, value] of mapped ?? []) claims[name] = value;
  for (const [name, value] of Object.entries(raw === undefined ? {} : readClaims(raw))) claims[name] = value;
  const token = tokenOfClaims(claims, []);
  // Upstream splits a principal at its last slash: a subject that contains one cannot be told from an issuer.
  const slash = principal === undefined ? -1 : principal.lastIndexOf('/');
  return {
    ...token,
    issuer: token.issuer !== '' ? token.issuer : slash < 0 ? '' : (principal ?? '').slice(0, slash),
    subject: token.subject !== '' ? token.subject : slash < 0 ? '' : (principal ?? '').slice(slash + 1),
    audiences: token.audiences.length > 0 ? token.audiences : (audiences?.split(',') ?? []),
    presenter: token.presenter !== '' ? token.presenter : (presenter ?? ''),
  };
}

function readClaims(raw: string): Readonly<Record<string, unknown>> {
  try {
    const claims: unknown = JSON.parse(raw);
    if (typeof claims === 'object' && claims !== null && !Array.isArray(claims))
      return claims as Record<string, unknown>;
  } catch {
    // Said below, as for any other text that is no JSON object.
  }
  throw new GarrisonError('INVALID_ARGUMENT', 'attribute `request.auth.raw_claims` is no JSON object');
}
