/** What `npm start` shows: the example in `examples/web`, and requests to its service being spread over the pods. */
import { readFileSync } from 'node:fs';
import { request } from 'node:http';
import { fileURLToPath } from 'node:url';
import { parseAllDocuments } from 'yaml';
import type { ApiClient } from '@timonel/sdk/contracts/api';
import {
  deployments,
  isAlreadyExists,
  services,
  type Deployment,
  type KubeObject,
  type ResourceType,
  type Service,
} from '@timonel/sdk/kube';
import { CliError } from '../errors.ts';

const manifest = fileURLToPath(new URL('../../../examples/web/web.yaml', import.meta.url));
const requestCount = 12;
const rolloutTimeoutMs = 60_000;

const kinds: Readonly<Record<string, ResourceType>> = { Deployment: deployments, Service: services };

async function apply(api: ApiClient, object: KubeObject): Promise<'created' | 'configured'> {
  const type = kinds[object.kind ?? ''];
  if (type === undefined)
    throw new CliError(`${manifest} holds a ${object.kind ?? 'nameless kind'}, which the demo does not know.`);
  const named = { ...object, metadata: { ...object.metadata, namespace: 'default' } };
  try {
    await api.create(type, named, { fieldManager: 'timonel-demo' });
    return 'created';
  } catch (error) {
    if (!isAlreadyExists(error)) throw error;
  }
  await api.patch(type, { namespace: 'default', name: named.metadata.name ?? '' }, { type: 'merge', body: named });
  return 'configured';
}

async function rolledOut(api: ApiClient): Promise<Deployment> {
  const signal = AbortSignal.timeout(rolloutTimeoutMs);
  try {
    for await (const { object } of api.watch(deployments, {
      namespace: 'default',
      fieldSelector: 'metadata.name=web',
      signal,
    })) {
      const wanted = object.spec.replicas ?? 1;
      const { status } = object;
      const current = (status?.observedGeneration ?? 0) >= (object.metadata.generation ?? 0);
      if (current && status?.availableReplicas === wanted && status.updatedReplicas === wanted) return object;
    }
  } catch (error) {
    if (!signal.aborted) throw error;
  }
  throw new CliError(
    `The demo's pods are not ready after ${rolloutTimeoutMs / 1000} s: \`kubectl describe pods\` tells why.`,
  );
}

/** One request on a connection of its own, so that each is balanced anew. */
function ask(address: string, port: number): Promise<string> {
  return new Promise((resolve, reject) => {
    const call = request({ host: address, port, agent: false, timeout: 2000 }, (response) => {
      let text = '';
      response.on('data', (chunk: Buffer) => {
        text += chunk.toString();
      });
      response.on('end', () => resolve(text.trim()));
      response.on('error', reject);
    });
    call.on('timeout', () => call.destroy(new Error('no answer within 2 s')));
    call.on('error', reject);
    call.end();
  });
}

/** The proxy learns of the endpoints a moment after the Deployment does: ask until so many pods have answered, for 10 s at most. */
async function untilServed(address: string, port: number, pods: number): Promise<void> {
  const deadline = performance.now() + 10_000;
  const answered = new Set<string>();
  for (;;) {
    try {
      answered.add(await ask(address, port));
      if (answered.size >= pods || performance.now() > deadline) return;
      await new Promise((resolve) => setTimeout(resolve, 10));
    } catch (cause) {
      if (performance.now() > deadline) {
        throw new CliError(
          `The service at ${address}:${port} does not answer: \`timonel plugin list\` shows the proxy's state.`,
          1,
          { cause },
        );
      }
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }
}

/**
 * Applies the example, waits for it, and prints which pod answered each of a dozen requests, or more until each pod has. `isOutside`: whoever
 * reads this is not in the network of the node.
 */
export async function runDemo(api: ApiClient, print: (line: string) => void, isOutside: boolean): Promise<void> {
  print('');
  print('Demo: examples/web');
  for (const document of parseAllDocuments(readFileSync(manifest, 'utf8'))) {
    const object = document.toJS() as KubeObject;
    const done = await apply(api, object);
    print(`  ${(object.kind ?? '').toLowerCase()}/${object.metadata.name ?? ''} ${done}`);
  }
  const deployment = await rolledOut(api);
  print(`  ${deployment.status?.availableReplicas ?? 0} pods are ready`);
  const service: Service = await api.get(services, { namespace: 'default', name: 'web' });
  const address = service.spec.clusterIP ?? '';
  const port = service.spec.ports?.[0]?.port ?? 80;
  const available = deployment.status?.availableReplicas ?? 1;
  await untilServed(address, port, available);
  const answers = new Map<string, number>();
  let n = 0;
  // The proxy may choose at random.
  while (n < requestCount || (answers.size < available && n < 5 * requestCount)) {
    n += 1;
    const pod = await ask(address, port);
    answers.set(pod, (answers.get(pod) ?? 0) + 1);
    print(`  request ${String(n).padStart(2)} answered by ${pod}`);
  }
  print(
    `  ${n} requests were answered by ${answers.size} pods: ${[...answers].map(([pod, count]) => `${pod} ${count}×`).join(', ')}`,
  );
  print('');
  print(`The service:  ${isOutside ? 'timonel unshare ' : ''}curl http://${address}:${port}/`);
}
