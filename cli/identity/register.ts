import { existsSync, statSync } from 'node:fs';
import path from 'node:path';
import { cedarFor } from '#policies/cedar/index.ts';
import { describeFault, loadPolicies } from '#policies/documents/index.ts';
import { GarrisonError } from '#proto/errors/index.ts';
import { readConfig, type Config } from '#runtime/config/config.ts';
import { readFiles, type FileText } from '#runtime/read-files.ts';
import { declareVerb } from '../verb.ts';
import { adminFlags, identityFlags, namedIdentity } from './admin.ts';
import { registrationText } from './registration-text.ts';
import { writeSecret } from './write-secret.ts';

export const verb = declareVerb({
  name: 'identity register',
  summary: 'write a Registration: who is entitled to which identity; the authority takes it up at once',
  positionals: 'NAME',
  minPositionals: 1,
  flags: {
    namespace: {
      kind: 'string',
      value: 'NAME',
      describe: 'of the document; the service account’s, or the root namespace',
    },
    ...identityFlags,
    selector: {
      kind: 'strings',
      value: 'SELECTOR',
      describe: 'what must hold of the caller, all of it: `unix:uid:1001`',
    },
    'dns-name': { kind: 'strings', value: 'NAME', describe: 'a DNS name that its certificates carry too' },
    'x509-ttl': { kind: 'string', value: 'DURATION', describe: 'how long its certificates live' },
    'jwt-ttl': { kind: 'string', value: 'DURATION', describe: 'how long its tokens live' },
    hint: { kind: 'string', value: 'TEXT', describe: 'which of several identities this is, for the workload' },
    'federates-with': { kind: 'strings', value: 'TRUST_DOMAIN', describe: 'a trust domain whose bundle it gets too' },
    'node-identity': {
      kind: 'strings',
      value: 'SPIFFE-ID',
      describe: 'it is a node: an identity it may ask for, for workloads there; all below where it ends in `/*`',
    },
    downstream: { kind: 'boolean', describe: 'it is a certificate authority itself' },
    out: { kind: 'string', value: 'FILE', describe: 'where it goes; `registration-NAMESPACE-NAME.yaml` in `policies`' },
    print: { kind: 'boolean', describe: 'show it, write nothing' },
    ...adminFlags,
  },
  example: 'garrison identity register reviews --service-account default/reviews --selector unix:uid:1001',
  async run({ flags, positionals, output, env, cwd }) {
    const [name = ''] = positionals;
    const config = readConfig({ path: flags.config, env, cwd });
    const id = namedIdentity(flags, config);
    if (id === undefined) {
      throw new GarrisonError('INVALID_ARGUMENT', 'a registration is for one identity', {
        remedy: 'give `--service-account` or `--spiffe-id`',
      });
    }
    const namespace = flags.namespace ?? flags['service-account']?.split('/')[0] ?? config.rootNamespace;
    const text = registrationText({
      name,
      namespace,
      spiffeId: id.toString(),
      selectors: flags.selector,
      dnsNames: flags['dns-name'],
      x509Ttl: flags['x509-ttl'],
      jwtTtl: flags['jwt-ttl'],
      hint: flags.hint,
      federatesWith: flags['federates-with'],
      downstream: flags.downstream,
      nodeIdentities: flags['node-identity'],
    });
    const file = flags.out === undefined ? placeOf(config, namespace, name) : path.resolve(cwd, flags.out);
    if (!flags.print && existsSync(file)) {
      throw new GarrisonError('ALREADY_EXISTS', `\`${file}\` is there already`, {
        remedy: 'edit it, or choose another place with `--out`',
      });
    }
    await checkTogether(config, { name: flags.print ? '<registration>' : file, text: Buffer.from(text) });
    const described = { spiffeId: id.toString(), namespace, name };
    if (flags.print) {
      output.result({ ...described, text }, text);
      return 0;
    }
    writeSecret(file, text, 0o644);
    output.result({ ...described, file }, file);
    return 0;
  },
});

/** In the first folder of documents: where the authority looks. */
function placeOf({ policies }: Config, namespace: string, name: string): string {
  const folder = policies.find((each) => !existsSync(each) || statSync(each).isDirectory());
  if (folder !== undefined) return path.join(folder, `registration-${namespace}-${name}.yaml`);
  throw new GarrisonError('FAILED_PRECONDITION', 'the setting `policies` names no folder', {
    place: 'policies',
    remedy: 'say where it goes with `--out`',
  });
}

/** The new document with all others: a revision with a fault in it would be refused whole. */
async function checkTogether(
  { policies, trustDomain, rootNamespace, profile }: Config,
  added: FileText,
): Promise<void> {
  const files = [...readFiles(policies).files, added];
  const mesh = { trustDomain, rootNamespace, profile };
  const loaded = loadPolicies(files, mesh, { cedar: await cedarFor(files) });
  if (loaded.ok) return;
  const [fault] = loaded.faults.filter(({ place }) => place.file === added.name);
  if (fault === undefined) return; // somebody else's fault, told by `policy validate`
  const why = describeFault(fault);
  const flag = why.includes('`node.identities`') ? '`--node-identity` adds them; ' : '';
  throw new GarrisonError('INVALID_ARGUMENT', why, { remedy: `${flag}nothing was written` });
}
