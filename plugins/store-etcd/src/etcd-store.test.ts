import { describe, it, jest } from '@jest/globals';
import { storeContract } from '@timonel/testkit/contracts/store';
import type { Logger } from '@timonel/sdk';
import { etcdMissing, startEtcd } from '../../../test/support/etcd.ts';
import { configSchema } from './config.ts';
import { EtcdStore } from './etcd-store.ts';

// Every store is an etcd process of its own, and leases end in real time.
jest.setTimeout(120_000);

const silent: Logger = {
  debug: () => undefined,
  info: () => undefined,
  warn: () => undefined,
  error: () => undefined,
  child: () => silent,
};

const flags = [
  // Quick elections, so that a fresh process serves soon.
  '--heartbeat-interval=10',
  '--election-timeout=100',
  // The limits of the contract are beyond etcd's defaults.
  '--max-txn-ops=1024',
  `--max-request-bytes=${8 * 1024 * 1024}`,
];

if (etcdMissing === undefined) {
  storeContract(
    'store-etcd, one member',
    async ({ env }) => {
      const cluster = await startEtcd({ flags });
      const config = configSchema.parse({ endpoints: cluster.endpoints });
      const open = (): Promise<EtcdStore> => EtcdStore.open({ env, log: silent, config, tls: {} });
      let store = await open();
      return {
        store,
        async reopen() {
          await store.close();
          await cluster.restart();
          store = await open();
          return store;
        },
        async close() {
          await store.close();
          await cluster.stop();
        },
      };
    },
    {
      durable: true,
      optOuts: {
        ownLeaseClock: 'etcd ends leases by its own clock, in whole seconds, and looks twice a second',
        noRecreation:
          'etcd refuses two changes of a key in one txn; several are folded into the last, but a deletion that a put ' +
          'follows would lose the new creation revision: the store refuses that with a TypeError',
      },
    },
  );
} else {
  describe('store contract: store-etcd', () => {
    it.skip(`needs etcd: ${etcdMissing}`, () => undefined);
  });
}
