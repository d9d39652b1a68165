import { authorityId } from '#ca/authority-id.ts';
import { readRequest } from '#ca/csr/read-request.ts';
import { isDnsName } from '#ca/issue/dns-name.ts';
import { parseSerial } from '#ca/issue/serial.ts';
import { parseSpiffeId, type SpiffeId, type TrustDomain } from '#ca/spiffe-id.ts';
import { GarrisonError } from '#proto/errors/index.ts';
import {
  IdentityAdminService,
  type Authority as AuthorityMessage,
  type TrustBundle,
} from '#proto/gen/garrison/v1/identity.ts';
import type { Registrations } from '#services/workload/registrations.ts';
import type { CallContext } from '#runtime/grpc/method.ts';
import type { GrpcServer } from '#runtime/grpc/server.ts';
import type { Authorities, Authority } from '../authority/authorities.ts';
import type { AuthorityDesk } from '../authority/authority-desk.ts';
import { registeredAs } from '../certificate-service/authenticate-token.ts';
import type { Revocations } from '../revocations.ts';
import type { IssuingDesk } from '../issuing/desk.ts';
import { entryStates, type EntryState, type Ledger } from '../ledger/port.ts';
import type { TokenDesk } from '../tokens/token-desk.ts';
import { issuersOf } from './issuers-of.ts';
import { fromTimestamp, toRecord, toTimestamp } from './certificate-record.ts';

export interface AdminSurroundings {
  readonly trustDomain: TrustDomain;
  readonly desk: IssuingDesk;
  readonly tokens: TokenDesk;
  readonly ledger: Ledger;
  readonly authorities: Authorities;
  readonly authorityDesk: AuthorityDesk;
  readonly revocations: Revocations;
  readonly registrations: Registrations;
  readonly defaultTokenSeconds: number;
}

/** The operator's methods. They are served only on the unix socket that the state folder's owner alone may open. */
export function serveIdentityAdmin(server: GrpcServer, around: AdminSurroundings): void {
  const { desk, tokens, ledger, authorities, authorityDesk, revocations, registrations, trustDomain } = around;
  const ownId = (text: string): SpiffeId => readOwnId(text, trustDomain);
  server
    .unary(IdentityAdminService.createToken, async (request, context) => {
      admit(context);
      const { record, text } = await tokens.create({
        ...(request.spiffeId === '' ? {} : { id: ownId(request.spiffeId) }),
        ...(request.name === '' ? {} : { name: request.name }),
        dnsNames: request.dnsNames,
        ttlSeconds: request.ttlSeconds === 0 ? around.defaultTokenSeconds : request.ttlSeconds,
      });
      const { id, name, expiresAt } = record;
      const unregistered = name !== '' && registeredAs(name, registrations.current ?? []) === undefined;
      return { id, token: text, expires: toTimestamp(expiresAt), unregistered };
    })
    .unary(IdentityAdminService.listCertificates, async (request, context) => {
      admit(context);
      const entries = await ledger.list({
        spiffeId: request.spiffeId === '' ? undefined : request.spiffeId,
        caller: request.caller === '' ? undefined : request.caller,
        state: readState(request.state),
        from: fromTimestamp(request.from),
        to: fromTimestamp(request.to),
        before: request.before === 0n ? undefined : Number(request.before),
        limit: request.limit === 0 ? 100 : Math.min(request.limit, 1000),
      });
      return { certificates: entries.map((entry) => toRecord(entry, false)) };
    })
    .unary(IdentityAdminService.getCertificate, async (request, context) => {
      admit(context);
      const serial = parseSerial(request.serial);
      const entry = serial === undefined ? undefined : await ledger.find(serial);
      if (entry !== undefined) return toRecord(entry, true, await issuersOf(entry, around));
      throw new GarrisonError('NOT_FOUND', `no certificate has the serial \`${request.serial.slice(0, 100)}\``, {
        remedy: '`garrison identity list` shows those there are',
      });
    })
    .unary(IdentityAdminService.mint, async (request, context) => {
      admit(context);
      const bad = request.dnsNames.find((name) => !isDnsName(name));
      if (bad !== undefined) {
        throw new GarrisonError('INVALID_ARGUMENT', `\`${bad.slice(0, 100)}\` is no DNS name`, {
          remedy: 'write it in lower case, without a port',
        });
      }
      const leaf = await desk.issue(
        {
          id: ownId(request.spiffeId),
          dnsNames: request.dnsNames,
          publicKey: readRequest(request.csr).publicKey,
          ttlSeconds: request.ttlSeconds,
        },
        { caller: 'admin', grant: 'admin' },
      );
      const chain = leaf.chain.map((der) => Buffer.from(der));
      return { chain, bundle: trustBundle(around).roots, serial: leaf.serial };
    })
    .unary(IdentityAdminService.getBundle, (_, context) => {
      admit(context);
      return trustBundle(around);
    })
    .unary(IdentityAdminService.listAuthorities, (_, context) => {
      admit(context);
      return { authorities: authorities.all.map(toAuthority) };
    })
    .unary(IdentityAdminService.changeAuthority, async ({ step, id }, context) => {
      admit(context);
      return toAuthority(await changeAuthority(authorityDesk, step, id));
    })
    .unary(IdentityAdminService.revokeCertificate, async ({ serial, spiffeId, reason }, context) => {
      admit(context);
      const why = reason === '' ? 'unspecified' : reason.slice(0, 1000);
      if (serial === '') return { serials: await revocations.revokeIdentity(ownId(spiffeId).toString(), why) };
      const known = parseSerial(serial);
      if (known === undefined) throw new GarrisonError('INVALID_ARGUMENT', `\`${serial.slice(0, 100)}\` is no serial`);
      await revocations.revokeSerial(known, why, authorities);
      return { serials: [known] };
    });
}

