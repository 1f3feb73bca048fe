import { spawnSync } from 'node:child_process';
import { etcdMissing } from '../support/etcd.ts';
import type { Bench, BenchOptions } from './bench.ts';
import { withTemporaryFolder } from './cleanup.ts';
import type { Figure } from './figures.ts';
import { Remarks } from './store/measure-rows.ts';
import { oneMember, restart, threeMembers, type PhaseOptions } from './store/phases.ts';
import { withPrograms } from './store/programs.ts';
import { failOverRows, memoryRow, oneMemberRows, oursName, restartRow, threeMemberRows } from './store/rows.ts';
import { connectionsAtMost } from './store/store-group.ts';
import { figuresOf, formatRows, type Row } from './store/table.ts';

const bench = 'store';

const notes = `Notes
- All members are processes of their own on this machine and this disk, driven over loopback TCP by a client process. Of
  three members, both kinds speak TLS with certificates of both ends to each other; clients speak to the leader.
- etcd is loaded by h2load (C) with gRPC puts and ranges, at most ${connectionsAtMost} connections, which was its best number. Ours serves
  the store contract by length-prefixed binary frames to a client in Node with as many connections. gRPC's own cost is
  thus on etcd's side and not on ours, and the slower client (Node) on ours.
- Loads are of stores that serve for a while: both get 30,000 puts first, and each load takes a second or more.
- All puts and gets of a row use one key. Clients wait for an answer before they ask again.
- The watch row counts delivered events; etcd's watches share one stream, as its own client does it; both watch clients
  are in Node. Its delays are from put to delivery.
- CPU is user and system time of all servers for each operation, with their flushing and compaction.
- Fail-over: kill -9 of the leader under one put every 5 ms to another member; the longest time without an acknowledged
  put. etcd's default timing is a heartbeat every 100 ms and an election after 1 s to 2 s without; both draw the time at
  random, so that equal ones differ by chance.
- Restart: kill -9, then the time from exec to the first answered linearizable get. Files are in the page cache. Each
  store was filled once, in txns of 512 puts; etcd takes its snapshots after as many keys as by default.
- Memory is resident memory, pages of files that are mapped included.`;

interface Chosen {
  readonly one: ReturnType<typeof oneMemberRows>;
  readonly three: ReturnType<typeof threeMemberRows>;
  readonly failOver: ReturnType<typeof failOverRows> | undefined;
  readonly restart: ReturnType<typeof restartRow> | undefined;
  readonly memory: ReturnType<typeof memoryRow> | undefined;
}

function chooseRows(only: readonly string[] | undefined): Chosen {
  const isWanted = ({ name }: Row): boolean => only === undefined || only.includes(name);
  const failOver = failOverRows();
  const [restart, memory] = [restartRow(), memoryRow()];
  const one = oneMemberRows().filter(isWanted);
  return {
    one,
    three: threeMemberRows().filter(isWanted),
    failOver: Object.values(failOver).some(isWanted) ? failOver : undefined,
    restart: isWanted(restart) ? restart : undefined,
    memory: one.length > 0 || isWanted(memory) ? memory : undefined,
  };
}

function rowsOf({ one, memory, three, failOver, restart }: Chosen): Row[] {
  return [
    ...one,
    ...(memory === undefined ? [] : [memory]),
    ...three,
    ...(failOver === undefined ? [] : Object.values(failOver)),
    ...(restart === undefined ? [] : [restart]),
  ];
}

interface Part {
  readonly name: string;
  readonly measure: (options: PhaseOptions) => Promise<void>;
}

function partsOf({ one, memory, three, failOver, restart: restartRow }: Chosen): Part[] {
  const parts: Part[] = [];
  if (memory !== undefined) parts.push({ name: 'one member', measure: (options) => oneMember(options, one, memory) });
  if (three.length > 0 || failOver !== undefined) {
    parts.push({ name: 'three members', measure: (options) => threeMembers(options, { loads: three, failOver }) });
  }
  if (restartRow !== undefined) parts.push({ name: 'restart', measure: (options) => restart(options, restartRow) });
  return parts;
}

/** A part that fails leaves its rows without figures; the others are measured nevertheless. */
async function measureParts(parts: readonly Part[], options: Omit<PhaseOptions, 'dir'>): Promise<void> {
  for (const { name, measure } of parts) {
    await withTemporaryFolder('timonel-bench-store-', async (dir) => {
      try {
        await measure({ ...options, dir });
      } catch (error) {
        options.note(`${name} failed: ${String(error)}`);
        options.remarks.add(`${name} failed: ${String(error)}`);
      }
    });
  }
}

function remarksText({ lines, busiestClient }: Remarks): string {
  const client = `The busiest client process of ours used ${Math.round(busiestClient * 100)} % of a core.`;
  const all = busiestClient === 0 ? lines : [client, ...lines];
  return all.map((line) => `\n- ${line}`).join('');
}

async function runBench(options: BenchOptions): Promise<readonly Figure[]> {
  if (etcdMissing !== undefined) throw new Error(etcdMissing);
  if (spawnSync('h2load', ['--version']).status !== 0) {
    throw new Error('the command h2load is missing: apt-get install -y --no-install-recommends nghttp2-client');
  }
  const chosen = chooseRows(options.only);
  const rows = rowsOf(chosen);
  const remarks = new Remarks();
  await withPrograms((programs) => measureParts(partsOf(chosen), { ...options, programs, remarks }));
  options.print?.(`${formatRows(rows, oursName)}\n\n${notes}${remarksText(remarks)}`);
  return figuresOf(bench, rows, oursName);
}

export const store: Bench = {
  name: bench,
  description: `${oursName} beside Debian's etcd: loads, fail-over, restart (needs etcd-server, nghttp2-client)`,
  needsRoot: false,
  defaultRounds: 5,
  rows: rowsOf(chooseRows(undefined)).map(({ name }) => name),
  run: runBench,
};
