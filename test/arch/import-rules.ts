import type { IForbiddenRuleType } from 'dependency-cruiser';

/** A rule, and the smallest tree that breaks it: the suite plants each and expects it to be reported. */
export interface ImportRule {
  readonly rule: IForbiddenRuleType & { name: string };
  readonly planted: Readonly<Record<string, string>>;
}

const rooms = ['proto', 'schema', 'ca', 'policies', 'services', 'identity', 'cli', 'test', 'bin'] as const;
type Room = (typeof rooms)[number];

const pureRooms = '^(proto/attributes|schema|ca|policies)/';

/** What touches the clock, the network, the disk, other processes or a logger; a pure room gets those as arguments. */
const impure = [
  '(fs|fs/promises|net|http|http2|https|tls|dgram|dns|dns/promises|child_process|cluster|worker_threads|os|process)',
  '(sqlite|timers|timers/promises|perf_hooks|readline|repl|inspector|async_hooks|diagnostics_channel|stream|stream/.*)',
].map((names) => `^(node:)?${names}$`);
const impurePackages = 'node_modules/(@grpc/|pino|prom-client|koffi)';

function onlyInto(room: Room, allowed: string, comment: string, planted: Readonly<Record<string, string>>): ImportRule {
  return {
    rule: {
      name: `${room}-imports-only-what-it-may`,
      comment,
      severity: 'error',
      from: { path: `^${room}/` },
      to: { path: `^(${rooms.join('|')})/`, pathNot: [`^${room}/`, allowed] },
    },
    planted,
  };
}

const empty = 'export const x = 1;\n';

export const importRules: readonly ImportRule[] = [
  onlyInto('proto', '^proto/', 'the protocol stands alone', {
    'proto/a.ts': `export { x } from '../ca/b.ts';\n`,
    'ca/b.ts': empty,
  }),
  onlyInto('schema', '^proto/errors/', 'reading text into typed values needs error codes and nothing else', {
    'schema/a.ts': `export { x } from '../proto/attributes/b.ts';\n`,
    'proto/attributes/b.ts': empty,
  }),
  onlyInto('ca', '^(proto/errors|schema)/', 'the identity library knows no policy and no process', {
    'ca/a.ts': `export { x } from '../policies/b.ts';\n`,
    'policies/b.ts': empty,
  }),
  onlyInto(
    'policies',
    '^(proto/(attributes|errors)/|schema/|ca/(spiffe-id|trust-domain)\\.ts$)',
    'of the identity library the policy library knows how an identity is spelled',
    { 'policies/a.ts': `export { x } from '../ca/sign.ts';\n`, 'ca/sign.ts': empty },
  ),
  onlyInto('services', '^(proto|schema|ca|policies)/', 'a process never depends on the command that starts it', {
    'services/authz/a.ts': `export { x } from '../../cli/b.ts';\n`,
    'cli/b.ts': empty,
  }),
  onlyInto(
    'identity',
    '^(proto|ca|services/runtime)/',
    'the identity client is a library for any program: of the services it knows what every process needs, of policy nothing',
    { 'identity/a.ts': `export { x } from '../policies/b.ts';\n`, 'policies/b.ts': empty },
  ),
  onlyInto('cli', '^(proto|schema|ca|policies|services)/', 'nothing that ships depends on a test', {
    'cli/a.ts': `export { x } from '../test/b.ts';\n`,
    'test/b.ts': empty,
  }),
  {
    rule: {
      name: 'services-are-strangers',
      comment:
        'services share the protocol, the runtime, issuers’ keys and what is served to workloads, never each other',
      severity: 'error',
      from: { path: '^services/([^/]+)/' },
      to: { path: '^services/', pathNot: ['^services/$1/', '^services/(runtime|keys|workload)/'] },
    },
    planted: { 'services/authz/a.ts': `export { x } from '../telemetry/b.ts';\n`, 'services/telemetry/b.ts': empty },
  },
  {
    rule: {
      name: 'only-who-gives-identities-serves-workloads',
      comment: 'the Workload API is served by the CA on its own host and by the agent of a node',
      severity: 'error',
      from: { path: '^services/', pathNot: '^services/(ca|agent|workload)/' },
      to: { path: '^services/workload/' },
    },
    planted: { 'services/authz/a.ts': `export { x } from '../workload/b.ts';\n`, 'services/workload/b.ts': empty },
  },
  {
    rule: {
      name: 'keys-know-no-process',
      comment: 'fetching the keys of issuers is for every process that verifies tokens',
      severity: 'error',
      from: { path: '^services/keys/' },
      to: { path: '^services/', pathNot: '^services/(keys|runtime)/' },
    },
    planted: { 'services/keys/a.ts': `export { x } from '../workload/b.ts';\n`, 'services/workload/b.ts': empty },
  },
  {
    rule: {
      name: 'runtime-knows-no-policy',
      comment: 'the runtime is what every process needs and nothing of policy',
      severity: 'error',
      from: { path: '^services/runtime/' },
      to: { path: '^policies/' },
    },
    planted: { 'services/runtime/a.ts': `export { x } from '../../policies/b.ts';\n`, 'policies/b.ts': empty },
  },
  {
    rule: {
      name: 'pure-rooms-touch-no-world',
      comment: 'the pure rooms get clock, network, disk, randomness and logger as arguments',
      severity: 'error',
      from: { path: pureRooms },
      to: { path: [...impure, impurePackages], pathNot: '^(policies|ca|schema|proto)/' },
    },
    planted: { 'policies/a.ts': `export { readFileSync } from 'node:fs';\n` },
  },
  {
    rule: {
      name: 'no-cycles',
      comment: 'a cycle means two files are one idea, or neither is',
      severity: 'error',
      from: {},
      to: { circular: true },
    },
    planted: {
      'ca/a.ts': `import { y } from './b.ts';\nexport const x = (): number => y();\n`,
      'ca/b.ts': `import { x } from './a.ts';\nexport const y = (): number => x();\n`,
    },
  },
  {
    rule: {
      name: 'imports-resolve',
      comment: 'an import that resolves to nothing would be invisible to every other rule',
      severity: 'error',
      from: {},
      to: { couldNotResolve: true },
    },
    planted: { 'ca/a.ts': `export { x } from './nowhere.ts';\n` },
  },
];
