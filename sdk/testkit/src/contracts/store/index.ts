import { describe } from '@jest/globals';
import { useStore, type MakeStore, type StoreOptOuts } from './harness.ts';
import { leaseContract } from './lease.ts';
import { durabilityContract, limitsContract } from './limits.ts';
import { modelContract } from './model.ts';
import { rangeContract } from './range.ts';
import { txnContract } from './txn.ts';
import { watchContract } from './watch.ts';

export type { MakeStore, StoreOptOuts, StoreUnderTest } from './harness.ts';

/** Options of {@link storeContract}. */
export interface StoreContractOptions {
  /** The store keeps its state over a restart: `makeStore` gives `reopen`. Default false. */
  readonly durable?: boolean;
  /** Rules that this store cannot keep to the letter, each with the reason. Default: none. */
  readonly optOuts?: StoreOptOuts;
  /** Random sequences that are compared with the model, each on a new store. Less than the default 60: a store takes long to start. */
  readonly modelRuns?: number;
}

/**
 * The contract suite of the store: every rule of `@timonel/sdk/contracts/store` as a jest test. Call it at the top level
 * of a test file.
 */
export function storeContract(name: string, makeStore: MakeStore, options: StoreContractOptions = {}): void {
  describe(`store contract: ${name}`, () => {
    const bed = useStore(makeStore, options.optOuts ?? {});
    txnContract(bed);
    rangeContract(bed);
    watchContract(bed);
    leaseContract(bed);
    limitsContract(bed);
    modelContract(bed, options.modelRuns ?? 60);
    if (options.durable === true) describe('durability', () => durabilityContract(bed));
  });
}
