/**
 * Small letters for A to Z and for nothing else, as protocols compare without case (RFC 4343, RFC 9110 §5.1): by Unicode's
 * rules a Kelvin sign would be a `k`, and a name that nobody wrote into a policy would match it.
 */
export function lowerCase(text: string): string {
  const lower = text.toLowerCase();
  return lower === text || !foreign.test(text) ? lower : text.replace(capitals, (letters) => letters.toLowerCase());
}

const foreign = /[^\0-\x7f]/;
const capitals = /[A-Z]+/g;
