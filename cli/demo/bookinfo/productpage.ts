import { call, forwardedHeaders } from './call.ts';
import type { Answer } from './call.ts';
import { renderPage } from './page.ts';
import type { Book, Review } from './page.ts';
import { json } from './service.ts';
import type { Asked, Reply, Service } from './service.ts';
import type { Settings } from './settings.ts';

const products = [
  {
    id: 0,
    title: 'The Comedy of Errors',
    descriptionHtml:
      "The Comedy of Errors is one of William Shakespeare's early plays: his shortest, and one of his most farcical.",
  },
];

export function productpage(settings: Settings): Service {
  const { upstreams } = settings;
  const headersOf = (asked: Asked): Record<string, string> => {
    const headers = forwardedHeaders(asked.headers);
    // Whoever is logged in is the end user; a header from outside is not believed.
    delete headers['end-user'];
    const user = loggedIn(asked);
    return user === undefined ? headers : { ...headers, 'end-user': user };
  };
  const getDetails = (asked: Asked, id: string): Promise<Answer> =>
    call(settings, upstreams.details, `/details/${id}`, headersOf(asked), 3_000);
  const getReviews = async (asked: Asked, id: string): Promise<Answer> => {
    // Tried twice, as the original does: with a delay of 7 s behind it that is the bug people are meant to find.
    const first = await call(settings, upstreams.reviews, `/reviews/${id}`, headersOf(asked), 3_000);
    return first.status === 200 ? first : call(settings, upstreams.reviews, `/reviews/${id}`, headersOf(asked), 3_000);
  };

  return async (asked) => {
    const { path, method } = asked;
    if (path === '/health') return { status: 200, body: 'Product page is healthy' };
    if (path === '/login' && method === 'POST') return login(await asked.body());
    if (path === '/logout') return redirect('user=; Path=/; Max-Age=0');
    if (path === '/' || path === '/productpage') {
      const [details, reviews] = await Promise.all([getDetails(asked, '0'), getReviews(asked, '0')]);
      return {
        status: 200,
        type: 'text/html; charset=utf-8',
        body: renderPage({
          user: loggedIn(asked),
          title: products[0]?.title ?? '',
          summary: products[0]?.descriptionHtml ?? '',
          book: details.status === 200 ? (JSON.parse(details.body) as Book) : undefined,
          reviews: reviews.status === 200 ? (JSON.parse(reviews.body) as { reviews: Review[] }).reviews : undefined,
        }),
      };
    }
    if (path === '/api/v1/products') return json(200, products);
    const [, id, part] = /^\/api\/v1\/products\/(\d+)(?:\/(reviews|ratings))?$/.exec(path) ?? [];
    if (id === undefined) return json(404, { error: 'not found' });
    if (part === 'reviews') return passOn(await getReviews(asked, id), 'product reviews');
    if (part === 'ratings') {
      return passOn(
        await call(settings, upstreams.ratings, `/ratings/${id}`, headersOf(asked), 3_000),
        'product ratings',
      );
    }
    return passOn(await getDetails(asked, id), 'product details');
  };
}

/** The API answers with what the service behind it answered, and why it could not where it could not. */
function passOn(answer: Answer, what: string): Reply {
  const id = answer.headers['x-garrison-decision'];
  const headers = typeof id === 'string' ? { 'x-garrison-decision': id } : {};
  if (answer.status === 200) return { status: 200, type: 'application/json', body: answer.body };
  const error = `Sorry, ${what} are currently unavailable for this book.`;
  return json(answer.status === 0 ? 500 : answer.status, { error, answer: answer.body }, headers);
}

function loggedIn(asked: Asked): string | undefined {
  const [, user] = /(?:^|;\s*)user=([A-Za-z0-9_-]{1,32})/.exec(asked.headers.cookie ?? '') ?? [];
  return user;
}

function login(form: string): Reply {
  const user = new URLSearchParams(form).get('username') ?? '';
  if (!/^[A-Za-z0-9_-]{1,32}$/.test(user)) return json(400, { error: 'please provide a user name' });
  return redirect(`user=${user}; Path=/; HttpOnly; SameSite=Lax`);
}

function redirect(cookie: string): Reply {
  return { status: 302, body: '', headers: { location: '/productpage', 'set-cookie': cookie } };
}
