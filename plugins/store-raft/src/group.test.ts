/** The store contract on a group of three, asked at a follower. */
import { storeContract } from '@timonel/testkit/contracts/store';
import { Group } from '../test/group.ts';
import { makeAuthority } from './transport/testing/certificates.ts';

const authority = await makeAuthority();

storeContract(
  'store-raft, three members',
  async () => {
    const group = await Group.start({ size: 3, authority });
    const follower = async (): Promise<number> => ((await group.leader()) + 1) % 3;
    return {
      store: group.store(await follower()),
      async reopen() {
        await Promise.all([0, 1, 2].map((at) => group.stop(at)));
        await Promise.all([0, 1, 2].map((at) => group.open(at)));
        return group.store(await follower());
      },
      close: () => group.close(),
    };
  },
  {
    durable: true,
    modelRuns: 8,
    optOuts: {
      ownLeaseClock:
        'members count time for elections too: a jump of the clock elects another leader, who gives leases their full time again',
    },
  },
);
