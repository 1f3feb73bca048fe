/** Agent and runtime are ended at every step of a pod's start and stop: all is repaired, and the page lists every step. */
import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from '@jest/globals';
import type { FaultTable } from './fault-table.ts';
import { titles } from './page.ts';
import { stepsOnPage } from './read-page.ts';

const root = join(import.meta.dirname, '..', '..');
const isRoot = process.getuid?.() === 0;

/** In a process of its own, as the program of the node is made there. */
async function quickTable(): Promise<FaultTable> {
  const directory = mkdtempSync(join(tmpdir(), 'timonel-fault-table-'));
  const file = join(directory, 'table.json');
  const words = ['--conditions', 'timonel-source', join(root, 'scripts', 'reliability.mjs'), '--quick', file];
  const child = spawn(process.execPath, words, { stdio: ['ignore', 'ignore', 'pipe'] });
  let errors = '';
  child.stderr.on('data', (chunk: Buffer) => (errors += chunk.toString()));
  try {
    await new Promise((resolve) => child.once('close', resolve));
    return JSON.parse(readFileSync(file, 'utf8')) as FaultTable;
  } catch (error) {
    throw new Error(`no table was made: ${errors}`, { cause: error });
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

(isRoot ? describe : describe.skip)(`a node that is ended at each of its steps${isRoot ? '' : ' (needs root)'}`, () => {
  let table: FaultTable;
  beforeAll(async () => {
    table = await quickTable();
  }, 300_000);

  it('repairs all of it, disturbs nothing and leaves nothing', () => {
    expect(table.rows.filter(({ outcome }) => outcome !== 'repaired')).toEqual([]);
    for (const phase of ['start', 'stop'] as const) {
      const killed = new Set(table.rows.filter((row) => row.phase === phase).map((row) => row.killed));
      expect(killed).toEqual(new Set(['the agent, during it', 'the runtime, during it']));
    }
    expect(table.endedOfRuntime).toBeGreaterThan(table.rows.length / 2);
  });

  it('has after many pods what it had before', () => {
    expect(table.many).toMatchObject({ pods: 100, outcome: 'repaired' });
    expect(table.many.most).toBeGreaterThan(table.many.before);
  });

  it.each(['start', 'stop'] as const)('has no other steps than docs/reference/reliability.md: %s', (phase) => {
    const steps = new Set(table.rows.filter((row) => row.phase === phase).map(({ step }) => step));
    // When they differ: npm run reliability
    expect(stepsOnPage(titles[phase])).toEqual([...steps].toSorted());
  });
});
