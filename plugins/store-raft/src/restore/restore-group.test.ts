import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from '@jest/globals';
import { createRealEnv } from '@timonel/core/env';
import type { Store } from '@timonel/sdk/contracts/store';
import { freePort } from '@timonel/testkit/free-port';
import { Group, until } from '../../test/group.ts';
import { silentLogger } from '../../test/silent-logger.ts';
import { configOf } from '../config.ts';
import { RaftStore } from '../raft-store.ts';
import { makeAuthority, makeCertificate, writeCredentials } from '../transport/testing/certificates.ts';
import { restoreSnapshot } from './restore-snapshot.ts';

const env = createRealEnv();

function put(store: Store, key: string) {
  return store.txn({ compare: [], success: [{ op: 'put', key, value: Buffer.from('value') }] });
}

it('founds a new group that others join, and that the members of the old one leave alone', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'timonel-restore-group-'));
  const authority = await makeAuthority();
  const old = await Group.start({ size: 3, authority });
  const stores: RaftStore[] = [];
  const open = async (id: string, advertise: string, joins: boolean): Promise<RaftStore> => {
    const dataDir = join(directory, id);
    await mkdir(dataDir, { recursive: true });
    const tls = await writeCredentials(directory, id, await makeCertificate(authority, { id }));
    const listen = { address: '127.0.0.1', port: Number(advertise.split(':')[1]) };
    const config = configOf({ cluster: { memberId: id, name: id, listen, advertise, join: joins, tls } });
    const store = await RaftStore.open({ env, log: silentLogger, dataDir, config, onFailure: () => undefined });
    stores.push(store);
    return store;
  };
  try {
    for (let at = 0; at < 50; at++) await put(old.store(0), `k${at}`);
    const chunks: Uint8Array[] = [];
    for await (const chunk of old.store(1).snapshot()) chunks.push(chunk);
    const snapshot = join(directory, 'snapshot');
    await writeFile(snapshot, Buffer.concat(chunks));

    // The restored member takes the place of one whose group goes on.
    const { members } = await old.store(1).status();
    const peerUrl = members.find(({ id }) => id === old.idOf(0))?.peerUrls[0] ?? '';
    await old.stop(0);
    const memberId = 'restored';
    const address = { name: memberId, peerUrl };
    await restoreSnapshot({ dataDir: join(directory, memberId), snapshot, memberId, address, env, log: silentLogger });
    const restored = await open(memberId, peerUrl, false);
    await put(restored, 'only in the new group');
    await until('the old group has a leader', () =>
      put(old.store(1), 'only in the old group').then(
        () => true,
        () => false,
      ),
    );

    const learnerUrl = `127.0.0.1:${await freePort()}`;
    await restored.admin.addLearner({ id: 'second', name: 'second', peerUrl: learnerUrl });
    const second = await open('second', learnerUrl, true);
    await until('the second member votes', async () => {
      const { leaderId, members: now } = await second.status();
      return leaderId !== undefined && now.length === 2 && now.every(({ learner }) => !learner);
    });
    await put(second, 'by the second');
    for (const store of [restored, second]) {
      expect((await store.range({ prefix: 'k' })).count).toBe(50);
      expect((await store.range({ prefix: 'only' })).kvs.map(({ key }) => key)).toEqual(['only in the new group']);
      expect((await store.status()).members.map(({ id }) => id).sort()).toEqual(['restored', 'second']);
    }
    expect(await restored.admin.check()).toMatchObject({ healthy: true });
    const { kvs } = await old.store(2).range({ prefix: 'only' });
    expect(kvs.map(({ key }) => key)).toEqual(['only in the old group']);
  } finally {
    await Promise.all(stores.map((store) => store.close()));
    await old.close();
    await rm(directory, { recursive: true, force: true });
  }
});
