/** Tells the story on stdout, and keeps count of what did not go as told. */
export class Narrator {
  readonly #write: (text: string) => void;
  readonly #elapsedMs: () => number;
  #step = 0;
  #failures: string[] = [];

  constructor(options: { write: (text: string) => void; elapsedMs: () => number }) {
    this.#write = options.write;
    this.#elapsedMs = options.elapsedMs;
  }

  get failures(): readonly string[] {
    return this.#failures;
  }

  say(text = ''): void {
    this.#write(`${text}\n`);
  }

  /** Tells one step: its title, then what `tell` says, then whether every claim in it held. */
  async step(title: string, tell: (page: Page) => Promise<void>): Promise<void> {
    const began = this.#elapsedMs();
    this.#step++;
    const name = `${this.#step}. ${title}`;
    this.say(`\n${name}`);
    const page = new Page((text) => this.say(text));
    try {
      await tell(page);
    } catch (error) {
      page.check(false, `the step ended early: ${error instanceof Error ? error.message : String(error)}`);
    }
    const seconds = ((this.#elapsedMs() - began) / 1000).toFixed(1);
    this.say(page.wrong.length === 0 ? `   as told (${seconds} s)` : `   NOT AS TOLD (${seconds} s)`);
    this.#failures.push(...page.wrong.map((what) => `${name}: ${what}`));
  }
}

/** What one step says. Every line that claims something is checked. */
export class Page {
  readonly #say: (text: string) => void;
  readonly wrong: string[] = [];

  constructor(say: (text: string) => void) {
    this.#say = say;
  }

  request(what: string): void {
    this.#say(`   > ${what}`);
  }

  happened(what: string): void {
    this.#say(`   < ${what}`);
  }

  why(what: string): void {
    this.#say(`     ${what}`);
  }

  /** Records what was expected and did not come. */
  check(held: boolean, otherwise: string): void {
    if (held) return;
    this.wrong.push(otherwise);
    this.#say(`   ! ${otherwise}`);
  }
}
