/** What `timonel store` asks a running cluster for. */
import type { MemberStatus, StoreCheck, StoreStatus } from '@timonel/sdk/contracts/store';
import { CliError } from '../errors.ts';
import type { ClusterAccess } from './kubeconfig.ts';
import { callCluster, streamFromCluster } from './remote.ts';

const base = '/apis/store.timonel.dev/v1';
/** Reading all files of all members takes its time. */
const checkTimeoutMs = 600_000;

/** Answers of a server whose plugin is off look like those of one that has never heard of it. */
function explained(error: unknown): unknown {
  const status = (error as { cause?: { code?: unknown; details?: { kind?: unknown } } }).cause;
  if (status?.code !== 404 || status.details?.kind !== undefined) return error;
  return new CliError(
    'This cluster does not serve its store: enable the plugin by `timonel plugin enable api-store` there.',
    undefined,
    { cause: error },
  );
}

export class StoreAccess {
  readonly #access: ClusterAccess;

  constructor(access: ClusterAccess) {
    this.#access = access;
  }

  status(): Promise<StoreStatus> {
    return this.#call('GET', '/status');
  }

  async members(): Promise<readonly MemberStatus[]> {
    return (await this.#call<{ items: readonly MemberStatus[] }>('GET', '/members')).items;
  }

  addLearner(member: { readonly id: string; readonly name: string; readonly peerUrl: string }): Promise<unknown> {
    return this.#call('POST', '/members', member);
  }

  promote(id: string): Promise<unknown> {
    return this.#call('POST', `/members/${encodeURIComponent(id)}/promote`);
  }

  remove(id: string): Promise<unknown> {
    return this.#call('DELETE', `/members/${encodeURIComponent(id)}`);
  }

  moveLeader(memberId: string | undefined): Promise<{ readonly memberId?: string }> {
    return this.#call('POST', '/leader', memberId === undefined ? {} : { memberId });
  }

  compact(revision: number | undefined): Promise<{ readonly revision: number }> {
    return this.#call('POST', '/compact', revision === undefined ? {} : { revision });
  }

  check(): Promise<StoreCheck> {
    return this.#call('POST', '/check', {}, checkTimeoutMs);
  }

  async *snapshot(): AsyncGenerator<Buffer> {
    try {
      yield* streamFromCluster(this.#access, `${base}/snapshot`);
    } catch (error) {
      throw explained(error);
    }
  }

  async #call<T>(method: string, path: string, body?: unknown, timeoutMs?: number): Promise<T> {
    try {
      return await callCluster<T>(this.#access, method, `${base}${path}`, body, timeoutMs);
    } catch (error) {
      throw explained(error);
    }
  }
}

/** The member that somebody names by its id or its name. @throws CliError */
export function findMember(members: readonly MemberStatus[], idOrName: string): MemberStatus {
  const byId = members.find(({ id }) => id === idOrName);
  const byName = members.filter(({ name }) => name === idOrName);
  if (byId === undefined && byName.length > 1) {
    throw new CliError(
      `${byName.length} members have the name "${idOrName}": name one by its id, ${byName.map(({ id }) => id).join(' or ')}.`,
    );
  }
  const found = byId ?? byName[0];
  if (found !== undefined) return found;
  throw new CliError(`There is no member "${idOrName}": \`timonel store members\` shows those that there are.`);
}

export type MemberRole = 'leader' | 'voter' | 'learner';

export function roleOf({ leader, learner }: MemberStatus): MemberRole {
  if (leader) return 'leader';
  return learner ? 'learner' : 'voter';
}

/** How many entries of the log the leader has and this member has not; undefined: nobody knows. */
export function behind(member: MemberStatus, members: readonly MemberStatus[]): number | undefined {
  const leader = members.find((one) => one.leader);
  if (leader?.matchIndex === undefined || member.matchIndex === undefined) return undefined;
  return Math.max(0, leader.matchIndex - member.matchIndex);
}
