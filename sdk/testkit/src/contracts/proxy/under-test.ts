import type { Env, Logger } from '@timonel/sdk';
import type { ServicePortRule } from '@timonel/sdk/contracts/proxy';

/** What a data plane is opened with. Runs in the network namespace of the node. */
export interface DataPlaneOptions {
  readonly env: Env;
  readonly log: Logger;
  /** Another one for each data plane that is open at the same time. */
  readonly dataDir: string;
  readonly serviceCidr: string;
  /** Of pods: clients of these ranges, and the node itself, are inside of the cluster. */
  readonly clusterCidrs: readonly string[];
}

/** The part of a service proxy that makes rules true, without the API. */
export interface DataPlaneUnderTest {
  apply(rules: readonly ServicePortRule[]): Promise<void>;
  /** Makes the next `apply` write everything, also when nothing changed. */
  forget(): void;
  close(): Promise<void>;
}

/** What the module under test exports: it is loaded in a process of its own, inside of a network namespace. */
export interface DataPlaneModule {
  openDataPlane(options: DataPlaneOptions): Promise<DataPlaneUnderTest>;
}
