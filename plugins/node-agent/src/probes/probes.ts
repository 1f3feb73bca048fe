/** Follows the containers of each pod with their probes. */
import type { PodWorker } from '../agent/pod-worker.ts';
import type { AgentServices } from '../agent/services.ts';

export class Probes {
  constructor(_services: AgentServices) {}
  follow(_worker: PodWorker): void {}
  forget(_worker: PodWorker): void {}
  close(): void {}
}
