import { type Shape, check, field, map, object, string } from '#schema/index.ts';
import { pathIn } from './shapes.ts';

/** How a node proves which one it is when the authority does not know it yet. Paths of files. */
export type JoinConfig =
  | { readonly kind: 'token'; readonly token: string }
  | { readonly kind: 'x509pop'; readonly certificate: string; readonly key: string; readonly bundle: string }
  | { readonly kind: 'k8sPsat'; readonly cluster: string; readonly token: string; readonly bundle: string };

const ways = ['token', 'x509pop', 'k8sPsat'] as const;

export function joinShape(folder: string): Shape<JoinConfig> {
  const file = pathIn(folder);
  const x509pop = object({
    certificate: field(file, { required: true, describe: 'PEM: the machine’s certificate, then those above it' }),
    key: field(file, { required: true, describe: 'PEM: its private key' }),
  });
  const k8sPsat = object({
    cluster: field(string({ minLength: 1 }), {
      required: true,
      describe: 'how the configuration of the authority calls this cluster',
    }),
    token: field(file, { required: true, describe: 'the projected service account token of the agent’s pod' }),
  });
  const written = check(
    object({
      token: field(file, { describe: 'the file of a join token; a new one in it makes the node join anew' }),
      x509pop: field(x509pop, { describe: 'a certificate that the machine has from somebody else' }),
      k8sPsat: field(k8sPsat, { describe: 'a token of the agent’s pod, which the authority has reviewed' }),
      bundle: field(file, { describe: 'PEM: the roots of the authority, to know it by; not with a join token' }),
    }),
    (_value, here) => {
      if (ways.filter((way) => here.has(way)).length !== 1) {
        here.fault('needs exactly one of `token`, `x509pop` and `k8sPsat`', 'write `{ token: ./token }`');
      } else if (here.has('token') === here.has('bundle')) {
        const why = here.has('token') ? 'a join token says by itself which authority it is of' : 'needs `bundle`';
        here.fault(why, here.has('token') ? 'leave `bundle` out' : 'name a PEM file with the roots of the authority');
      }
    },
  );
  return map(written, ({ token, x509pop: machine, k8sPsat: pod, bundle }) => {
    if (token !== undefined) return { kind: 'token' as const, token };
    if (bundle === undefined) return undefined;
    if (machine !== undefined) return { kind: 'x509pop' as const, ...machine, bundle };
    return pod === undefined ? undefined : { kind: 'k8sPsat' as const, ...pod, bundle };
  });
}
