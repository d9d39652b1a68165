import type { Fault } from '#schema/place.ts';
import { policyName } from '../compile/rule-compiler.ts';
import type { PolicySet } from '../documents/policy-set.ts';
import type { Finding } from './finding.ts';

/** What reading a document warns of has an id here too; it is told once, with the place that the reader knows best. */
export const documentWarnings = [
  { id: 'GL003', name: 'deny-by-http-only', begins: 'matches by HTTP fields only', summary: 'A DENY rule of HTTP fields alone denies every TCP connection in scope.' },
  { id: 'GL020', name: 'empty-selector', begins: 'selects every workload', summary: 'A selector without labels selects every workload.' },
  { id: 'GL021', name: 'secret-in-jwks', begins: 'holds a private or symmetric key', summary: 'Keys to verify tokens with are published and must not be able to sign.' },
  { id: 'GL028', name: 'gateway-class-elsewhere', begins: 'a GatewayClass is a target', summary: 'A GatewayClass is targeted from the root namespace only.' },
  { id: 'GL099', name: 'document-warning', begins: '', summary: 'The reader of the document warns of something else.' },
] as const; // prettier-ignore

export function findingOfWarning(warning: Fault, set: PolicySet): Finding {
  const known = documentWarnings.find(({ begins }) => warning.reason.startsWith(begins)) ?? documentWarnings[4];
  const { file, line } = warning.place;
  const document = set.documents.findLast(({ metadata: { place } }) => place.file === file && place.line <= line);
  return {
    id: known.id,
    name: known.name,
    severity: 'warning',
    kind: document?.kind ?? '',
    policy: document === undefined ? '' : policyName(document),
    place: warning.place,
    field: warning.field,
    reason: warning.reason,
    fix: warning.fix ?? '',
  };
}
