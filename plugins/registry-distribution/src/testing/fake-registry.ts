/** A registry that does whatever a test wants. */
import { createHash } from 'node:crypto';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createRealEnv } from '@timonel/core/env';
import type { RegistryCredentials } from '@timonel/sdk/contracts/images';
import type { Descriptor, ImageReference, RegistryAccess } from '@timonel/sdk/contracts/registry';
import { createRecordingLogger, type RecordingLogger } from '@timonel/testkit';
import { openImageRegistry, type OpenImageRegistry } from '../index.ts';

export interface SeenRequest {
  readonly method: string;
  readonly url: string;
  readonly headers: IncomingMessage['headers'];
  /** Of the client: tells connections apart. */
  readonly port: number | undefined;
}

export interface FakeRegistry {
  /** `127.0.0.1:PORT`. */
  readonly host: string;
  /** What came, without the question which scheme is spoken. */
  readonly requests: readonly SeenRequest[];
  /** How many are open at the moment. */
  connections(): Promise<number>;
  close(): Promise<void>;
}

export type Handler = (request: IncomingMessage, response: ServerResponse) => void;

export async function fakeRegistry(handler: Handler): Promise<FakeRegistry> {
  const requests: SeenRequest[] = [];
  const server = createServer((request, response) => {
    const { method = '', url = '', headers } = request;
    requests.push({ method, url, headers, port: request.socket.remotePort });
    response.on('error', () => undefined);
    handler(request, response);
  });
  // No connection ends by itself: one that the client leaks is noticed.
  server.keepAliveTimeout = 0;
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', () => resolve());
  });
  return {
    host: `127.0.0.1:${(server.address() as AddressInfo).port}`,
    requests,
    connections: () =>
      new Promise((resolve, reject) => {
        server.getConnections((error, count) => (error === null ? resolve(count) : reject(error)));
      }),
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

/** Servers and clients of one test file, all closed by `close`. */
export class Bed {
  readonly log: RecordingLogger = createRecordingLogger();
  readonly #open: { close(): void | Promise<void> }[] = [];

  async registry(handler: Handler): Promise<FakeRegistry> {
    const made = await fakeRegistry(handler);
    this.#open.push(made);
    return made;
  }

  /** One that is soon at its limits. */
  client(config: Readonly<Record<string, unknown>> = {}): OpenImageRegistry {
    const quick = { tries: 3, backoffMs: 1, backoffMaxMs: 2, stallTimeoutMs: 100, requestTimeoutMs: 5000 };
    const made = openImageRegistry({ env: createRealEnv(), log: this.log, config: { ...quick, ...config } });
    this.#open.push(made);
    return made;
  }

  async close(): Promise<void> {
    for (const one of this.#open.splice(0).reverse()) await one.close();
  }
}

export const anyone: RegistryAccess = { credentials: [], plainHttp: false, signal: undefined };

export function as(...credentials: readonly RegistryCredentials[]): RegistryAccess {
  return { ...anyone, credentials };
}

export function image({ host }: { readonly host: string }, tag = 'latest', repository = 'team/app'): ImageReference {
  return { registry: host, repository, tag, digest: '' };
}

export function digestOf(bytes: string | Uint8Array): string {
  return `sha256:${createHash('sha256').update(bytes).digest('hex')}`;
}

export function blobOf(bytes: Uint8Array): Descriptor {
  return { mediaType: 'application/vnd.oci.image.layer.v1.tar', digest: digestOf(bytes), size: bytes.length };
}

export const ociManifest = 'application/vnd.oci.image.manifest.v1+json';

export async function collect(source: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of source) chunks.push(chunk);
  return Buffer.concat(chunks);
}

/** What a call failed with. */
export async function failureOf(call: Promise<unknown>): Promise<{ reason: string; message: string }> {
  try {
    await call;
  } catch (error) {
    const { reason = '', message } = error as { reason?: string; message: string };
    return { reason, message };
  }
  throw new Error('it did not fail');
}
