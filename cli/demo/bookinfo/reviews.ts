import { call, forwardedHeaders } from './call.ts';
import { json, productId } from './service.ts';
import type { Asked, Service } from './service.ts';
import type { Settings } from './settings.ts';

const texts = {
  Reviewer1: 'An extremely entertaining play by Shakespeare. The slapstick humour is refreshing!',
  Reviewer2:
    'Absolutely fun and entertaining. The play lacks thematic depth when compared to other plays by Shakespeare.',
};

/** v1 asks nobody; v2 shows the ratings as black stars, v3 as red ones. */
export function reviews(settings: Settings): Service {
  const color = { v2: 'black', v3: 'red' }[settings.version];
  return async (asked) => {
    if (asked.path === '/health') return json(200, { status: 'Reviews is healthy' });
    const id = productId(asked.path, '/reviews');
    if (id === undefined) return json(404, { error: 'not found' });
    const stars = color === undefined ? undefined : await askRatings(settings, asked, id, color);
    const rating = (reviewer: 'Reviewer1' | 'Reviewer2'): object =>
      color === undefined
        ? {}
        : {
            rating:
              stars === undefined
                ? { error: 'Ratings service is currently unavailable' }
                : { stars: stars[reviewer] ?? -1, color },
          };
    return json(200, {
      id,
      podname: `reviews-${settings.version}`,
      clustername: 'null',
      reviews: (['Reviewer1', 'Reviewer2'] as const).map((reviewer) => ({
        reviewer,
        text: texts[reviewer],
        ...rating(reviewer),
      })),
    });
  };
}

async function askRatings(
  settings: Settings,
  asked: Asked,
  id: string,
  color: string,
): Promise<Partial<Record<string, number>> | undefined> {
  const timeoutMs = color === 'black' ? 10_000 : 2_500;
  const answer = await call(
    settings,
    settings.upstreams.ratings,
    `/ratings/${id}`,
    forwardedHeaders(asked.headers),
    timeoutMs,
  );
  if (answer.status !== 200) return undefined;
  const value = JSON.parse(answer.body) as { ratings?: Record<string, number> };
  return value.ratings;
}
