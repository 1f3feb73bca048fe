/** The routes of this machine that carry the protocol number of pod routes: no others are looked at or changed. */
import { podRouteProtocol, type IpFamily } from '@timonel/sdk/contracts/network';
import { commandFailed, rowsOf, runBatch, type RunProgram } from './ip.ts';

/** Where packets to a range go next. */
export interface Hop {
  /** Absent: the link knows. */
  readonly gateway?: string;
  /** Absent: the kernel chooses. */
  readonly dev?: string | undefined;
  /** The gateway is behind `dev` although no address of it says so. */
  readonly isOnLink?: boolean;
}

export interface SyncResult {
  readonly added: readonly string[];
  readonly removed: readonly string[];
  /** Ranges whose route could not be made, with the kernel's reason. */
  readonly failed: ReadonlyMap<string, string>;
}

interface Row {
  readonly dst?: string;
  readonly gateway?: string;
  readonly dev?: string;
}

/** The kernel is asked for the reason of so many failures at once; the rest get the same one. */
const askedLimit = 8;
const gone = /No such process|Cannot find device/;

export class KernelRoutes {
  readonly #run: RunProgram;

  constructor(run: RunProgram) {
    this.#run = run;
  }

  /** By range. */
  async list(): Promise<ReadonlyMap<string, Row>> {
    return new Map([...(await this.#ofFamily(4)), ...(await this.#ofFamily(6))]);
  }

  async #ofFamily(family: IpFamily): Promise<(readonly [string, Row])[]> {
    const shown = ['-j', `-${family}`, 'route', 'show', 'proto', `${podRouteProtocol}`];
    const rows = await rowsOf<Row>(this.#run, 'ip', shown);
    const whole = family === 4 ? 32 : 128;
    return rows.map((row) => [row.dst?.includes('/') === true ? row.dst : `${row.dst}/${whole}`, row] as const);
  }

  /** Makes the routes those that are wanted, by range. `keepOthers`: removes none. */
  async sync(wanted: ReadonlyMap<string, Hop>, keepOthers = false): Promise<SyncResult> {
    const before = await this.list();
    const removed = keepOthers ? [] : [...before.keys()].filter((cidr) => !wanted.has(cidr));
    const added = [...wanted].filter(([cidr, hop]) => !isAsWanted(before.get(cidr), hop));
    if (removed.length + added.length === 0) return { added: [], removed, failed: new Map() };
    const lines = [
      ...removed.map(deletion),
      // `replace` alone would also take the place of a route that somebody else has made.
      ...added.map(([cidr, hop]) => `route ${before.has(cidr) ? 'replace' : 'add'} ${routeText(cidr, hop)}`),
    ];
    let failed = new Map<string, string>();
    if ((await runBatch(this.#run, 'ip', lines)) !== '') {
      const after = await this.list();
      failed = await this.#reasons(added.filter(([cidr, hop]) => !isAsWanted(after.get(cidr), hop)));
    }
    return { added: added.map(([cidr]) => cidr).filter((cidr) => !failed.has(cidr)), removed, failed };
  }

  async removeAll(): Promise<void> {
    const problem = await runBatch(this.#run, 'ip', [...(await this.list()).keys()].map(deletion));
    if (problem !== '' && !gone.test(problem)) {
      throw commandFailed('ip route del', { status: 1, stdout: '', stderr: problem });
    }
  }

  async #reasons(missing: readonly (readonly [string, Hop])[]): Promise<Map<string, string>> {
    const failed = new Map<string, string>();
    let last = '';
    for (const [index, [cidr, hop]] of missing.entries()) {
      if (index < askedLimit) {
        const result = await this.#run('ip', ['route', 'add', ...routeText(cidr, hop).split(' ')]);
        if (result.status === 0) continue;
        last = reasonOf(result.stderr);
      }
      failed.set(cidr, last);
    }
    return failed;
  }
}

function isAsWanted(row: Row | undefined, { gateway, dev }: Hop): boolean {
  return row !== undefined && row.gateway === gateway && (dev === undefined || row.dev === dev);
}

function deletion(cidr: string): string {
  return `route del ${cidr} proto ${podRouteProtocol}`;
}

function routeText(cidr: string, { gateway, dev, isOnLink }: Hop): string {
  const next = gateway === undefined ? '' : ` via ${gateway}`;
  const place = dev === undefined ? '' : ` dev ${dev}`;
  return `${cidr}${next}${place}${isOnLink === true ? ' onlink' : ''} proto ${podRouteProtocol}`;
}

/** Says what to do, where the kernel's words do not. */
function reasonOf(message: string): string {
  if (/File exists/.test(message)) return 'there is a route to this range that is not of this plugin: remove it';
  if (/invalid gateway|unreachable|No route to host/i.test(message)) {
    return 'the node is not on a network that this machine is on too, as it must be without a tunnel';
  }
  return message.trim().split('\n')[0] ?? '';
}
