/** A kernel with the API server on a memory store, and an HTTPS client for it, for tests. */
import { request as httpsRequest, Agent } from 'node:https';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { PluginEntry } from '@timonel/core';
import type { AnyPlugin, Env } from '@timonel/sdk';
import { apiClient, type ApiClient } from '@timonel/sdk/contracts/api';
import { apiEndpoint } from '@timonel/sdk/contracts/api-server';
import { startTestKernel, type TestKernel } from '@timonel/testkit';
import admissionNamespace from '@timonel/plugin-admission-namespace';
import apiCrds from '@timonel/plugin-api-crds';
import apiKernel from '@timonel/plugin-api-kernel';
import apiResources from '@timonel/plugin-api-resources';
import apiServer from '@timonel/plugin-apiserver';
import authServiceAccount from '@timonel/plugin-auth-serviceaccount';
import authToken, { adminTokenFile } from '@timonel/plugin-auth-token';
import serviceAllocator from '@timonel/plugin-service-allocator';
import storeMemory from '@timonel/plugin-store-memory';
import type { Store } from '@timonel/sdk/contracts/store';
import { storePlugin } from './unsteady-store.ts';

export interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly text: string;
  /** Parsed JSON; undefined when it is none. */
  // oxlint-disable-next-line no-explicit-any
  readonly body: any;
}

export interface RequestOptions {
  readonly body?: unknown;
  readonly type?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly token?: string | null;
}

export interface TestApiServer {
  readonly kernel: TestKernel;
  readonly api: ApiClient;
  readonly url: string;
  readonly token: string;
  readonly kubeconfig: string;
  send(method: string, path: string, options?: RequestOptions): Promise<Answer>;
  /** Opens a watch; `stop` ends it. */
  watch(path: string): HttpWatch;
  stop(): Promise<void>;
}

export interface HttpWatchEvent {
  readonly type: string;
  // oxlint-disable-next-line no-explicit-any
  readonly object: any;
}

