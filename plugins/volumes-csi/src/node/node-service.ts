/** A CSI driver's services on this node, at its socket. */
import { errorMessage, type Env } from '@timonel/sdk';
import { VolumeError } from '@timonel/sdk/contracts/volume';
import { GrpcClient, type GrpcMethod } from '@timonel/sdk/grpc';
import { calls, nodeCapability, type NodeInfo } from './messages.ts';

export type CapabilityName = keyof typeof nodeCapability;

export class NodeService {
  readonly name: string;
  readonly endpoint: string;
  readonly #client: GrpcClient;
  readonly #timeoutMs: number;
  #capabilities: ReadonlySet<number> = new Set();

  constructor(name: string, endpoint: string, { env, timeoutMs }: { readonly env: Env; readonly timeoutMs: number }) {
    this.name = name;
    this.endpoint = endpoint;
    this.#timeoutMs = timeoutMs;
    this.#client = new GrpcClient({ socket: endpoint, env, callsLimit: 100, messageLimitBytes: 4 * 1024 * 1024 });
  }

  /** Asks what it can do and how it calls this node. Once, before anything else. @throws Error */
  async open(): Promise<NodeInfo> {
    const { capabilities } = await this.#client.call(calls.nodeGetCapabilities, {}, this.#timeoutMs);
    this.#capabilities = new Set(capabilities.map(({ rpc }) => rpc?.type ?? 0));
    const info = await this.#client.call(calls.nodeGetInfo, {}, this.#timeoutMs);
    if (info.nodeId === '')
      throw new Error(`driver ${this.name} does not say how it calls this node: node_id is empty`);
    return info;
  }

  can(what: CapabilityName): boolean {
    return this.#capabilities.has(nodeCapability[what]);
  }

  /** @throws VolumeError */
  async call<Request extends object, Answer>(method: GrpcMethod<Request, Answer>, request: Request): Promise<Answer> {
    try {
      return await this.#client.call(method, request, this.#timeoutMs);
    } catch (error) {
      const { code = 'Unknown' } = error as { code?: string };
      const what = method.path.split('/').at(-1) ?? '';
      throw new VolumeError(
        `${what} of driver ${this.name} failed: rpc error: code = ${goName(code)} desc = ${errorMessage(error)}`,
      );
    }
  }

  close(): void {
    this.#client.close();
  }
}

/** As drivers' own logs have it: `DeadlineExceeded`. */
function goName(code: string): string {
  return code.toLowerCase().replaceAll(/(?:^|_)([a-z])/g, (_all, letter: string) => letter.toUpperCase());
}
