/** Input as it may stand in a message: short, on one line, without control characters. */
export function quoteable(input: string, most = 80): string {
  const short = input.length > most ? `${input.slice(0, most - 3)}...` : input;
  return short.replace(/[\p{Cc}\u2028\u2029\u202a-\u202e\u2066-\u2069\ufeff\ud800-\udfff]/gu, (character) => {
    const code = character.codePointAt(0) ?? 0;
    return code < 0x100 ? `\\x${code.toString(16).padStart(2, '0')}` : `\\u${code.toString(16).padStart(4, '0')}`;
  });
}
