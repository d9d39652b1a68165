import { ask } from './ask.ts';

/** Loads the page over and over until stopped, and remembers every time it did not come whole. */
export class BackgroundLoad {
  readonly #port: number;
  #answered = 0;
  readonly #failures: string[] = [];
  #stopped = false;
  readonly #done: Promise<void>;

  constructor(port: number) {
    this.#port = port;
    this.#done = this.#run();
  }

  get answered(): number {
    return this.#answered;
  }

  get failures(): readonly string[] {
    return this.#failures;
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    await this.#done;
  }

  async #run(): Promise<void> {
    // A reader who clicks: one page at a time, so that the machine stays free for the story.
    while (!this.#stopped) {
      const answer = await ask({ port: this.#port, path: '/productpage' });
      if (answer.kind === 'none') this.#failures.push(answer.reason);
      else if (answer.status !== 200) this.#failures.push(`status ${answer.status}`);
      else if (answer.body.includes('currently unavailable'))
        this.#failures.push('the page came without all its parts');
      this.#answered++;
      await new Promise((resolve) => setTimeout(resolve, 40));
    }
  }
}
