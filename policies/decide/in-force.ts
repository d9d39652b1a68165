import { modeAt } from './refuse-peer.ts';
import type { EffectiveMode } from '../compile/peer-modes.ts';
import type { Program } from '../compile/program.ts';
import { policyName } from '../compile/rule-compiler.ts';
import type { Workload } from '../compile/select.ts';

/** What PeerAuthentication says of connections to one port of a workload, `listenPort` where its sidecar listens. */
export function mtlsModeFor(program: Program, workload: Workload, port: number, listenPort?: number): EffectiveMode {
  return modeAt(program.forWorkload(workload).peers, port, listenPort);
}

/** The AuthorizationPolicy and CedarPolicy documents in force for a workload, as `namespace/name`. */
export function policiesInForce(program: Program, workload: Workload): string[] {
  const { policies, cedar } = program.forWorkload(workload);
  return [...policies, ...(cedar?.policies ?? [])].map(policyName);
}
