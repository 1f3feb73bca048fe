import type { AnyPlugin } from '@timonel/sdk';
import type { ApiClient } from '@timonel/sdk/contracts/api';
import type { KubeObject, ResourceType } from '@timonel/sdk/kube';
import type { Clock } from '../../conformance/support/clock.ts';
import type { FakeKubelet, KubeletOptions } from '../../conformance/support/kubelet.ts';
import type { FakeNodes } from '../../conformance/support/nodes.ts';

/** What a scenario has at hand, for one run. */
export interface Life {
  /** Without faults: that of the users. */
  readonly api: ApiClient;
  /** Of this run alone. */
  readonly namespace: string;
  readonly kubelet: FakeKubelet;
  readonly nodes: FakeNodes;
  readonly clock: Clock;
  /** Waits; a condition that throws does not hold yet. */
  readonly reached: (what: string, condition: () => Promise<boolean>) => Promise<void>;
  /** Objects live and nothing is left to do: in the run without faults it is checked that no controller writes anything from here on. */
  readonly rests: () => Promise<void>;
  /** Part of the end state: must be the same in every run. */
  readonly remember: (what: string, value: unknown) => void;
}

export interface Tally {
  readonly made: number;
  readonly deleted: number;
}

export interface FaultScenario {
  /** The title of its tests: the controller's name. */
  readonly name: string;
  /** Those whose process crashes and whose connection has faults. */
  readonly controllers: readonly AnyPlugin[];
  /** Those that work on without faults, for example the garbage collector. */
  readonly healthy?: readonly AnyPlugin[];
  /** What the controllers need beside the API. */
  readonly plugins?: readonly AnyPlugin[];
  /** By the name of the plugin. */
  readonly config?: Readonly<Record<string, unknown>>;
  /** Types whose creations and deletions are counted; none of their objects may be left over. */
  readonly counted: readonly ResourceType[];
  /** What a run without faults makes and deletes, by `resource`. */
  readonly faultless: Readonly<Record<string, Tally>>;
  /** From nothing to nothing: makes objects, changes them, deletes them, and waits each time for what must come of it. */
  readonly life: (life: Life) => Promise<void>;
  /** Which objects belong to a run. Default: those in its namespace. */
  readonly belongs?: (object: KubeObject, namespace: string) => boolean;
  /** Default 0: pods run without a node. */
  readonly nodes?: number;
  /** False: pods are taken onto nodes without a scheduler. */
  readonly scheduler?: boolean;
  /** Nodes renew their leases so often. Absent: they have none. */
  readonly heartbeatMs?: number;
  readonly kubelet?: KubeletOptions;
  /** Of the simulated clock. Default: the real time, at three times its speed. */
  readonly startMs?: number;
  readonly speed?: number;
  /** How long a rest is, of simulated time. Default: ten minutes. */
  readonly restMs?: number;
  /** How many runs crash, at most. Default 12. */
  readonly crashes?: number;
}