function changeAuthority(desk: AuthorityDesk, step: string, id: string): Promise<Authority> {
  switch (step) {
    case 'prepare':
      return desk.prepare('as before');
    case 'prepare-new-root':
      return desk.prepare();
    case 'activate':
      return desk.activate(id);
    case 'taint':
      return desk.taint(id);
    case 'revoke':
      return desk.revokeAlone(id);
    case 'renew-issuing':
      return desk.renewIssuing();
    default:
      throw new GarrisonError('INVALID_ARGUMENT', `\`${step.slice(0, 100)}\` is no step in the life of an authority`);
  }
}

export function toAuthority({ id, state, since, root, issuing }: Authority): AuthorityMessage {
  return {
    id,
    state,
    since: toTimestamp(since),
    rootExpires: toTimestamp(root.validity.notAfter),
    issuingExpires: toTimestamp(issuing.validity.notAfter),
    root: authorityId(root),
  };
}

export function trustBundle(
  around: Pick<AdminSurroundings, 'authorities' | 'trustDomain' | 'revocations'>,
): TrustBundle {
  const { authorities, trustDomain, revocations } = around;
  const buffers = (ders: readonly Uint8Array[]): Buffer[] => ders.map((der) => Buffer.from(der));
  return {
    trustDomain,
    roots: buffers(authorities.bundle()),
    tainted: buffers(authorities.tainted()),
    sequence: BigInt(authorities.sequence),
    revoked: [...revocations.serials],
    spent: revocations.spent(authorities),
    refused: buffers(revocations.refused(authorities)),
  };
}

/** The socket's mode keeps others out; the kernel's word on who calls keeps them out once more. */
export function admit({ peer }: CallContext): void {
  const own = process.geteuid?.();
  const { unix } = peer;
  // Where the kernel does not tell, the mode of the socket has to do.
  if (unix === undefined && peer.port === 0) return;
  if (unix !== undefined && (unix.uid === own || unix.uid === 0)) return;
  throw new GarrisonError('PERMISSION_DENIED', 'only the owner of the state folder may do this');
}

function readOwnId(text: string, trustDomain: TrustDomain): SpiffeId {
  const id = parseSpiffeId(text);
  if (id.trustDomain === trustDomain && id.path !== '') return id;
  const message =
    id.path === '' ? `\`${text}\` names a trust domain, not a workload` : `\`${text}\` is not of this trust domain`;
  throw new GarrisonError('INVALID_ARGUMENT', message, { remedy: `write \`spiffe://${trustDomain}/…\`` });
}

function readState(text: string): EntryState | undefined {
  if (text === '') return undefined;
  const state = entryStates.find((known) => known === text);
  if (state !== undefined) return state;
  throw new GarrisonError('INVALID_ARGUMENT', `\`${text.slice(0, 100)}\` is no state of a certificate`, {
    remedy: `choose one of ${entryStates.map((known) => `\`${known}\``).join(', ')}`,
  });
}
