import { secretType, type SealedSecret, type Offered } from '#services/workload/sds/secrets.ts';

/** Secrets by name and version, whose bytes say which they are. */
export function secretsAt(versions: Readonly<Record<string, number>>): Offered {
  const sealed = new Map(
    Object.entries(versions).map(([name, version]): [string, SealedSecret] => [
      name,
      {
        name,
        version: `${name}-${version}`,
        resource: { typeUrl: secretType, value: Buffer.from(`${name}@${version}`) },
      },
    ]),
  );
  return { named: (name) => sealed.get(name), all: () => [...sealed.values()] };
}