export interface HttpWatch {
  readonly events: HttpWatchEvent[];
  readonly ended: Promise<void>;
  stop(): void;
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

const plugins: readonly AnyPlugin[] = [
  storeMemory,
  apiResources,
  authToken,
  authServiceAccount,
  apiServer,
  apiCrds,
  apiKernel,
  admissionNamespace,
  serviceAllocator,
];

export interface TestApiServerOptions {
  /** Beside those that every API server has, or in place of one of the same name. */
  readonly plugins?: readonly AnyPlugin[];
  readonly without?: readonly string[];
  /** Plugins that can be enabled or swapped in: built-in ones, or entries that say where they come from. */
  readonly available?: readonly (AnyPlugin | PluginEntry)[];
  readonly apiserver?: Record<string, unknown>;
  /** In place of a memory store of its own; not closed with the server: several may share it. */
  readonly store?: Store;
  /** Configuration of other plugins, by name. */
  readonly config?: Readonly<Record<string, unknown>>;
  /** Where everything lies, for a server that starts again. Default: a directory that goes with the server. */
  readonly dataDir?: string;
  /** Default: the real one. A simulated one must be moved on by the test, also while the server starts and stops. */
  readonly env?: Env;
}

export async function startApiServer(options: TestApiServerOptions = {}): Promise<TestApiServer> {
  const given = options.plugins ?? [];
  const usual = options.store === undefined ? plugins : [storePlugin(options.store), ...plugins.slice(1)];
  const own = usual.filter(({ name }) => given.every((other) => other.name !== name));
  const chosen = [...own, ...given].filter(({ name }) => !options.without?.includes(name));
  const kernel = await startTestKernel({
    plugins: chosen,
    available: (options.available ?? []).map((plugin) =>
      'definition' in plugin
        ? plugin
        : { definition: plugin, config: options.config?.[plugin.name], source: 'built-in' },
    ),
    ...(options.dataDir === undefined ? {} : { dataDir: options.dataDir }),
    ...(options.env === undefined ? {} : { env: options.env }),
    config: { ...options.config, apiserver: { listen: { port: 0 }, ...options.apiserver } },
  });
  const endpoint = kernel.service(apiEndpoint);
  const ca = endpoint.caCertificate();
  const url = endpoint.url();
  const token = readFileSync(adminTokenFile(join(kernel.dataDir, 'auth-token')), 'utf8').trim();
  const agent = new Agent({ keepAlive: true, ca });
  const kubeconfig = join(kernel.dataDir, 'kubeconfig');
  writeFileSync(kubeconfig, kubeconfigText(url, ca, token));
  const server: TestApiServer = {
    kernel,
    api: kernel.service(apiClient),
    url,
    token,
    kubeconfig,
    send: (method, path, request = {}) => send({ url, path }, method, agent, request, token),
    watch: (path) => openWatch(new URL(path, url), agent, token),
    async stop() {
      agent.destroy();
      await kernel.stop();
    },
  };
  return server;
}

function kubeconfigText(server: string, ca: string, token: string): string {
  return JSON.stringify({
    apiVersion: 'v1',
    kind: 'Config',
    clusters: [{ name: 'test', cluster: { server, 'certificate-authority-data': Buffer.from(ca).toString('base64') } }],
    users: [{ name: 'admin', user: { token } }],
    contexts: [{ name: 'test', context: { cluster: 'test', user: 'admin' } }],
    'current-context': 'test',
  });
}

function headersOf(options: RequestOptions, token: string, payload: Buffer | undefined): Record<string, string> {
  const bearer = options.token === undefined ? token : options.token;
  return {
    ...(bearer === null ? {} : { authorization: `Bearer ${bearer}` }),
    ...(payload === undefined ? {} : { 'content-type': options.type ?? 'application/json' }),
    ...(payload === undefined ? {} : { 'content-length': String(payload.length) }),
    ...options.headers,
  };
}

function payloadOf(body: unknown): Buffer | undefined {
  if (body === undefined) return undefined;
  if (Buffer.isBuffer(body)) return body;
  return Buffer.from(typeof body === 'string' ? body : JSON.stringify(body));
}

/** The path goes out as it is: the URL class would tidy it up. */
function send(
  to: { url: string; path: string },
  method: string,
  agent: Agent,
  options: RequestOptions,
  token: string,
): Promise<Answer> {
  const payload = payloadOf(options.body);
  const { hostname, port } = new URL(to.url);
  const { path } = to;
  return new Promise((resolve, reject) => {
    const request = httpsRequest(
      { hostname, port, path, method, agent, headers: headersOf(options, token, payload) },
      (response) => {
        const chunks: Buffer[] = [];
        response.on('data', (chunk: Buffer) => chunks.push(chunk));
        response.on('error', reject);
        response.on('end', () => {
          const text = Buffer.concat(chunks).toString('utf8');
          resolve({ status: response.statusCode ?? 0, headers: response.headers, text, body: jsonOf(text) });
        });
      },
    );
    request.on('error', reject);
    request.end(payload);
  });
}

function openWatch(url: URL, agent: Agent, token: string): HttpWatch {
  const events: HttpWatchEvent[] = [];
  let rest = '';
  const request = httpsRequest(url, { agent, headers: { authorization: `Bearer ${token}` } });
  const ended = new Promise<void>((resolve) => {
    request.on('error', () => resolve());
    request.on('response', (response) => {
      response.setEncoding('utf8');
      response.on('data', (text: string) => {
        const lines = (rest + text).split('\n');
        rest = lines.pop() ?? '';
        for (const line of lines) if (line !== '') events.push(JSON.parse(line) as HttpWatchEvent);
      });
      response.on('error', () => resolve());
      response.on('close', () => resolve());
    });
  });
  request.end();
  return { events, ended, stop: () => request.destroy() };
}
