export interface Book {
  readonly author: string;
  readonly year: number;
  readonly type: string;
  readonly pages: number;
  readonly publisher: string;
  readonly language: string;
}

export interface Review {
  readonly reviewer: string;
  readonly text: string;
  readonly rating?: { readonly stars?: number; readonly color?: string; readonly error?: string };
}

export interface Page {
  readonly user: string | undefined;
  readonly title: string;
  readonly summary: string;
  /** Undefined: the service behind it did not answer. */
  readonly book: Book | undefined;
  readonly reviews: readonly Review[] | undefined;
}

export function renderPage(page: Page): string {
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>Simple Bookstore App</title>
<style>body{font-family:sans-serif;max-width:46rem;margin:2rem auto;line-height:1.5}blockquote{margin:1rem 0}</style></head>
<body>
<p>${login(page.user)}</p>
<h1>${escape(page.title)}</h1>
<p>${escape(page.summary)}</p>
<h2>Book Details</h2>
${page.book === undefined ? '<p>Sorry, product details are currently unavailable for this book.</p>' : details(page.book)}
<h2>Book Reviews</h2>
${page.reviews === undefined ? '<p>Sorry, product reviews are currently unavailable for this book.</p>' : page.reviews.map(review).join('\n')}
</body></html>
`;
}

function login(user: string | undefined): string {
  return user === undefined
    ? '<form method="post" action="/login"><input name="username" value="jason"> <button>Sign in</button></form>'
    : `${escape(user)} (<a href="/logout">sign out</a>)`;
}

function details(book: Book): string {
  const rows = [
    ['Type', book.type],
    ['Pages', String(book.pages)],
    ['Publisher', book.publisher],
    ['Language', book.language],
    ['Author', `${book.author}, ${book.year}`],
  ];
  return `<dl>${rows.map(([name = '', value = '']) => `<dt>${escape(name)}</dt><dd>${escape(value)}</dd>`).join('')}</dl>`;
}

function review(item: Review): string {
  return `<blockquote><p>${escape(item.text)}</p><small>${escape(item.reviewer)}</small> ${rating(item.rating)}</blockquote>`;
}

function rating(value: Review['rating']): string {
  if (value === undefined) return '';
  if (value.error !== undefined) return `<em>${escape(value.error)}</em>`;
  const color = value.color === 'red' ? 'red' : 'black';
  return `<span style="color:${color}">${'★'.repeat(Math.max(0, Math.min(5, value.stars ?? 0)))}</span>`;
}

const entities: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};

function escape(text: string): string {
  return text.replace(/[&<>"']/g, (sign) => entities[sign] ?? sign);
}
