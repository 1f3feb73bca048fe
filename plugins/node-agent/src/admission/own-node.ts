/** The object of this node, as pods are admitted by it. */
import type { Env } from '@timonel/sdk';
import type { ApiClient } from '@timonel/sdk/contracts/api';
import { inReadLimit, Informer, type ControllerHost } from '@timonel/sdk/controller';
import { nodes, type Node, type Pod } from '@timonel/sdk/kube';
import { selectorRejection } from './placement.ts';

export interface OwnNodeParts {
  readonly host: ControllerHost;
  readonly api: ApiClient;
  readonly env: Env;
  readonly nodeName: string;
}

export class OwnNode {
  readonly #parts: OwnNodeParts;
  readonly #informer: Informer<Node>;

  constructor(parts: OwnNodeParts) {
    this.#parts = parts;
    this.#informer = new Informer(parts.host, parts.api, nodes, { fieldSelector: `metadata.name=${parts.nodeName}` });
  }

  start(): void {
    this.#informer.start();
  }

  async stop(): Promise<void> {
    await this.#informer.stop();
  }

  /** As it was seen last; where that would turn the pod away, as it is now: who placed the pod may have seen a newer one. */
  async seenFor(pod: Pod): Promise<Node | undefined> {
    const { api, env, nodeName } = this.#parts;
    const seen = this.#informer.get(nodeName);
    if (selectorRejection(pod, { node: seen }) === undefined) return seen;
    return inReadLimit(env, api.get(nodes, { name: nodeName })).catch(() => seen);
  }
}
