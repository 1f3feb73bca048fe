/** Gives a data directory a store made from a snapshot, while nothing runs on it. */
import { randomUUID } from 'node:crypto';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { createRealEnv } from '@timonel/core';
import type { RestoreReport } from '@timonel/plugin-store-raft';
import { errorCode, errorMessage, type Logger } from '@timonel/sdk';
import { CliError, exitCodes } from '../errors.ts';
import { commandOf, pkiDirectory, readClusterState, writeClusterState, type ServerState } from './cluster-state.ts';
import { dataDirPaths, lockDataDir, makeDataDir } from './data-dir.ts';
import { planServer, type ServerPlanFlags } from './server-plan.ts';

/** The commands whose clusters have a store of their own. */
export type StoreRole = 'server' | 'up';

export interface RestoreRequest {
  readonly snapshot: string;
  readonly dataDir: string;
  /** Absent: what the directory was used for, else `server`. */
  readonly role: StoreRole | undefined;
  readonly plan: ServerPlanFlags;
  readonly bumpRevision: number | undefined;
  readonly force: boolean;
}

export interface RestoreOutcome extends RestoreReport {
  readonly role: StoreRole;
  /** The cluster's authority is there: agents and other servers will know this one. */
  readonly hasAuthority: boolean;
}

const silent: Logger = {
  debug: () => undefined,
  info: () => undefined,
  warn: () => undefined,
  error: () => undefined,
  child: () => silent,
};

/** @throws CliError usage */
function roleOf(dataDir: string, wanted: StoreRole | undefined): StoreRole {
  const found = commandOf(dataDir);
  if (found === 'agent') {
    throw new CliError(`${dataDir} is that of an agent, which has no store: restore on a server.`, exitCodes.usage);
  }
  if (found !== undefined && wanted !== undefined && found !== wanted) {
    throw new CliError(
      `${dataDir} was made by \`timonel ${found}\`: leave out --role ${wanted}, or choose another directory.`,
      exitCodes.usage,
    );
  }
  return wanted ?? found ?? 'server';
}

/** The server founds a new cluster of one: under a new member id, since members of the old one may still be about. */
function newServer(dataDir: string, plan: ServerPlanFlags): ServerState {
  const before = readClusterState(dataDir) as ServerState | undefined;
  const changeable = before === undefined ? undefined : { ...before, phase: 'joining' as const };
  return { ...planServer(plan, {}, changeable), phase: 'formed', memberId: randomUUID() };
}

function asCliError(error: unknown): unknown {
  const code = errorCode(error) ?? '';
  if (!['CORRUPT', 'REFUSED', 'UNAVAILABLE', 'NO_SPACE'].includes(code)) return error;
  const message = errorMessage(error);
  return new CliError(
    `${message.charAt(0).toUpperCase()}${message.slice(1)}.`,
    code === 'UNAVAILABLE' ? exitCodes.busy : exitCodes.failure,
    { cause: error },
  );
}

/** @throws CliError; nothing was changed then */
export async function restoreStore(request: RestoreRequest): Promise<RestoreOutcome> {
  const { dataDir, snapshot, bumpRevision, force } = request;
  const role = roleOf(dataDir, request.role);
  const server = role === 'server' ? newServer(dataDir, request.plan) : undefined;
  makeDataDir(dataDir);
  const paths = dataDirPaths(dataDir);
  const unlock = await lockDataDir(paths);
  try {
    // The store and its database are large, and this command alone needs them.
    const { restoreSnapshot } = await import('@timonel/plugin-store-raft');
    const report = await restoreSnapshot({
      dataDir: paths.pluginData('store-raft'),
      snapshot,
      memberId: server?.memberId,
      address: server === undefined ? undefined : { name: server.name, peerUrl: server.peerUrl },
      bumpRevision,
      force,
      env: createRealEnv(),
      log: silent,
    });
    // Were this cut off, the next start would refuse the store as that of another member.
    if (server !== undefined) await writeClusterState(dataDir, server);
    return { ...report, role, hasAuthority: role === 'up' || existsSync(join(pkiDirectory(dataDir), 'ca.key')) };
  } catch (error) {
    throw asCliError(error);
  } finally {
    await unlock();
  }
}
