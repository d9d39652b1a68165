import { IdentityAdminService } from '#proto/gen/garrison/v1/identity.ts';
import type { AdminServer } from '#runtime/admin-server.ts';
import type { Clock } from '#runtime/clock.ts';
import { defaultRefreshHintMs } from '#runtime/config/bundle-endpoint-config.ts';
import type { GrpcServer } from '#runtime/grpc/server.ts';
import type { Metrics } from '#runtime/metrics.ts';
import { AuthorityUses } from '../authority-use/authority-uses.ts';
import { describeUses, liveCertificates } from '../authority-use/live-certificates.ts';
import type { RenewalTrouble } from '../authority/renewal-trouble.ts';
import type { CaCore } from '../ca-core.ts';
import { federationAges } from '../federation/federation-ages.ts';
import type { ConnectedNodes } from '../nodes/connected-nodes.ts';
import type { CaSettings } from '../settings.ts';
import { serveAuthorityUse } from './authority-use-admin.ts';
import { describeCa } from './describe-ca.ts';
import { serveFederationAdmin } from './federation-admin.ts';
import { admit, serveIdentityAdmin } from './identity-admin.ts';
import { serveJwtAuthorityAdmin } from './jwt-authority-admin.ts';
import { renewIssuing } from './renew-issuing.ts';

export interface OperatorParts {
  readonly admin: AdminServer;
  readonly metrics: Metrics;
  readonly clock: Clock;
  readonly nodes: ConnectedNodes;
  readonly trouble: RenewalTrouble;
}

/** What operators see and do: the admin pages, the gauges behind them, and the methods of the control socket. */
export function serveOperators(control: GrpcServer, settings: CaSettings, core: CaCore, parts: OperatorParts): void {
  const { admin, metrics, clock, nodes, trouble } = parts;
  const { trustDomain, tokenSeconds: defaultTokenSeconds } = settings;
  const uses = new AuthorityUses({ ...core, clock, trustDomain });
  admin
    .page('/config', () => settings.shown)
    .page('/status', () => describeCa(core, nodes, settings, trouble.current))
    .page('/authorities', () => describeUses(uses));
  metrics.observedGauge(
    'garrison_ca_renewal_trouble',
    'Whether age asks for something that could not be done: `due` on /status says what',
    () => (trouble.current === undefined ? 0 : 1),
  );
  if (core.origin.trouble !== undefined) {
    metrics.observedGauge(
      'garrison_ca_upstream_trouble',
      'Whether the authority above is not heard, or refuses this one: `authoritiesFrom` on /status says why',
      () => (core.origin.trouble?.() === undefined ? 0 : 1),
    );
  }
  metrics.append(() => liveCertificates(uses));
  metrics.append(() => federationAges(core.federation, clock));
  serveIdentityAdmin(control, { ...core, trustDomain, defaultTokenSeconds });
  control.bidi(IdentityAdminService.renewIssuing, renewIssuing({ ...core, clock, admit }));
  serveAuthorityUse(control, uses, admit);
  serveJwtAuthorityAdmin(control, core, admit);
  const refreshHintMs = settings.bundleEndpoint?.refreshHintMs ?? defaultRefreshHintMs;
  serveFederationAdmin(control, { ...settings, ...core, refreshHintSeconds: Math.floor(refreshHintMs / 1000), admit });
}
