/** Whether a host or server name has a control character or a space. The last good name is known: most requests repeat it. */
export class NameCheck {
  #lastGood = '';

  isBroken(name: string): boolean {
    if (name === this.#lastGood) return false;
    for (let at = 0; at < name.length; at++) {
      const code = name.charCodeAt(at);
      if (code <= 0x20 || code === 0x7f) return true;
    }
    if (name.length <= 256) this.#lastGood = name;
    return false;
  }
}
