import { describe, expect, it } from '@jest/globals';
import type { NodePart, NodePartStatus } from '@timonel/sdk/contracts/node-parts';
import { nodePartsStatus, onNodePartChange } from './node-parts.ts';

class TestPart implements NodePart {
  readonly listeners = new Set<() => void>();
  readonly #status: NodePartStatus;
  constructor(status: NodePartStatus) {
    this.#status = status;
  }
  status(): NodePartStatus {
    return this.#status;
  }
  onChange(listener: () => void): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }
}

function bench(...all: TestPart[]) {
  let changed = (): void => undefined;
  const parts = {
    all: () => all.map((service, index) => ({ plugin: `p${index}`, service })),
    onChange: (listener: () => void) => void (changed = listener),
  };
  return { all, parts, cameOrWent: () => changed() };
}

describe('parts of a node', () => {
  it('are told together; what the first says of a resource holds', () => {
    const first = new TestPart({ capacity: { a: '1' }, allocatable: { a: '0' }, volumesInUse: ['v'] });
    const second = new TestPart({ capacity: { a: '9', b: '2' }, volumesInUse: ['w'] });
    expect(nodePartsStatus(bench(first, second).parts)).toEqual({
      capacity: { a: '1', b: '2' },
      allocatable: { a: '0' },
      volumesInUse: ['v', 'w'],
    });
  });

  it('are followed as they come, change and go, until that ends', () => {
    const { all, parts, cameOrWent } = bench(new TestPart({}));
    let told = 0;
    const end = onNodePartChange(parts, () => (told += 1));
    for (const listener of all[0]?.listeners ?? []) listener();
    expect(told).toBe(1);
    all.push(new TestPart({}));
    cameOrWent();
    expect([told, all[0]?.listeners.size, all[1]?.listeners.size]).toEqual([2, 1, 1]);
    end();
    cameOrWent();
    expect([told, all[0]?.listeners.size, all[1]?.listeners.size]).toEqual([2, 0, 0]);
  });
});
