import { encodePem } from '#ca/pem.ts';
import { dialable, type Address } from '#runtime/address.ts';
import { readAddresses } from '#runtime/addresses-file.ts';
import { forwardToTelemetry } from './audit-forward/forward-to-telemetry.ts';
import { keepAuthorities } from './authority/keep-authorities.ts';
import type { RenewalTrouble } from './authority/renewal-trouble.ts';
import type { CaCore, CaSurroundings } from './ca-core.ts';
import { keepJwtKeys } from './jwt-authority/keep-jwt-keys.ts';
import { isShared } from './ledger/shared-ledger.ts';
import { BootstrapTokens } from './serving/bootstrap-tokens.ts';
import { keepBootstrapTokens } from './serving/keep-bootstrap-tokens.ts';
import type { CaSettings } from './settings.ts';

export interface ChoreParts {
  readonly trouble: RenewalTrouble;
  readonly signal: AbortSignal;
}

/** What the authority does by itself, beside answering: each ends with the signal. The first round of files is written when this resolves. */
export async function startChores(
  settings: CaSettings,
  core: CaCore,
  surroundings: CaSurroundings,
  { trouble, signal }: ChoreParts,
): Promise<readonly Promise<void>[]> {
  const { authorities, authorityDesk, jwtDesk, origin } = core;
  const { state, clock, logger } = surroundings;
  const timing = { clock, logger, signal };
  writeBundle(core, surroundings);
  authorities.onChange(() => {
    writeBundle(core, surroundings);
  });
  const bootstrap = new BootstrapTokens({ ...core, ...settings, state, clock });
  await bootstrap.refresh();
  const { ledger } = core;
  const shared = isShared(ledger);
  const alone = shared ? (work: () => Promise<void>): Promise<void> => ledger.exclusively(work) : undefined;
  const rules = { kind: origin.source.kind, leafMs: settings.ttl.maxSeconds * 1000, shared };
  return [
    keepBootstrapTokens(bootstrap, core, timing),
    keepAuthorities(authorities, authorityDesk, {
      ...timing,
      rules,
      trouble,
      ...(alone === undefined ? {} : { alone }),
    }),
    keepJwtKeys(authorities, jwtDesk, { ...timing, rules: settings.jwtKeyRules }),
    origin.follow(core, signal),
    tellTelemetry(settings, core, surroundings, signal),
  ];
}

function writeBundle({ authorities }: CaCore, { state }: CaSurroundings): void {
  const roots = authorities.bundle().map((der) => encodePem('CERTIFICATE', der));
  state.write('bundle.pem', roots.join(''), 0o644);
}

/** Ledger entries go to the audit log of the telemetry that runs in this state folder, else where it is configured to. */
async function tellTelemetry(
  { telemetry: configured, trustDomain }: CaSettings,
  { ledger, identity }: CaCore,
  { state, clock, logger }: CaSurroundings,
  signal: AbortSignal,
): Promise<void> {
  if (configured === undefined) return;
  const telemetry = (): Address => readAddresses(state.path).get('telemetry') ?? dialable(configured);
  await forwardToTelemetry({ ledger, identity, trustDomain, telemetry, clock, logger }, signal);
}
