/** The API at the pod network's address of this node, and the endpoints of default/kubernetes that lead there. */
import { networkInterfaces } from 'node:os';
import { errorMessage, type Env, type Logger } from '@timonel/sdk';
import type { ApiClient } from '@timonel/sdk/contracts/api';
import type { ApiEndpoint, FurtherListener } from '@timonel/sdk/contracts/api-server';
import type { NodeNetwork, PodNetwork } from '@timonel/sdk/contracts/network';
import { isApiAbsent } from '@timonel/sdk/controller';
import { addressOfServer, keepServerEndpoints, type ServerPlace } from '@timonel/sdk/controller/endpoints';
import { isNotFound } from '@timonel/sdk/kube';
import { admission } from './admission.ts';

export interface PodSideOptions {
  readonly api: ApiClient;
  readonly endpoint: Pick<ApiEndpoint, 'url' | 'listenAlso'>;
  readonly network: Pick<PodNetwork, 'nodeNetwork'>;
  readonly env: Env;
  readonly log: Logger;
  readonly signal: AbortSignal;
  readonly nodeName?: string | undefined;
}

/** What others change of the endpoints is put right as soon. */
const periodMs = 10_000;
/** While something is in the way: an address that is not there yet, a namespace. */
const retryMs = 250;
const retryLimitMs = 5000;
/** So many times what comes by itself may be missing before the log says so. */
const soonFailures = 10;

function ownAddresses(): readonly string[] {
  return Object.values(networkInterfaces()).flatMap((list) => (list ?? []).map(({ address }) => address));
}

export class PodSideApi {
  readonly #options: PodSideOptions;
  readonly #stopped = new AbortController();
  #listener: FurtherListener | undefined;
  #place: ServerPlace | undefined;
  #running: Promise<void> | undefined;

  constructor(options: PodSideOptions) {
    this.#options = options;
  }

  start(): void {
    this.#running = this.#run();
  }

  async stop(): Promise<void> {
    this.#stopped.abort();
    await this.#running;
    await this.#close();
  }

  async #run(): Promise<void> {
    const { api, env, log, signal } = this.#options;
    const over = AbortSignal.any([signal, this.#stopped.signal]);
    let failures = 0;
    let told = '';
    while (!over.aborted) {
      try {
        await keepServerEndpoints(api, [await this.#opened()]);
        failures = 0;
        told = '';
      } catch (error) {
        failures += 1;
        const message = errorMessage(error);
        // The namespace is made a moment after the first start.
        const isSoon = isNotFound(error) || isApiAbsent(error);
        if (message !== told && (!isSoon || failures > soonFailures)) {
          log.warn({ error: message }, 'pods cannot reach the API yet, trying again');
          told = message;
        }
      }
      const waitMs = failures === 0 ? periodMs : Math.min(retryLimitMs, retryMs * failures);
      await env.timers.sleep(waitMs, over).catch(() => undefined);
    }
  }

  /** Where it is served; opened when it is not yet, or when the node has another address in the pod network by now. */
  async #opened(): Promise<ServerPlace> {
    const { endpoint, network, log } = this.#options;
    const { podCidr, nodeAddress }: NodeNetwork = await network.nodeNetwork();
    if (this.#place?.address === nodeAddress) return this.#place;
    await this.#close();
    const own = addressOfServer(endpoint.url());
    // Pods without a network of their own reach what their machine does.
    if (own?.address === nodeAddress) return (this.#place = this.#placed(own));
    this.#listener = await endpoint.listenAlso(nodeAddress, admission(podCidr, ownAddresses));
    this.#place = this.#placed({ address: nodeAddress, port: this.#listener.port });
    log.info({ ...this.#place }, 'serving the API to the pods of this node');
    return this.#place;
  }

  #placed(place: ServerPlace): ServerPlace {
    const { nodeName } = this.#options;
    return nodeName === undefined ? place : { ...place, nodeName };
  }

  async #close(): Promise<void> {
    const listener = this.#listener;
    this.#listener = undefined;
    this.#place = undefined;
    await listener?.close();
  }
}
