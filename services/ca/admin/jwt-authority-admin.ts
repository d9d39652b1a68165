import { GarrisonError } from '#proto/errors/index.ts';
import { JwtAuthorityAdminService, type JwtSigningKey } from '#proto/gen/garrison/v1/jwt-authority.ts';
import type { CallContext } from '#runtime/grpc/method.ts';
import type { GrpcServer } from '#runtime/grpc/server.ts';
import type { Authorities } from '../authority/authorities.ts';
import type { JwtDesk } from '../jwt-authority/jwt-desk.ts';
import { jwtKeyStates, type JwtKeyState } from '../jwt-authority/jwt-keys.ts';
import { toTimestamp } from './certificate-record.ts';

/** The operator's methods about the keys of JWT-SVIDs. */
export function serveJwtAuthorityAdmin(
  server: GrpcServer,
  { authorities, jwtDesk }: { readonly authorities: Authorities; readonly jwtDesk: JwtDesk },
  admit: (context: CallContext) => void,
): void {
  server
    .unary(JwtAuthorityAdminService.listJwtAuthorities, (_, context) => {
      admit(context);
      return { authorities: jwtKeyStates(authorities).map(toMessage) };
    })
    .unary(JwtAuthorityAdminService.changeJwtAuthority, async ({ step, kid }, context) => {
      admit(context);
      return toMessage(await change(jwtDesk, step, kid));
    });
}

function change(desk: JwtDesk, step: string, kid: string): Promise<JwtKeyState> {
  switch (step) {
    case 'prepare':
      return desk.prepare();
    case 'activate':
      return desk.activate(kid);
    case 'revoke':
      return desk.revoke(kid);
    default:
      throw new GarrisonError('INVALID_ARGUMENT', `\`${step.slice(0, 100)}\` is no step in the life of a key`);
  }
}

function toMessage({ jwtKey: { kid }, state, since, with: authority }: JwtKeyState): JwtSigningKey {
  return { kid, state, since: toTimestamp(since), authority: authority?.id ?? '' };
}
