import { mkdtemp, mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { encodeSnapshot } from '@timonel/sdk/contracts/store';
import { readClusterState, writeClusterState, type AgentState, type ServerState } from './cluster-state.ts';
import { dataDirPaths, lockDataDir } from './data-dir.ts';
import { restoreStore, type RestoreRequest } from './store-restore.ts';

const kv = { key: 'k', value: Buffer.from('v'), createRevision: 2, modRevision: 2, version: 1, lease: 0 };

const former: ServerState = {
  version: 1,
  role: 'server',
  phase: 'joined',
  name: 's2',
  memberId: 'old-member',
  advertise: '127.0.0.1',
  listen: '127.0.0.1:7443',
  peerListen: '127.0.0.1:7380',
  peerUrl: '127.0.0.1:7380',
  clusterCidr: '10.200.0.0/16',
  serviceCidr: '10.201.0.0/16',
};

const agent: AgentState = {
  version: 1,
  role: 'agent',
  nodeName: 'n',
  nodeAddress: '',
  servers: ['https://127.0.0.1:6443'],
  clusterCidr: '10.200.0.0/16',
  serviceCidr: '10.201.0.0/16',
  podCidr: '10.200.1.0/24',
};

describe('restoreStore', () => {
  let root = '';
  let dataDir = '';
  let snapshot = '';
  beforeEach(async () => {
    root = await mkdtemp(join(tmpdir(), 'timonel-store-restore-'));
    dataDir = join(root, 'data-dir');
    snapshot = join(root, 'snapshot');
    await writeFile(snapshot, Buffer.concat([...encodeSnapshot({ revision: 2, leases: [], kvs: [kv] })]));
  });
  afterEach(() => rm(root, { recursive: true, force: true }));

  const restore = (more: Partial<RestoreRequest> = {}) =>
    restoreStore({ snapshot, dataDir, role: undefined, plan: {}, bumpRevision: undefined, force: false, ...more });
  const memberOf = async (): Promise<string> => {
    const text = await readFile(join(dataDir, 'data', 'store-raft', 'member.json'), 'utf8');
    return (JSON.parse(text) as { memberId: string }).memberId;
  };

  it('makes a server of an empty directory', async () => {
    const plan = { name: 's1', listen: '127.0.0.1:7443', peerListen: '127.0.0.1:7380' };
    const outcome = await restore({ plan });
    expect(outcome).toMatchObject({ role: 'server', keys: 1, restoredRevision: 1_000_000_002, hasAuthority: false });
    const state = readClusterState(dataDir);
    expect(state).toMatchObject({ phase: 'formed', name: 's1', peerUrl: '127.0.0.1:7380', memberId: outcome.memberId });
    expect(await memberOf()).toBe(outcome.memberId);
  });

  it('makes the first of a new cluster of a server that had joined, with what it was', async () => {
    await mkdir(dataDir);
    await writeClusterState(dataDir, former);
    const { memberId } = await restore({ plan: { name: 's9' } });
    expect(memberId).not.toBe(former.memberId);
    expect(readClusterState(dataDir)).toEqual({ ...former, phase: 'formed', memberId, name: 's9' });
    expect(await memberOf()).toBe(memberId);
  });

  it('serves `timonel up`, too', async () => {
    await mkdir(join(dataDir, 'data', 'auth-token'), { recursive: true });
    expect(await restore()).toMatchObject({ role: 'up', hasAuthority: true });
    expect(readClusterState(dataDir)).toBeUndefined();
    await expect(restore({ role: 'server', force: true })).rejects.toMatchObject({ exitCode: 2 });
    await rm(dataDir, { recursive: true });
    expect(await restore({ role: 'up' })).toMatchObject({ role: 'up' });
    expect(readClusterState(dataDir)).toBeUndefined();
  });

  it('refuses a store that is there, a directory in use, an agent, and a damaged snapshot', async () => {
    const plan = { listen: '127.0.0.1:7443' };
    const { memberId } = await restore({ plan });
    await expect(restore()).rejects.toMatchObject({ exitCode: 1, message: expect.stringContaining('--force') });
    const unlock = await lockDataDir(dataDirPaths(dataDir));
    await expect(restore({ force: true })).rejects.toMatchObject({ exitCode: 4 });
    await unlock();
    await writeFile(snapshot, 'something else');
    await expect(restore({ force: true })).rejects.toMatchObject({
      exitCode: 1,
      message: expect.stringMatching(/^The snapshot/),
    });
    expect([await memberOf(), readClusterState(dataDir)]).toMatchObject([memberId, { memberId }]);
    await writeClusterState(dataDir, agent);
    await expect(restore({ force: true })).rejects.toThrow('is that of an agent');
  });
});
