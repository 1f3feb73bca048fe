/** Seeded faults, each with its root cause: the explainer must name it first. */
import { describe, expect, it } from '@jest/globals';
import { whyLimitBytes, type Why } from '@timonel/sdk/contracts/why';
import type { Fault } from './fault.ts';
import { mixedFaults } from './faults-mixed.ts';
import { nodeFaults } from './faults-nodes.ts';
import { queueFaults } from './faults-queue.ts';
import { relationFaults } from './faults-relations.ts';
import { resourceFaults } from './faults-resources.ts';
import { volumeFaults } from './faults-volumes.ts';
import { explainFault } from './harness.ts';

const faults: readonly Fault[] = [
  ...resourceFaults,
  ...nodeFaults,
  ...relationFaults,
  ...volumeFaults,
  ...queueFaults,
  ...mixedFaults,
];

/** What is wrong with the answer; empty: it is right. */
function problems({ expected }: Fault, { causes }: Why): string[] {
  const [root] = causes;
  if (root === undefined) return ['no cause'];
  const { code, plugin, text = '', unblock = '' } = expected;
  return [
    ...(root.code === code ? [] : [`code is ${root.code}`]),
    ...(plugin === undefined || root.plugin === plugin ? [] : [`plugin is ${root.plugin}`]),
    ...(root.text.includes(text) ? [] : [`text is ${root.text}`]),
    ...((root.unblock ?? '').includes(unblock) ? [] : [`what would help is ${root.unblock}`]),
  ];
}

describe('seeded faults', () => {
  it('have names of their own, and are at least 50', () => {
    expect(new Set(faults.map(({ name }) => name)).size).toBe(faults.length);
    expect(faults.length).toBeGreaterThanOrEqual(50);
  });

  // Nine of ten would be good; it is all of them, and is to stay so.
  it('have their root cause named first', async () => {
    const wrong: string[] = [];
    const rows: string[] = [];
    for (const fault of faults) {
      const why = await explainFault(fault);
      expect(Buffer.byteLength(JSON.stringify(why))).toBeLessThanOrEqual(whyLimitBytes);
      const found = problems(fault, why);
      rows.push(`${found.length === 0 ? 'ok   ' : 'WRONG'} ${fault.name}: ${why.causes[0]?.code}`);
      if (found.length > 0) wrong.push(`${fault.name}: ${found.join(', ')}`);
    }
    console.log(`${rows.join('\n')}\n${faults.length - wrong.length} of ${faults.length} root causes are right`);
    expect(wrong).toEqual([]);
  });
});
