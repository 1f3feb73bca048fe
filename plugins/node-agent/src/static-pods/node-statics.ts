/** Static pods and their mirrors together, as the agent deals with them. */
import type { Pod } from '@timonel/sdk/kube';
import type { AgentContext } from '../agent-context.ts';
import type { PodWorker } from '../agent/pod-worker.ts';
import { durationMs } from '../durations.ts';
import { isMirrorPod } from './identity.ts';
import { Mirrors } from './mirrors.ts';
import { StaticPods } from './static-pods.ts';

/** The part of the agent that is needed. */
export interface StaticsHost {
  worker(uid: string): PodWorker | undefined;
  workers(): readonly PodWorker[];
  /** Works on it from now on. */
  workOn(pod: Pod): PodWorker;
  nodeUid(): string | undefined;
  nodeEvent(type: 'Warning', reason: string, message: string): void;
}

export class NodeStatics {
  readonly #mirrors: Mirrors;
  /** Undefined: this node has no directory of them. */
  readonly #pods: StaticPods | undefined;

  constructor({ config, deps, env, log }: AgentContext, host: StaticsHost) {
    const { nodeName, staticPodPath: path } = config;
    this.#mirrors = new Mirrors({
      api: deps.api,
      env,
      log,
      nodeName,
      nodeUid: () => host.nodeUid(),
      statics: () => (this.#isKnown ? (this.#pods?.begun() ?? []) : undefined),
      shown: (uid, mirror) => host.worker(uid)?.setMirror(mirror),
    });
    if (path === '') return;
    this.#pods = new StaticPods({
      path,
      nodeName,
      env,
      log,
      intervalMs: durationMs(config.fileCheckFrequency) ?? 0,
      worked: () => host.workers().map((worker) => worker.pod()),
      begin: (pod) => host.workOn(pod).setMirror(this.#mirrors.mirrorFor(pod)),
      end: (pod) => {
        const worker = host.worker(pod.metadata.uid ?? '');
        worker?.setGone(worker.pod());
      },
      refused: (file, problem) => {
        log.warn({ file, problem }, 'no static pod');
        host.nodeEvent('Warning', 'FailedStaticPod', `Manifest ${file} is refused: ${problem}`);
      },
      changed: () => this.#mirrors.reconcile(),
    });
  }

  /** The manifests are known when this resolves. */
  async open(): Promise<void> {
    await this.#pods?.open();
  }

  async stop(): Promise<void> {
    await Promise.all([this.#pods?.stop(), this.#mirrors.stop()]);
  }

  /** What runs on this node is known. */
  listed(): void {
    this.#pods?.start();
  }

  /** A pod is gone: its name is free. */
  removed(): void {
    this.#pods?.settle();
  }

  /** For all that is known. */
  isWanted(uid: string): boolean {
    return !this.#isKnown || this.#pods?.isWanted(uid) === true;
  }

  get #isKnown(): boolean {
    return this.#pods?.isKnown !== false;
  }

  /** Also one whose annotation somebody took away. */
  isMirror(pod: Pod): boolean {
    return isMirrorPod(pod) || this.staticUid(pod.metadata.uid ?? '') !== undefined;
  }

  /** Uid of the static pod that this mirror stands for. */
  staticUid(mirrorUid: string): string | undefined {
    return this.#mirrors.staticUid(mirrorUid);
  }

  mirrorSeen(mirror: Pod): void {
    this.#mirrors.seen(mirror);
  }

  mirrorGone(mirror: Pod): void {
    this.#mirrors.gone(mirror);
  }

  /** All mirrors that there are were seen. */
  synced(): void {
    this.#mirrors.synced();
  }

  /** The Node object is known, or another by now. */
  nodeSeen(): void {
    this.#mirrors.reconcile();
  }
}
