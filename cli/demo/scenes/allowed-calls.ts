import { ask } from '../ask.ts';
import type { Page } from '../narrator.ts';
import type { Stage } from '../stage.ts';
import { callAs, describeAnswer, statusOf } from './through-the-mesh.ts';

export async function pageLoads(stage: Stage, page: Page): Promise<void> {
  page.request(`GET http://127.0.0.1:${stage.ingressPort}/productpage`);
  const answer = await ask({ port: stage.ingressPort, path: '/productpage' });
  const body = answer.kind === 'answer' ? answer.body : '';
  page.happened(answer.kind === 'answer' ? `${answer.status}, a page of ${body.length} bytes` : describeAnswer(answer));
  page.why('ingress → productpage → details, reviews → ratings: every hop mutual TLS, every hop asked of authz');
  page.check(statusOf(answer) === 200, 'the page did not load');
  page.check(body.includes('William Shakespeare'), 'the page has no book details');
  page.check(body.includes('An extremely entertaining play'), 'the page has no reviews');
}

export async function productpageCalls(stage: Stage, page: Page): Promise<void> {
  for (const [service, path] of [
    ['reviews', '/reviews/0'],
    ['details', '/details/0'],
  ] as const) {
    page.request(`productpage → ${service}: GET ${path}`);
    const answer = await callAs(stage, 'productpage-v1', service, path);
    page.happened(describeAnswer(answer));
    page.check(statusOf(answer) === 200, `productpage could not call ${service}`);
  }
  page.why('policies bookinfo/reviews and bookinfo/details name the service account bookinfo-productpage');
}

export async function reviewsCallRatings(stage: Stage, page: Page): Promise<void> {
  page.request('productpage → reviews: GET /reviews/0, until v2 and v3 have answered, which ask ratings');
  const colors = new Set<string>();
  for (let tried = 0; tried < 30 && colors.size < 2; tried++) {
    const answer = await callAs(stage, 'productpage-v1', 'reviews', '/reviews/0');
    if (answer.kind !== 'answer' || answer.status !== 200) continue;
    const { reviews } = JSON.parse(answer.body) as { reviews: { rating?: { color?: string } }[] };
    const color = reviews[0]?.rating?.color;
    if (color !== undefined) colors.add(color);
  }
  page.happened(`stars: ${[...colors].sort().join(' (v2), ')}${colors.size === 2 ? ' (v3)' : ''}`);
  page.why('policy bookinfo/ratings lets the service account bookinfo-reviews in');
  page.check(colors.has('black'), 'reviews v2 got no ratings');
  page.check(colors.has('red'), 'reviews v3 got no ratings');
}
