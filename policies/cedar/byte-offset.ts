/** Cedar counts the bytes of UTF-8, JavaScript the code units of UTF-16. */
export function indexOfByte(text: string, byte: number): number {
  let index = 0;
  for (let passed = 0; passed < byte && index < text.length;) {
    const code = text.codePointAt(index) ?? 0;
    passed += code < 0x80 ? 1 : code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
    index += code < 0x10000 ? 1 : 2;
  }
  return index;
}
