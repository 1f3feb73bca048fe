import { mkdtempSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import type { Pod } from '@timonel/sdk/kube';
import { createRecordingLogger, manualEnv } from '@timonel/testkit';
import { fullNameOf } from './identity.ts';
import { StaticPods } from './static-pods.ts';

const manifest = (name: string, image: string) =>
  JSON.stringify({ apiVersion: 'v1', kind: 'Pod', metadata: { name }, spec: { containers: [{ name: 'c', image }] } });

/** What somebody does to the directory, or the node to its pods. */
type Step =
  | { readonly kind: 'write'; readonly file: number; readonly name: number; readonly image: number }
  | { readonly kind: 'spoil' | 'remove'; readonly file: number }
  | { readonly kind: 'end' };

const small = fc.integer({ min: 0, max: 2 });
const step: fc.Arbitrary<Step> = fc.oneof(
  fc.record({ kind: fc.constant('write' as const), file: small, name: small, image: small }),
  fc.record({ kind: fc.constantFrom('spoil' as const, 'remove' as const), file: small }),
  fc.record({ kind: fc.constant('end' as const) }),
);

/** A node whose pods take their time to end. */
class Machine {
  readonly #directory: string = mkdtempSync(join(tmpdir(), 'timonel-static-property-'));
  readonly #path = join(this.#directory, 'manifests');
  /** The last good version by file. */
  readonly #good = new Map<number, string>();
  readonly #worked = new Map<string, Pod>();
  readonly #ending = new Set<string>();
  readonly #statics = new StaticPods({
    path: this.#path,
    nodeName: 'n',
    env: manualEnv(),
    log: createRecordingLogger(),
    intervalMs: 20_000,
    worked: () => [...this.#worked.values()],
    begin: (pod) => {
      // Two pods of one name never run at the same time.
      expect([...this.#worked.values()].map(fullNameOf)).not.toContain(fullNameOf(pod));
      this.#worked.set(pod.metadata.uid ?? '', pod);
    },
    end: ({ metadata: { uid = '' } }) => void this.#ending.add(uid),
    refused: () => undefined,
    changed: () => undefined,
  });

  async begin(): Promise<void> {
    mkdirSync(this.#path);
    await this.#statics.read();
    this.#statics.start();
  }

  async take(given: Step): Promise<void> {
    if (given.kind === 'end') return this.end();
    const file = join(this.#path, `${given.file}.json`);
    if (given.kind === 'write') {
      const text = manifest(`pod-${given.name}`, `img:${given.image}`);
      writeFileSync(file, text);
      this.#good.set(given.file, text);
    } else if (given.kind === 'spoil') writeFileSync(file, '{');
    else {
      rmSync(file, { force: true });
      this.#good.delete(given.file);
    }
    await this.#statics.read();
  }

  /** What was told to end is gone. */
  end(): void {
    for (const uid of this.#ending) this.#worked.delete(uid);
    this.#ending.clear();
    this.#statics.settle();
  }

  running(): string[] {
    return [...this.#worked.values()]
      .map(({ metadata, spec }) => `${metadata.name} ${spec.containers[0]?.image}`)
      .toSorted();
  }

  /** Of each name that of the first file which has it. */
  declared(): string[] {
    const byName = new Map<string, string>();
    for (const [, text] of [...this.#good].toSorted(([a], [b]) => a - b)) {
      const { metadata, spec } = JSON.parse(text) as Pod;
      const name = `${metadata.name}-n`;
      if (!byName.has(name)) byName.set(name, `${name} ${spec.containers[0]?.image}`);
    }
    return [...byName.values()].toSorted();
  }

  async close(): Promise<void> {
    await this.#statics.stop();
    rmSync(this.#directory, { recursive: true });
  }
}

describe('whatever is done to the manifests', () => {
  it('in the end those pods run that the last good versions declare, and no name ever twice', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 15 }), async (steps) => {
        const machine = new Machine();
        try {
          await machine.begin();
          for (const each of steps) await machine.take(each);
          machine.end();
          expect(machine.running()).toEqual(machine.declared());
        } finally {
          await machine.close();
        }
      }),
      { numRuns: 60 },
    );
  });
});
