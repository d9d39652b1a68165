import type { MeshReady } from './mesh.ts';
import type { Narrator } from './narrator.ts';
import type { Processes } from './processes.ts';
import type { Stage } from './stage.ts';
import { spiffeIdOf, trustDomain } from './workloads.ts';

/** Says what runs, as whom, and where to look. */
export function introduce(narrator: Narrator, stage: Stage, mesh: MeshReady, processes: Processes): void {
  const say = (text = ''): void => narrator.say(text);
  say(
    `\n${processes.count} processes: one holds ca, authz and telemetry; each workload is an application and a sidecar.\n`,
  );
  say(`  ${'workload'.padEnd(16)}${'identity'.padEnd(60)}${'app'.padEnd(8)}sidecar in / out`);
  for (const workload of stage.workloads) {
    const { app, inbound, outbound } = workload.ports;
    const ports = workload.app === 'ingress' ? `-     / ${outbound}` : `${inbound} / ${outbound}`;
    say(`  ${workload.name.padEnd(16)}${spiffeIdOf(workload).padEnd(60)}${String(app).padEnd(8)}${ports}`);
  }
  say(`  ${'mesh'.padEnd(16)}spiffe://${trustDomain}/garrison/ca, …/authz, …/telemetry`);
  say(`\n  Bookinfo   http://127.0.0.1:${stage.ingressPort}/productpage`);
  say(`  Audit      http://${mesh.telemetryHttp}/audit/stats`);
  say(`  Metrics    http://${mesh.telemetryAdmin}/metrics`);
  say(`  Revision   http://${mesh.authzAdmin}/revision`);
  say(`  Check      ${mesh.authzLocal} (plaintext, for tools of this host: garrison check, grpcurl)`);
  say(`  Commands   export GARRISON_CONFIG=${stage.folder.config} (then \`npx garrison audit query\`, \`status\` …)`);
  say(`  Policies   ${stage.folder.policies} (edit them: they are watched)`);
}
