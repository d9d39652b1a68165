import { MapBag, toUncompressed } from '#proto/attributes/index.ts';
import { Attributes } from '#proto/gen/istio/mixer/v1/attributes.ts';
import { ask } from '../ask.ts';
import type { Answer } from '../ask.ts';
import type { Page } from '../narrator.ts';
import type { Stage } from '../stage.ts';
import { workloadNamed } from '../workloads.ts';
import { auditRecordOf } from './audit-record.ts';
import { callAs, decisionOf, describeAnswer, statusOf } from './through-the-mesh.ts';

const deniedBy = 'bookinfo/ratings-are-for-reviews';
const productpageId = 'cluster.local/ns/bookinfo/sa/bookinfo-productpage';

export async function productpageMayNotCallRatings(stage: Stage, page: Page): Promise<void> {
  page.request('productpage → ratings: GET /ratings/0');
  const answer = await callAs(stage, 'productpage-v1', 'ratings', '/ratings/0');
  page.happened(describeAnswer(answer));
  page.check(statusOf(answer) === 403, 'productpage was not denied');
  await explainDenial(stage, page, answer);
}

/** The same call with headers that claim to be reviews: identity comes from the certificate and from nowhere else. */
export async function forgedHeaderChangesNothing(stage: Stage, page: Page): Promise<void> {
  const claim = 'cluster.local/ns/bookinfo/sa/bookinfo-reviews';
  const forged = Attributes.encode(toUncompressed(new MapBag([['source.principal', claim]]))).finish();
  const headers = {
    'x-istio-attributes': Buffer.from(forged).toString('base64'),
    'x-forwarded-client-cert': `URI=spiffe://${claim}`,
  };
  page.request(
    `productpage → ratings: GET /ratings/0, x-istio-attributes: ${headers['x-istio-attributes'].slice(0, 24)}…`,
  );
  const answer = await callAs(stage, 'productpage-v1', 'ratings', '/ratings/0', headers);
  page.happened(describeAnswer(answer));
  page.check(statusOf(answer) === 403, 'the forged header opened the door');
  await explainDenial(stage, page, answer);
}

async function explainDenial(stage: Stage, page: Page, answer: Answer): Promise<void> {
  const decision = decisionOf(answer);
  page.check(decision !== undefined, 'the denial carries no decision id');
  if (decision === undefined) return;
  page.request(`garrison audit query --decision ${decision}`);
  const record = await auditRecordOf(stage, decision);
  page.check(record !== undefined, 'the audit does not know that decision');
  if (record === undefined) return;
  const { policy, rule, revision, principal, reason } = record;
  page.happened(
    `policy ${String(policy)}, rule ${String(rule)}, revision ${String(revision)}, caller ${String(principal)}`,
  );
  page.why(String(reason));
  page.check(policy === deniedBy, `the audit names policy \`${String(policy)}\` instead of \`${deniedBy}\``);
  page.check(rule === 0, 'the audit does not name the rule');
  page.check(typeof revision === 'number' && revision >= 1, 'the audit does not name the revision');
  page.check(principal === productpageId, 'the audit does not name productpage as the caller');
}

export async function anonymousIsRefused(stage: Stage, page: Page): Promise<void> {
  const { ports } = workloadNamed(stage.workloads, 'ratings-v1');
  page.request(`nobody → ratings: GET http://127.0.0.1:${ports.inbound}/ratings/0, without TLS`);
  const answer = await ask({ port: ports.inbound, path: '/ratings/0', headers: { host: 'ratings.bookinfo.svc:9080' } });
  page.happened(describeAnswer(answer));
  page.why('PeerAuthentication istio-system/default says STRICT: no certificate, no conversation');
  page.check(answer.kind === 'none' || answer.status === 403, 'an anonymous caller was answered');
}

export async function strangerIsRefused(stage: Stage, page: Page): Promise<void> {
  const { ports } = workloadNamed(stage.workloads, 'ratings-v1');
  for (const id of [
    'spiffe://elsewhere.example/ns/bookinfo/sa/bookinfo-reviews',
    'spiffe://cluster.local/ns/bookinfo/sa/bookinfo-reviews',
  ]) {
    page.request(`a stranger → ratings, with a certificate for ${id} by another authority`);
    const answer = await ask({
      port: ports.inbound,
      path: '/ratings/0',
      certificate: await stage.strangersCertificate(id),
    });
    page.happened(describeAnswer(answer));
    page.check(answer.kind === 'none', 'a certificate of another authority was accepted');
  }
  page.why('the sidecar trusts the roots of its own trust domain only; nothing of the request is read');
}
