import { existsSync } from 'node:fs';
import path from 'node:path';
import { parseSpiffeId, serviceAccountId, type SpiffeId } from '#ca/spiffe-id.ts';
import { GarrisonError } from '#proto/errors/index.ts';
import { JwtAuthorityAdminClient } from '#proto/gen/garrison/v1/jwt-authority.ts';
import { IdentityAdminClient } from '#proto/gen/garrison/v1/identity.ts';
import { AuthorityUseClient } from '#proto/gen/garrison/v1/authority-use.ts';
import { FederationAdminClient } from '#proto/gen/garrison/v1/federation.ts';
import { readConfig, type Config } from '#runtime/config/config.ts';
import { grpcClient } from '#runtime/grpc/client.ts';
import { parseDuration } from '#schema/index.ts';
import { adminSocket } from '#services/ca/admin/admin-socket.ts';
import { configFlag } from '../service-world.ts';
import type { ExitCode, Flags, Invocation } from '../verb.ts';

export const adminFlags = { config: configFlag } as const satisfies Flags;

/** Flags that name one identity of the trust domain. */
export const identityFlags = {
  'spiffe-id': { kind: 'string', value: 'ID', describe: 'the identity, in full' },
  'service-account': { kind: 'string', value: 'NAMESPACE/NAME', describe: 'the identity, as a service account' },
} as const satisfies Flags;

type Place = Pick<Invocation<typeof adminFlags>, 'flags' | 'env' | 'cwd'>;

export interface Admin {
  readonly client: IdentityAdminClient;
  readonly federation: FederationAdminClient;
  readonly uses: AuthorityUseClient;
  readonly jwt: JwtAuthorityAdminClient;
  readonly config: Config;
}

/** Calls the running CA on its owner's socket. Nothing is remembered and no port is opened: who owns the state folder may. */
export async function withAdmin(
  { flags, env, cwd }: Place,
  use: (admin: Admin) => Promise<ExitCode>,
): Promise<ExitCode> {
  const config = readConfig({ path: flags.config, env, cwd });
  const socket = path.join(config.state, adminSocket);
  if (!existsSync(socket)) {
    throw new GarrisonError('UNAVAILABLE', `no certificate authority runs on the state folder \`${config.state}\``, {
      remedy: 'start it with `garrison up` or `garrison ca`, or name its configuration with `--config`',
    });
  }
  const client = grpcClient(IdentityAdminClient, { path: socket }, { kind: 'plaintext' });
  const federation = grpcClient(FederationAdminClient, { path: socket }, { kind: 'plaintext' });
  const uses = grpcClient(AuthorityUseClient, { path: socket }, { kind: 'plaintext' });
  const jwt = grpcClient(JwtAuthorityAdminClient, { path: socket }, { kind: 'plaintext' });
  try {
    return await use({ client, federation, uses, jwt, config });
  } catch (error) {
    if (error instanceof GarrisonError && error.code === 'UNAVAILABLE' && error.message.startsWith('no connection')) {
      throw new GarrisonError('UNAVAILABLE', `the certificate authority does not answer on \`${socket}\``, {
        remedy: 'start it again with `garrison up` or `garrison ca`',
        cause: error,
      });
    }
    throw error;
  } finally {
    client.close();
    federation.close();
    uses.close();
    jwt.close();
  }
}

/** The identity that the flags name; undefined where they name none. */
export function namedIdentity(
  flags: { readonly 'spiffe-id': string | undefined; readonly 'service-account': string | undefined },
  { trustDomain }: Config,
): SpiffeId | undefined {
  const { 'spiffe-id': id, 'service-account': account } = flags;
  if (id !== undefined && account !== undefined) {
    throw new GarrisonError('INVALID_ARGUMENT', '`--spiffe-id` and `--service-account` exclude each other');
  }
  if (id !== undefined) return parseSpiffeId(id);
  if (account === undefined) return undefined;
  const [namespace, name, ...more] = account.split('/');
  if (namespace === undefined || name === undefined || more.length > 0) {
    throw new GarrisonError('INVALID_ARGUMENT', `\`${account}\` is no service account`, {
      place: '--service-account',
      remedy: 'write it as `namespace/name`',
    });
  }
  return serviceAccountId(trustDomain, namespace, name);
}

/** Whole seconds of a duration flag; 0, which stands for the configured default, where it is absent. */
export function secondsOf(text: string | undefined, place: string): number {
  if (text === undefined) return 0;
  const ms = parseDuration(text);
  if (ms !== undefined && ms >= 1000) return Math.min(Math.floor(ms / 1000), 0xffffffff);
  throw new GarrisonError('INVALID_ARGUMENT', `\`${text}\` is no duration of a second or more`, {
    place,
    remedy: 'write `10m`, `1h30m` or `90s`',
  });
}
