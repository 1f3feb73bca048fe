/**
 * Random operations against the simplest log there is, on a disk that fails and crashes at any of its steps. What was
 * acknowledged is there; what was not is there as a whole, or not at all.
 */
import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { seeded } from '../raft/testing/seeded.ts';
import { commands, founded, LogModel, summaryOf } from './testing/log-model.ts';
import { MemoryDisk, type Fault } from './testing/memory-disk.ts';
import { openMemoryLog } from './testing/memory-log.ts';
import type { LogWrite, RaftLogFile, RecoveredLog } from './types.ts';

interface Part {
  readonly back: number;
  readonly count: number;
  readonly bytes: number;
  readonly vote: boolean;
}
interface Step {
  /** `beside`: drops while it appends, one append for each list of parts. */
  readonly type: 'append' | 'dropUpTo' | 'beside' | 'reset' | 'reopen';
  readonly appends: readonly (readonly Part[])[];
  /** Of the entries, to drop. */
  readonly share: number;
  readonly fault: { readonly kind: Fault; readonly after: number } | undefined;
}

const part = fc.record({
  back: fc.oneof({ weight: 3, arbitrary: fc.constant(0) }, fc.nat(5)),
  count: fc.nat(4),
  bytes: fc.oneof({ weight: 8, arbitrary: fc.nat(600) }, { weight: 1, arbitrary: fc.nat(6000) }),
  vote: fc.boolean(),
});
const step: fc.Arbitrary<Step> = fc.record({
  type: fc.constantFrom('append', 'append', 'append', 'beside', 'beside', 'dropUpTo', 'reset', 'reopen'),
  appends: fc.array(fc.array(part, { maxLength: 3 }), { minLength: 1, maxLength: 3 }),
  share: fc.double({ min: 0, max: 1, noNaN: true }),
  fault: fc.option(fc.record({ kind: fc.constantFrom<Fault>('crash', 'crash', 'ENOSPC', 'EIO'), after: fc.nat(15) }), {
    nil: undefined,
    freq: 2,
  }),
});

/** Coverage of the run: that it did what it is for. */
const counts = { append: 0, beside: 0, dropUpTo: 0, reset: 0, reopen: 0, crashed: 0, failed: 0 };

class Run {
  #disk: MemoryDisk;
  #model: LogModel = new LogModel(founded);
  #log: RaftLogFile | undefined;
  #term = 1;

  constructor(seed: number) {
    const random = seeded(seed);
    this.#disk = new MemoryDisk(() => random(1 << 30) / (1 << 30));
  }

  async run(steps: readonly Step[]): Promise<void> {
    this.#log = await openMemoryLog(this.#disk);
    for (const step of steps) {
      if (step.type === 'reopen') await this.#reopen();
      else await this.#tryStep(step);
    }
    await this.#log.close();
  }

  async #tryStep({ type, appends, share, fault }: Step): Promise<void> {
    const log = this.#log as RaftLogFile;
    const before = this.#model;
    const index = before.base.index + Math.floor(share * before.entries.length * (type === 'reset' ? 2 : 1));
    const base = type === 'append' ? undefined : { ...founded, index, term: this.#term };
    const writes =
      type === 'append' || type === 'beside' ? this.#writes(appends, base?.index ?? before.base.index) : [];
    if (fault !== undefined) this.#disk.failAfter(fault.after, fault.kind);
    const [rebased, appended] = await Promise.all([
      base === undefined || (type === 'reset' ? log.reset(base) : log.dropUpTo(base)).then(succeeded, failed),
      appendAll(log, writes),
    ]);
    const untouched = fault === undefined || this.#disk.disarm();
    if (untouched) expect([rebased, appended]).toEqual([true, writes.length]);
    const crashed = fault?.kind === 'crash' && !untouched;
    if (crashed) {
      this.#disk = this.#disk.afterCrash();
      this.#log = await openMemoryLog(this.#disk);
    }
    const recovered = summaryOf(crashed ? (this.#log as RaftLogFile).recovered : await this.#peek());
    const outcomes: LogModel[] = [];
    // What was cut off by a crash may have become durable; a failed drop may have come as far as its record.
    for (const count of crashed ? [appended, appended + 1] : [appended]) {
      const model = writes.slice(0, count).reduce((model, write) => model.append(write), before);
      if (!rebased || base === undefined) outcomes.push(model);
      if (base !== undefined) outcomes.push(type === 'reset' ? model.reset(base) : model.dropUpTo(base));
    }
    this.#model = outcomes.find((model) => summaryOf(model) === recovered) ?? outcomes[0] ?? before;
    expect(summaryOf(this.#model)).toBe(recovered);
    expect(await (this.#log as RaftLogFile).check()).toEqual([]);
    counts[type] += 1;
    if (crashed) counts.crashed += 1;
    else if (!untouched) counts.failed += 1;
  }

  /** That replace nothing up to `base`. */
  #writes(appends: readonly (readonly Part[])[], base: number): readonly (readonly LogWrite[])[] {
    let last = this.#model.lastIndex;
    return appends.map((parts) =>
      parts.map(({ back, count, bytes, vote }) => {
        this.#term += 1;
        const first = Math.max(base + 1, last + 1 - back);
        const hardState = vote ? { term: this.#term, votedFor: back === 0 ? undefined : 'a' } : undefined;
        if (count > 0) last = first + count - 1;
        return { hardState, entries: commands(first, count, this.#term, bytes) };
      }),
    );
  }

  async #reopen(): Promise<void> {
    await this.#log?.close();
    this.#log = await openMemoryLog(this.#disk);
    expect(summaryOf(this.#log.recovered)).toBe(summaryOf(this.#model));
    counts.reopen += 1;
  }

  /** What would be recovered now. */
  async #peek(): Promise<RecoveredLog> {
    const log = await openMemoryLog(this.#disk.copy());
    await log.close();
    return log.recovered;
  }
}

const succeeded = (): boolean => true;
const failed = (): boolean => false;

/** One after the other up to the first that fails. How many did not. */
async function appendAll(log: RaftLogFile, writes: readonly (readonly LogWrite[])[]): Promise<number> {
  let appended = 0;
  for (const write of writes) {
    if (!(await log.append(write).then(succeeded, failed))) break;
    appended += 1;
  }
  return appended;
}

describe('the Raft log on a disk that fails', () => {
  it('is what a simple model is, before and after crashes', async () => {
    const steps = fc.array(step, { minLength: 10, maxLength: 60, size: 'max' });
    const property = fc.asyncProperty(steps, fc.nat(), (list, seed) => new Run(seed).run(list));
    await fc.assert(property, { numRuns: Number(process.env['LOG_RUNS'] ?? 60) });
    for (const [what, count] of Object.entries(counts)) expect([what, count > 20]).toEqual([what, true]);
  }, 120_000);
});
