/** Readers come, stall and go at random while one writes: nothing is lost, doubled or out of order, for nobody. */
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { createRealEnv } from '@timonel/core';
import { until } from '@timonel/testkit';
import { Bed } from './testing/bed.ts';

const bed = new Bed(createRealEnv());
beforeAll(() => bed.open(), 60_000);
afterEach(() => bed.removeAll());
afterAll(() => bed.close());

const steps = 400;

/** mulberry32 */
function randomOf(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (state + 0x6d_2b_79_f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) % below;
  };
}

class Reader {
  text = '';
  readonly #session: Awaited<ReturnType<Bed['runtime']['attach']>>;

  constructor(session: Awaited<ReturnType<Bed['runtime']['attach']>>) {
    this.#session = session;
    session.stdout.on('data', (chunk: Buffer) => (this.text += chunk.toString()));
  }

  stall(): void {
    this.#session.stdout.pause();
  }

  goOn(): void {
    this.#session.stdout.resume();
  }

  leave(): void {
    this.#session.kill();
  }

  async write(text: string): Promise<void> {
    const { stdin } = this.#session;
    if (stdin?.write(text) === false) await new Promise((resolve) => stdin.once('drain', resolve));
  }
}

describe('attached at random', () => {
  it.each([1, 2, 3])('seed %i', async (seed) => {
    const random = randomOf(seed);
    const id = await bed.started(await bed.sandbox(), ['cat'], { stdin: true });
    const attach = async (stdin: boolean): Promise<Reader> => new Reader(await bed.runtime.attach(id, { stdin }));
    const writer = await attach(true);
    const present: Reader[] = [];
    const all: Reader[] = [];
    let sent = '';
    for (let step = 0; step < steps; step += 1) {
      const line = `${step} ${'x'.repeat(random(step % 20 === 0 ? 20_000 : 200))}\n`;
      sent += line;
      await writer.write(line);
      const some = present[random(Math.max(1, present.length))];
      const choice = random(5);
      if (choice === 0 && present.length < 12) {
        const reader = await attach(false);
        present.push(reader);
        all.push(reader);
      } else if (choice === 1) some?.stall();
      else if (choice === 2) some?.goOn();
      else if (choice === 3 && some !== undefined && random(2) === 0) {
        present.splice(present.indexOf(some), 1);
        some.leave();
      }
    }
    await until(() => writer.text.length >= sent.length, { what: 'all to come back' });
    expect(writer.text === sent).toBe(true);
    for (const reader of present) reader.goOn();
    await until(() => present.every(({ text }) => sent.endsWith(text.slice(-1000))), { what: 'those who stayed' });
    expect(all.length).toBeGreaterThan(10);
    for (const { text } of all) expect(sent.includes(text)).toBe(true);
    const status = await bed.runtime.containerStatus(id);
    if (status === undefined) throw new Error('the container is gone');
    const logged = (): string => bed.logText(status, 'stdout');
    await until(() => logged().includes(`\n${steps - 1} `), { what: 'the log' });
    // A line longer than 16 KiB is in the log in two parts.
    expect(logged().replaceAll('\n', '')).toBe(sent.replaceAll('\n', ''));
    for (const reader of [writer, ...present]) reader.leave();
  });
});
