/** A node in another process. */
import { errorMessage } from '@timonel/sdk';
import { containerLogPath, type LogOptions, type NodeEndpoint } from '@timonel/sdk/contracts/node';
import { ApiError } from '@timonel/sdk/kube';
import { placeOf, type NodeAddress } from './node-address.ts';
import { askNode, type RequestParts } from './node-request.ts';
import type { Turnstile } from './turnstile.ts';

export class RemoteNode implements NodeEndpoint {
  readonly #address: NodeAddress;
  readonly #parts: RequestParts;
  readonly #turnstile: Turnstile;

  constructor(address: NodeAddress, parts: RequestParts, turnstile: Turnstile) {
    this.#address = address;
    this.#parts = parts;
    this.#turnstile = turnstile;
  }

  nodeName(): string {
    return this.#address.nodeName;
  }

  exec(): Promise<never> {
    return this.#unserved();
  }

  attach(): Promise<never> {
    return this.#unserved();
  }

  portForward(): Promise<never> {
    return this.#unserved();
  }

  usage(): Promise<never> {
    return this.#unserved();
  }

  #unserved(): Promise<never> {
    return Promise.reject(new ApiError('MethodNotAllowed', `node "${this.nodeName()}" serves no sessions yet`));
  }

  async *logs(
    pod: { namespace: string; name: string; uid: string },
    options: LogOptions,
  ): AsyncGenerator<Uint8Array, void> {
    const leave = this.#turnstile.enter(options.signal);
    try {
      const response = await askNode(this.#address, containerLogPath(pod, options), this.#parts, leave.signal);
      try {
        yield* response as AsyncIterable<Uint8Array>;
      } catch (cause) {
        if (options.signal.aborted) return;
        const { nodeName } = this.#address;
        const message = `the log broke off: node "${nodeName}" (${placeOf(this.#address)}): ${errorMessage(cause)}`;
        throw new ApiError('ServiceUnavailable', message, undefined, { cause });
      } finally {
        response.destroy();
      }
    } finally {
      leave.done();
    }
  }
}
