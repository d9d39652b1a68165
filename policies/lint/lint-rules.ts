import { allowByNegation, allowOnlyNegations } from './negations.ts';
import { hostWithoutPort, prefixWithoutTwin, templateInIstio, unknownMethod } from './request-fields.ts';
import {
  authenticationWithoutRequirement,
  claimNeverString,
  jwksWithoutTls,
  tokenWithoutAuthentication,
} from './tokens.ts';
import {
  addressBehindProxy,
  anyIdentity,
  identityWithoutMtls,
  principalWithScheme,
  trustDomainSurprise,
} from './identities.ts';
import { denyAll, dryRunLeftOn, selectorOfNobody, unknownPort, unknownProvider } from './scopes.ts';
import { emptyList } from './empty-lists.ts';
import { hostBits } from './host-bits.ts';
import { neverMatches } from './never-matches.ts';
import { nodeOfEverything, starterDecides } from './registrations.ts';
import { duplicateRule, shadowedRule } from './shadows.ts';
import { patternAsText } from './text-patterns.ts';
import type { LintRule } from './finding.ts';

/** Every rule of the linter; ids are never used twice, nor again. */
export const lintRules: readonly LintRule[] = [
  allowOnlyNegations,
  allowByNegation,
  hostWithoutPort,
  prefixWithoutTwin,
  tokenWithoutAuthentication,
  identityWithoutMtls,
  claimNeverString,
  unknownMethod,
  authenticationWithoutRequirement,
  addressBehindProxy,
  anyIdentity,
  principalWithScheme,
  trustDomainSurprise,
  templateInIstio,
  selectorOfNobody,
  jwksWithoutTls,
  dryRunLeftOn,
  denyAll,
  unknownProvider,
  neverMatches,
  shadowedRule,
  duplicateRule,
  unknownPort,
  emptyList,
  starterDecides,
  nodeOfEverything,
  patternAsText,
  hostBits,
];
