import { readRequest } from '#ca/csr/read-request.ts';
import { asGarrisonError, GarrisonError, toGrpcStatus } from '#proto/errors/index.ts';
import type {
  EntryRequest,
  SignedX509,
  SignX509Request,
  SignX509Response,
  SignX509Result,
} from '#proto/gen/garrison/v1/node-entries.ts';
import type { UnaryHandler } from '#runtime/grpc/method.ts';
import type { Registrations } from '#services/workload/registrations.ts';
import type { IssuingDesk } from '../issuing/desk.ts';
import { issueRegistered } from '../issuing/issue-registered.ts';
import { Turns } from './turns.ts';
import { authenticateNode, rightsOf, type NodeCaller, type NodeDirectory, type NodeRights } from './node-caller.ts';

const maxRequests = 500;
/** Enough for the ledger to write many at once; beyond it more at once means only that all are done later. */
const maxSigning = 256;

/**
 * garrison.v1.Node/SignX509. Entitlement is looked up for each request when it is signed, never remembered from an earlier
 * answer: an authority that signed whatever a node asked for is how CVE-2021-27098 of SPIRE came about.
 */
export function signX509(desk: IssuingDesk, directory: NodeDirectory): UnaryHandler<SignX509Request, SignX509Response> {
  const turns = new Turns(maxSigning);
  return async ({ requests }, context) => {
    const node = await authenticateNode(context, directory);
    if (requests.length > maxRequests) {
      throw new GarrisonError('INVALID_ARGUMENT', `${requests.length} requests are more than ${maxRequests}`, {
        remedy: 'ask more often for fewer',
      });
    }
    const rights = currentRights(node, directory.registrations);
    // Batches end in the order in which they came, and what nobody waits for any more is not signed: after a taint every
    // node comes at once, and work for those who have given up would make the others give up, too.
    const one = (request: EntryRequest): Promise<SignX509Result> =>
      turns.take(async () => {
        context.signal.throwIfAborted();
        return answer(request, node, rights(), desk);
      });
    return { results: await Promise.all(requests.map(one)) };
  };
}

/** By the documents in force when it is asked, which may be others than when the batch came. */
function currentRights(node: NodeCaller, registrations: Registrations): () => NodeRights {
  let read = registrations.current;
  let rights = rightsOf(node, registrations);
  return () => {
    if (registrations.current !== read) {
      read = registrations.current;
      rights = rightsOf(node, registrations);
    }
    return rights;
  };
}

async function answer(
  request: EntryRequest,
  node: NodeCaller,
  rights: NodeRights,
  desk: IssuingDesk,
): Promise<SignX509Result> {
  try {
    return { outcome: { $case: 'signed', value: await sign(request, node, rights, desk) } };
  } catch (error) {
    const { code, message } = asGarrisonError(error);
    return { outcome: { $case: 'refusal', value: { code: toGrpcStatus(code), message } } };
  }
}

async function sign(
  { entry, csr }: EntryRequest,
  { caller }: NodeCaller,
  rights: NodeRights,
  desk: IssuingDesk,
): Promise<SignedX509> {
  const registration = rights.entry(entry);
  const leaf = await issueRegistered(desk, registration, readRequest(csr).publicKey, caller);
  return { chain: leaf.chain.map((der) => Buffer.from(der)), authority: leaf.authority };
}
