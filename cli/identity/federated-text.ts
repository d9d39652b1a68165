import type { FederatedBundle } from '#proto/gen/garrison/v1/federation.ts';
import { dateOf } from './certificate-text.ts';

export function federatedJson(bundle: FederatedBundle): Record<string, unknown> {
  const { trustDomain, url, profile, endpointSpiffeId, document, answered, failure } = bundle;
  return {
    trustDomain,
    ...(url === '' ? {} : { url, profile }),
    ...(endpointSpiffeId === '' ? {} : { endpointSpiffeId }),
    known: document !== undefined,
    from: document?.from ?? null,
    sequence: document === undefined ? null : document.sequence.toString(),
    roots: document?.roots.length ?? null,
    jwtKeys: document?.jwtKeys ?? null,
    answered: dateOf(answered) ?? null,
    failure: failure === '' ? null : failure,
  };
}

export function federatedText(bundle: FederatedBundle): string {
  const { trustDomain, url, profile, document, failure } = bundle;
  const where = url === '' ? 'set by hand' : `${profile} ${url}`;
  const what =
    document === undefined
      ? 'not known yet'
      : `sequence ${document.sequence}, ${document.roots.length} roots, ${document.jwtKeys.length} JWT keys, by ${document.from}`;
  return `${trustDomain}  ${where}  ${what}${failure === '' ? '' : `  last failure: ${failure}`}`;
}
