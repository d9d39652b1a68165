/** Control characters, invisible ones and direction marks: what a terminal obeys or hides instead of showing. */
// eslint-disable-next-line no-control-regex -- control characters are what is looked for
const deceptive = /[\u0000-\u001f\u007f-\u009f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]/g;

/** Text that others chose, as it may be written to a terminal. */
export function printable(text: string): string {
  return text.replace(deceptive, (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`);
}
