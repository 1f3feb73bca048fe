/** What a data directory is part of: the file `cluster.json`, written when a server or an agent forms or joins a cluster. */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { writeFileAtomically } from '@timonel/sdk/files';
import { z } from 'zod';
import { CliError, exitCodes } from '../errors.ts';

const serverState = z.strictObject({
  version: z.literal(1),
  role: z.literal('server'),
  /** `joining`: a join was begun and not finished; it is tried again under the same member id. */
  phase: z.enum(['joining', 'formed', 'joined']),
  name: z.string(),
  memberId: z.string(),
  /** Host under which the other machines reach this one. */
  advertise: z.string(),
  /** IP address to which the service `kubernetes` leads, when it was given. */
  advertiseAddress: z.string().optional(),
  /** `ADDRESS:PORT` of the API. */
  listen: z.string(),
  /** `ADDRESS:PORT` of the peer listener, and `HOST:PORT` under which the others know it. */
  peerListen: z.string(),
  peerUrl: z.string(),
  clusterCidr: z.string(),
  serviceCidr: z.string(),
});

const agentState = z.strictObject({
  version: z.literal(1),
  role: z.literal('agent'),
  nodeName: z.string(),
  nodeAddress: z.string(),
  servers: z.array(z.string()).min(1),
  clusterCidr: z.string(),
  serviceCidr: z.string(),
  podCidr: z.string(),
});

const schema = z.discriminatedUnion('role', [serverState, agentState]);

export type ServerState = z.output<typeof serverState>;
export type AgentState = z.output<typeof agentState>;
export type ClusterState = z.output<typeof schema>;

function stateFile(dataDir: string): string {
  return join(dataDir, 'cluster.json');
}

/** Where certificates and keys of a server or an agent lie. */
export function pkiDirectory(dataDir: string): string {
  return join(dataDir, 'pki');
}

/** Undefined: the directory is part of no cluster of several machines. @throws CliError when the file is damaged. */
export function readClusterState(dataDir: string): ClusterState | undefined {
  const file = stateFile(dataDir);
  if (!existsSync(file)) return undefined;
  try {
    return schema.parse(JSON.parse(readFileSync(file, 'utf8')));
  } catch (cause) {
    throw new CliError(
      `${file} is damaged: bring back a good copy, or choose another data directory with --data-dir and join again.`,
      exitCodes.failure,
      { cause },
    );
  }
}

export async function writeClusterState(dataDir: string, state: ClusterState): Promise<void> {
  await writeFileAtomically(stateFile(dataDir), `${JSON.stringify(state, null, 2)}\n`);
}

export type Command = 'up' | 'server' | 'agent';

const usedBy: Readonly<Record<Command, string>> = {
  up: 'an all-in-one cluster',
  server: 'a server of a cluster',
  agent: 'an agent of a cluster',
};

/** The command that a data directory was first used with; undefined for a fresh one. @throws CliError when it is damaged. */
export function commandOf(dataDir: string): Command | undefined {
  const state = readClusterState(dataDir);
  if (state !== undefined) return state.role;
  // A copy of a server's keys, put into a fresh directory, has both.
  return existsSync(join(dataDir, 'data', 'auth-token')) && !existsSync(pkiDirectory(dataDir)) ? 'up' : undefined;
}

/** Data of one role must not be run as another: it would make a second cluster of the same data. @throws CliError usage */
export function refuseRole(dataDir: string, command: Command): void {
  const first = commandOf(dataDir);
  if (first === undefined || first === command) return;
  throw new CliError(
    `The data directory ${dataDir} is that of ${usedBy[first]}: start it by \`timonel ${first}\`, or choose another with --data-dir.`,
    exitCodes.usage,
  );
}
