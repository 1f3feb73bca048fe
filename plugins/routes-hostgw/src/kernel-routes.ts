/** The routes of this machine that carry the protocol number of pod routes: no others are looked at or changed. */
import { CommandError, failureText, type CommandResult } from '@timonel/sdk/command';
import { podRouteProtocol } from '@timonel/sdk/contracts/network';

/** Runs ip(8). */
export type RunIp = (args: readonly string[], input?: string) => Promise<CommandResult>;

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
  readonly #ip: RunIp;
  readonly #dev: string | undefined;

  constructor(ip: RunIp, dev?: string) {
    this.#ip = ip;
    this.#dev = dev;
  }

  /** Gateway by range. */
  async list(): Promise<ReadonlyMap<string, Row>> {
    const rows = JSON.parse(
      (await this.#must(['-j', '-4', 'route', 'show', 'proto', `${podRouteProtocol}`])) || '[]',
    ) as readonly Row[];
    return new Map(rows.map((row) => [row.dst?.includes('/') === true ? row.dst : `${row.dst}/32`, row]));
  }

  /** Makes the routes those that are wanted: gateway by range. `keepOthers`: removes none. */
  async sync(wanted: ReadonlyMap<string, string>, keepOthers = false): Promise<SyncResult> {
    const before = await this.list();
    const removed = keepOthers ? [] : [...before.keys()].filter((cidr) => !wanted.has(cidr));
    const added = [...wanted.keys()].filter((cidr) => !this.#isAsWanted(before.get(cidr), wanted.get(cidr)));
    if (removed.length + added.length === 0) return { added, removed, failed: new Map() };
    const lines = [
      ...removed.map((cidr) => `route del ${cidr} proto ${podRouteProtocol}`),
      // `replace` alone would also take the place of a route that somebody else has made.
      ...added.map((cidr) => `route ${before.has(cidr) ? 'replace' : 'add'} ${this.#route(cidr, wanted.get(cidr))}`),
    ];
    const result = await this.#ip(['-force', '-batch', '-'], `${lines.join('\n')}\n`);
    if (result.status === 0) return { added, removed, failed: new Map() };
    const after = await this.list();
    const missing = added.filter((cidr) => !this.#isAsWanted(after.get(cidr), wanted.get(cidr)));
    const failed = await this.#reasons(missing, wanted);
    return { added: added.filter((cidr) => !failed.has(cidr)), removed, failed };
  }

  async removeAll(): Promise<void> {
    const lines = [...(await this.list()).keys()].map((cidr) => `route del ${cidr} proto ${podRouteProtocol}`);
    if (lines.length === 0) return;
    const result = await this.#ip(['-force', '-batch', '-'], `${lines.join('\n')}\n`);
    if (result.status !== 0 && !gone.test(result.stderr)) throw commandFailed(result);
  }

  #isAsWanted(row: Row | undefined, gateway: string | undefined): boolean {
    return row !== undefined && row.gateway === gateway && (this.#dev === undefined || row.dev === this.#dev);
  }

  #route(cidr: string, gateway: string | undefined): string {
    const dev = this.#dev === undefined ? '' : ` dev ${this.#dev}`;
    return `${cidr} via ${gateway}${dev} proto ${podRouteProtocol}`;
  }

  async #reasons(missing: readonly string[], wanted: ReadonlyMap<string, string>): Promise<Map<string, string>> {
    const failed = new Map<string, string>();
    let last = '';
    for (const [index, cidr] of missing.entries()) {
      if (index < askedLimit) {
        const result = await this.#ip(['route', 'add', ...this.#route(cidr, wanted.get(cidr)).split(' ')]);
        if (result.status === 0) continue;
        last = reasonOf(result.stderr);
      }
      failed.set(cidr, last);
    }
    return failed;
  }

  async #must(args: readonly string[]): Promise<string> {
    const result = await this.#ip(args);
    if (result.status !== 0) throw commandFailed(result);
    return result.stdout;
  }
}

function commandFailed(result: CommandResult): CommandError {
  return new CommandError('ip', failureText('ip route', result), result);
}

/** Says what to do, where the kernel's words do not. */
function reasonOf(message: string): string {
  if (/File exists/.test(message)) return 'there is a route to this range that is not of this plugin: remove it';
  if (/invalid gateway|unreachable/i.test(message)) {
    return 'the node is not on a network that this machine is on too, as host gateways must be';
  }
  return message.trim().split('\n')[0] ?? '';
}
