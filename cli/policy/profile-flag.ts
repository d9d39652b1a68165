import { profiles } from '#policies/documents/index.ts';
import type { Mesh, Profile } from '#policies/documents/index.ts';
import { GarrisonError } from '#proto/errors/index.ts';

/** `--profile strict`, `--profile legacy=istio`: of the mesh, and of the workloads of one namespace. */
export const profileFlag = {
  kind: 'strings',
  value: '[NAMESPACE=]strict|istio',
  describe: 'the profile, of the mesh or of one namespace; may be given for several',
} as const;

export type ChosenProfiles = Partial<Pick<Mesh, 'profile' | 'namespaceProfiles'>>;

export function readProfiles(flags: readonly string[]): ChosenProfiles {
  const namespaces = new Map<string, Profile>();
  let profile: Profile | undefined;
  for (const flag of flags) {
    const [last = '', ...rest] = flag.split('=').reverse();
    const namespace = rest.reverse().join('=');
    const known = profiles.find((name) => name === last);
    if (known === undefined || (flag.includes('=') && !/^[a-z0-9]([a-z0-9.-]*[a-z0-9])?$/.test(namespace))) {
      throw new GarrisonError('INVALID_ARGUMENT', `\`--profile ${flag}\` is neither \`strict\` nor \`istio\``, {
        place: '--profile',
        remedy: 'write `--profile istio`, or `--profile NAMESPACE=istio` for the workloads of one namespace',
      });
    }
    if (flag.includes('=')) namespaces.set(namespace, known);
    else profile = known;
  }
  return {
    ...(profile === undefined ? {} : { profile }),
    ...(namespaces.size === 0 ? {} : { namespaceProfiles: namespaces }),
  };
}
